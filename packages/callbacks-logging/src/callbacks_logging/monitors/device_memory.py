# SPDX-License-Identifier: MIT
"""How much memory a training takes."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from callbacks_core import Callback

if TYPE_CHECKING:
    from callbacks_core import FailurePolicy, Logs

_MIB: Final = 2**20
_STATM: Final = "/proc/self/statm"


class DeviceMemoryMonitor(Callback):
    """Write into each epoch's logs how much memory the training takes, in MiB.

    Every logger after it in the list has the values, and the history too. On CUDA devices they are
    those of torch's allocator:

    - ``memory_allocated``: what tensors take at the end of the epoch;
    - ``memory_reserved``: what the allocator has taken from the device;
    - ``memory_peak``: the most that tensors took at any time since the process began, or since
      somebody called `torch.cuda.reset_peak_memory_stats`.

    With weights on several devices the names get the device's number: ``memory_peak_cuda_1``.
    ``process_memory`` is the main memory that the process has (its resident set), where the system
    tells it, and ``process_memory_peak`` the most it had. A value that grows from epoch to epoch
    is a leak: often a loss that is kept with its graph.

    Example:
        >>> from callbacks_core.testing import play
        >>> [logs] = play(DeviceMemoryMonitor(), [{"loss": 0.5}]).history
        >>> logs["process_memory_peak"] > 10
        True
    """

    on_error: FailurePolicy = "disable"

    def on_epoch_end(self, epoch_number: int, logs: Logs) -> None:
        """Write the values; none of them makes anything wait for the device."""
        logs.update(_of_devices(self.model.network))
        logs.update(_of_process())


def _of_devices(network: Any) -> dict[str, float]:
    torch = sys.modules.get("torch")
    if network is None or torch is None:
        return {}
    devices = {weight.device for weight in network.parameters() if weight.is_cuda}
    found = {}
    for device in sorted(devices, key=lambda device: device.index):
        suffix = f"_cuda_{device.index}" if len(devices) > 1 else ""
        cuda = torch.cuda
        found["memory_allocated" + suffix] = cuda.memory_allocated(device) / _MIB
        found["memory_reserved" + suffix] = cuda.memory_reserved(device) / _MIB
        found["memory_peak" + suffix] = cuda.max_memory_allocated(device) / _MIB
    return found


def _of_process() -> dict[str, float]:
    found = {}
    if os.path.exists(_STATM):
        with open(_STATM, encoding="ascii") as file:
            pages = int(file.read().split()[1])
        found["process_memory"] = pages * os.sysconf("SC_PAGE_SIZE") / _MIB
    if find_spec("resource") is not None:  # everywhere but on Windows
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found["process_memory_peak"] = most / (_MIB if sys.platform == "darwin" else 1024)
    return found
