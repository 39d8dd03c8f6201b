# SPDX-License-Identifier: MIT
"""The whole state of a run, to be saved and gone on with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..callback import Callback, State
from ..callback_list import CallbackList, keyed
from ..packing import RowPacker, unpacked
from ..random_states import get_random_states, set_random_states
from ..run_saver import ResumeError, is_run_saver
from ..stateful import Stateful
from ..stopping import stop_reason, stop_training
from ._matching import Matching, refuse_other_network, refuse_other_optimizer
from ._place import Place

if TYPE_CHECKING:
    from ..model_like import ModelLike
    from ._epoch import Epoch
    from ._pass import Kind

FORMAT: Final = 2
"""The version of the schema of a run's state; version 1 has the history as a list of dicts."""

_KNOWN: Final = (1, FORMAT)

_PARTS: Final = ("scaler", "loss_function")
_OF_A_PASS: Final = "metrics"


class Run:
    """A training as one object with a state: all that is needed to go on as if nothing had been.

    Args:
        model: What is trained. Beside network and optimizer its ``scaler``, ``loss_function`` and
            ``metrics`` are of the run, where it has them and they have a state.
        callbacks: The callbacks.
        history: The logs of the epochs, which is written to.
        also: Further objects with a state, by their names.

    Attributes:
        epoch: The running epoch.
        arguments: What the run was started with, to be compared.
        resumed: Where the run goes on in the middle of an epoch; None otherwise.
    """

    def __init__(
        self,
        model: ModelLike,
        callbacks: CallbackList,
        history: list[dict[str, float]],
        also: Mapping[str, Stateful],
    ) -> None:
        self.epoch: Epoch | None = None
        self.arguments: dict[str, Any] = {}
        self.resumed: State | None = None
        self.places: dict[Kind, Place] = {
            "train": Place("training"),
            "valid": Place("validation"),
        }
        self._model = model
        self._callbacks = callbacks
        self._history = history
        self._packer = RowPacker()
        self._also = dict(also)
        self._random: State | None = None
        self._metrics: State | None = None

    def begin(self, *, remembers: bool) -> None:
        """Begin anew, with the first epoch.

        Args:
            remembers: Whether somebody is going to save the run.
        """
        self.resumed = self._random = self._metrics = None
        for place in self.places.values():
            place.remembers = remembers
            place.load(None, [])

    def state_dict(self) -> State:
        """Return the state, in plain types and tensors; the tensors are the live ones.

        What is under ``"local"`` is of this process alone, where several train together.
        """
        optimizer = self._model.optimizer
        return {
            "format": FORMAT,
            "network": self._model.network.state_dict(),
            "optimizer": None if optimizer is None else optimizer.state_dict(),
            "parts": {name: part.state_dict() for name, part in self._parts()},
            "callbacks": {key: callback.state_dict() for key, callback in self._keyed()},
            "history": self._packer.pack(self._history),
            "local": self._local(),
            "stopped": bool(self._model.stop_training),
            "stop_reason": stop_reason(self._model),
            "arguments": dict(self.arguments),
        }

    def _local(self) -> State:
        within = None if self.epoch is None else self.epoch.state_dict()
        metrics = None if within is None else self._part(_OF_A_PASS)
        return {
            "within": within,
            "metrics": None if metrics is None else metrics.state_dict(),
            "places": {
                "train": self.places["train"].state(within["batch"] if within else 0),
                "valid": self.places["valid"].state(0),
            },
            "random": get_random_states(),
        }

    def load_state_dict(self, state: Mapping[str, Any], *, strict: bool = False) -> None:
        """Take up a state, but for the random states, which follow when training has begun.

        Args:
            state: What `state_dict` returned.
            strict: Whether to refuse a state when callbacks, parts or arguments differ.

        Raises:
            ResumeError: It is that of another network, of another optimizer, or no state of a
                run; or something differs, and that is to be refused. Nothing is changed then.
        """
        refuse_other_format(state)
        network, optimizer = self._model.network, self._model.optimizer
        refuse_other_network(network, state["network"])
        refuse_other_optimizer(optimizer, state["optimizer"])
        listeners, parts = dict(self._keyed()), dict(self._parts())
        matching = Matching()
        learning = {key: _learns(callback) for key, callback in listeners.items()}
        matching.compare("callback", state["callbacks"], learning)
        matching.compare("part", state["parts"], dict.fromkeys(parts, True))
        matching.compare_arguments(state["arguments"], self.arguments)
        matching.tell(strict=strict)
        network.load_state_dict(state["network"])
        if optimizer is not None:
            optimizer.load_state_dict(state["optimizer"])
        for name in matching.matched["part"]:
            parts[name].load_state_dict(state["parts"][name])
        for key in matching.matched["callback"]:
            if state["callbacks"][key]:
                listeners[key].load_state_dict(state["callbacks"][key])
        self._history[:] = unpacked(state["history"])
        local = state["local"]
        self.resumed, self._metrics = local["within"], local["metrics"]
        self._random = local["random"]
        settled: list[Any] = []
        for kind, place in self.places.items():
            place.load(local["places"][kind], settled)
        if state["stopped"]:
            stop_training(self._model, state["stop_reason"])

    def first_epoch(self, initial: int) -> int:
        """Return the number of the epoch to go on with."""
        if self.resumed is not None:
            return int(self.resumed["epoch"])
        if self._random is None:
            return initial
        return int(self._history[-1]["epoch"]) + 1 if self._history else initial

    def settle(self) -> None:
        """Put the random generators into their saved states: all callbacks have begun."""
        if self._random is not None:
            set_random_states(self._random)

    def settle_pass(self) -> None:
        """Give the metrics the state that they had within the epoch, if it is gone on with."""
        metrics = self._part(_OF_A_PASS)
        if self._metrics is not None and metrics is not None:
            metrics.load_state_dict(self._metrics)
        self._metrics = None

    def _keyed(self) -> Iterator[tuple[str, Callback]]:
        for key, callback in keyed(self._callbacks):
            if not is_run_saver(callback):
                yield key, callback

    def _parts(self) -> Iterator[tuple[str, Stateful]]:
        for name in _PARTS:
            part = self._part(name)
            if part is not None:
                yield name, part
        yield from self._also.items()

    def _part(self, name: str) -> Stateful | None:
        part = getattr(self._model, name, None)
        return part if isinstance(part, Stateful) else None


def _learns(callback: Callback) -> bool:
    return type(callback).state_dict is not Callback.state_dict


def progress(state: Mapping[str, Any]) -> tuple[int, int]:
    """Return how far a saved run had come, in epochs and batches; nowhere if it is no run."""
    within = state["local"]["within"] if "local" in state else None
    return len(unpacked(state.get("history", ()))), 0 if within is None else int(within["batch"])


def refuse_other_format(state: object) -> None:
    """Raise unless *state* is one of a run, in the format that this version knows.

    Raises:
        ResumeError: It is not.
    """
    if not isinstance(state, Mapping) or "format" not in state or "local" not in state:
        raise ResumeError(
            "the checkpoint is not that of a run, which a TrainingCheckpoint saves, but of "
            "something else, such as weights alone"
        )
    if state["format"] not in _KNOWN:
        raise ResumeError(
            f"the saved run has the format {state['format']!r}, and this version knows those up "
            f"to {FORMAT} alone: a later version of callbacks-core has saved it"
        )
