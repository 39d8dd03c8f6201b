# SPDX-License-Identifier: MIT
"""When to save: after so many epochs, batches or seconds, or when something happens."""

from ._agreed import AgreedTrigger, in_step, members
from ._any import AnyTrigger
from ._control import OnControl
from ._counted import EveryBatches, EveryEpochs
from ._exception import OnException
from ._file import OnFile
from ._signal import OnSignal
from ._timed import EveryMinutes, EverySeconds
from ._trigger import Trigger, acted_upon

__all__ = [
    "AgreedTrigger",
    "AnyTrigger",
    "EveryBatches",
    "EveryEpochs",
    "EveryMinutes",
    "EverySeconds",
    "OnControl",
    "OnException",
    "OnFile",
    "OnSignal",
    "Trigger",
    "acted_upon",
    "in_step",
    "members",
]
