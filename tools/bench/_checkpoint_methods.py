# SPDX-License-Identifier: MIT
"""One way to save a training, measured in a process of its own: a child of `_checkpoints`."""

from __future__ import annotations

import json
import os
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, ClassVar, Final

import torch
from torch import Tensor, nn

from callbacks_checkpoint import save_checkpoint
from callbacks_checkpoint.asynchronous import AsynchronousSaver
from callbacks_core import SimpleModel

_WIDTH: Final = 2048
_BATCH: Final = 16
_STEPS: Final = 4
_SAVES: Final = 3


class Training:
    """A network of about *millions* of parameters, with Adam, on one thread."""

    def __init__(self, millions: float) -> None:
        torch.manual_seed(0)
        layers = max(1, round(millions * 1e6 / _WIDTH**2))
        self.network = nn.Sequential(*(nn.Linear(_WIDTH, _WIDTH) for _ in range(layers)))
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-5, fused=True)
        self._x = torch.randn(_BATCH, _WIDTH)

    def step(self) -> None:
        self.optimizer.zero_grad(set_to_none=False)
        self.network(self._x).square().mean().backward()
        self.optimizer.step()

    def state(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def tensors(self) -> list[Tensor]:
        states = self.optimizer.state.values()
        return [*self.network.state_dict().values(), *(v for s in states for v in s.values())]


class Method(ABC):
    """A way to save.

    Attributes:
        needs: A module that it comes from, besides torch and ourselves.
    """

    needs: ClassVar[str] = "torch"

    def __init__(self, training: Training, folder: Path) -> None:
        self.training = training
        self.folder = folder

    @abstractmethod
    def save(self) -> None:
        """Do what training has to wait for."""

    def wait(self) -> None:  # noqa: B027  # most need not
        """Wait until it is on disk."""

    def close(self) -> None:  # noqa: B027  # likewise
        """Wait for everything."""


class Copy(Method):
    """Into memory that is there already."""

    def __init__(self, training: Training, folder: Path) -> None:
        super().__init__(training, folder)
        self._copies = [torch.empty_like(tensor) for tensor in training.tensors()]

    def save(self) -> None:
        for copy, tensor in zip(self._copies, self.training.tensors(), strict=True):
            copy.copy_(tensor)


class TorchSave(Method):
    def save(self) -> None:
        torch.save(self.training.state(), self.folder / "a.pt")


class TorchSaveDurably(Method):
    def save(self) -> None:
        durably(self.folder / "a.pt", lambda file: torch.save(self.training.state(), file))


class Synchronous(Method):
    def save(self) -> None:
        save_checkpoint(self.training.state(), self.folder / "a.pt")


class Asynchronous(Method):
    def __init__(self, training: Training, folder: Path) -> None:
        super().__init__(training, folder)
        self._saver = AsynchronousSaver()

    def save(self) -> None:
        self._saver.save(self.training.state(), self.folder / "a.pt", overlap=self.overlap())

    def overlap(self) -> SimpleModel | None:
        return None

    def wait(self) -> None:
        self._saver.wait()

    def close(self) -> None:
        self._saver.close()


class Overlapped(Asynchronous):
    def overlap(self) -> SimpleModel | None:
        return SimpleModel(self.training.network, self.training.optimizer)


class Distributed(Method):
    """``torch.distributed.checkpoint.async_save``."""

    def __init__(self, training: Training, folder: Path) -> None:
        super().__init__(training, folder)
        self._future: Any = None

    def save(self) -> None:
        from torch.distributed.checkpoint.filesystem import FileSystemWriter
        from torch.distributed.checkpoint.state_dict_saver import async_save

        writer = FileSystemWriter(self.folder / "dcp")
        self._future = async_save(
            self.training.state(), storage_writer=writer, async_stager=self.stager()
        )

    def stager(self) -> Any:
        """Return what copies the state; None for what comes with the writer."""
        return None

    def wait(self) -> None:
        self._future.result()


class DistributedCached(Distributed):
    """The same, with a stager that keeps its memory."""

    def __init__(self, training: Training, folder: Path) -> None:
        super().__init__(training, folder)
        from torch.distributed.checkpoint.staging import DefaultStager, StagingOptions

        self._stager = DefaultStager(StagingOptions(False, False, False, False))

    def stager(self) -> Any:
        return self._stager


class Lightning(Method):
    needs = "pytorch_lightning"

    def __init__(self, training: Training, folder: Path) -> None:
        super().__init__(training, folder)
        self._io = self._plugins().TorchCheckpointIO()

    def _plugins(self) -> Any:
        return import_module("pytorch_lightning.plugins.io")

    def save(self) -> None:
        self._io.save_checkpoint(self.training.state(), self.folder / "a.ckpt")


class LightningAsynchronous(Lightning):
    def __init__(self, training: Training, folder: Path) -> None:
        super().__init__(training, folder)
        self._io = self._plugins().AsyncCheckpointIO(self._io)

    def wait(self) -> None:
        executor = self._io._executor  # it tells nobody when it is done
        executor.submit(int).result()

    def close(self) -> None:
        self._io.teardown()


class Ignite(Method):
    needs = "ignite"

    def __init__(self, training: Training, folder: Path) -> None:
        super().__init__(training, folder)
        self._saver: Any = import_module("ignite.handlers").DiskSaver(folder, require_empty=False)

    def save(self) -> None:
        self._saver(self.training.state(), "a.pt")


class Poutyne(Method):
    needs = "poutyne"

    def __init__(self, training: Training, folder: Path) -> None:
        super().__init__(training, folder)
        poutyne: Any = import_module("poutyne")
        model = poutyne.Model(training.network, training.optimizer, "mse")
        self._savers: list[Any] = [
            poutyne.ModelCheckpoint(str(folder / "a.ckpt")),
            poutyne.OptimizerCheckpoint(str(folder / "a.optim")),
        ]
        for saver in self._savers:
            saver.set_model(model)

    def save(self) -> None:
        for saver in self._savers:
            saver.on_epoch_end(1, {})


METHODS: Final[dict[str, type[Method]]] = {
    "copy in memory": Copy,
    "torch.save in place": TorchSave,
    "torch.save, fsync, rename": TorchSaveDurably,
    "save_checkpoint": Synchronous,
    "AsynchronousSaver": Asynchronous,
    "AsynchronousSaver, overlap": Overlapped,
    "DCP async_save": Distributed,
    "DCP async_save, cached": DistributedCached,
    "Poutyne": Poutyne,
    "Ignite": Ignite,
    "Lightning": Lightning,
    "Lightning, asynchronous": LightningAsynchronous,
}


def durably(path: Path, write: Callable[[Any], object]) -> None:
    """Write, fsync, rename: what is to be beaten. The folder is not synced."""
    temporary = f"{path}.tmp"
    with open(temporary, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)


def measure(method: Method) -> dict[str, float]:
    """Return milliseconds that training is blocked, that it loses besides, until all is durable."""
    training = method.training
    step = median(_seconds(training.step) for _ in range(_STEPS + 1))
    begin = perf_counter()
    method.save()
    blocked = perf_counter() - begin
    durable = blocked
    waiting = threading.Event()

    def watch() -> None:
        nonlocal durable
        method.wait()
        durable = perf_counter() - begin
        waiting.set()

    threading.Thread(target=watch, daemon=True).start()
    going_on, steps = perf_counter(), 0
    while steps < _STEPS or not waiting.is_set():
        training.step()
        steps += 1
    lost = perf_counter() - going_on - steps * step
    return {"blocked": blocked * 1e3, "lost": lost * 1e3, "durable": durable * 1e3}


def _seconds(act: Callable[[], object]) -> float:
    begin = perf_counter()
    act()
    return perf_counter() - begin


def _memory(what: str) -> float:
    """Return a number of bytes out of what Linux tells of this process."""
    with open("/proc/self/status", encoding="ascii") as file:
        (line,) = (line for line in file if line.startswith(what))
    return float(line.split()[1]) * 1024


def main() -> None:
    """Measure the method named on the command line, and print what was found as JSON."""
    name, millions, folder = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    training = Training(millions)
    training.step()
    size = sum(tensor.nbytes for tensor in training.tensors())
    before = _memory("VmRSS")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # forget the highest use of memory so far
    method = METHODS[name](training, folder)
    method.save()  # the first save makes what later ones use again
    method.wait()
    saves = [measure(method) for _ in range(_SAVES)]
    found = {what: median(save[what] for save in saves) for what in saves[0]}
    method.close()
    print(json.dumps({**found, "copies": (_memory("VmHWM") - before) / size, "size": size}))


if __name__ == "__main__":
    main()
