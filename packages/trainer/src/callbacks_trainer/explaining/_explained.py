# SPDX-License-Identifier: MIT
"""The context in which batches are run, which explains what goes wrong in it."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from torch.nn import Module

from ._causes import likely_cause
from ._describing import described
from ._evidence import Evidence, evidence_of

if TYPE_CHECKING:
    from callbacks_core import Pass

_KINDS: Final = {
    "train": "training",
    "valid": "validation",
    "test": "test",
    "predict": "prediction",
}
_NAMES: Final = {"batch": "batch", "x": "inputs", "y": "targets", "y_pred": "outputs"}


class Explained:
    """Adds notes to an exception of a batch: which batch, what it held, the likely cause.

    Args:
        network: The network.
        batches: The pass over the loader; None for a single batch.
        epoch: The number of the epoch, where there is one.
    """

    def __init__(
        self, network: Module, batches: Pass[Any] | None = None, epoch: int | None = None
    ) -> None:
        self._network = network
        self._batches = batches
        self._epoch = epoch

    def __enter__(self) -> None:
        """Do nothing: all that is needed comes with the exception."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Add the notes, unless a callback is to blame, whose name the exception has."""
        if not isinstance(error, Exception) or _is_a_callbacks(error):
            return
        evidence = evidence_of(error, self._network)
        if evidence is None:
            return
        error.add_note(f"in {self._place(evidence)}{_what_it_held(evidence)}")
        cause = likely_cause(evidence)
        if cause:
            error.add_note(cause)

    def _place(self, evidence: Evidence) -> str:
        if self._batches is None:
            return "the batch"
        number = self._batches.batch_number + evidence.is_fetching
        epoch = "" if self._epoch is None else f" of epoch {self._epoch}"
        return f"{_KINDS[self._batches.kind]} batch {number}{epoch}"


def _is_a_callbacks(error: Exception) -> bool:
    return any(note.startswith("raised by ") for note in getattr(error, "__notes__", ()))


def _what_it_held(evidence: Evidence) -> str:
    parts = evidence.parts
    if evidence.is_fetching:
        return ", which the loader could not give"
    shown = ("x", "y", "y_pred") if "x" in parts else ("batch",)
    listed = "; ".join(
        f"{_NAMES[name]}: {described(parts[name])}" for name in shown if name in parts
    )
    return f"{_where(evidence)}, with {listed}" if listed else _where(evidence)


def _where(evidence: Evidence) -> str:
    if evidence.metric is not None:
        return f", in the metric {evidence.metric!r}"
    if evidence.layer is None:
        return ""
    name, module = evidence.layer
    what = type(module).__name__ if any(True for _ in module.children()) else repr(module)
    return f", in the layer {name!r}, {what}" if name else f", in the network, {what}"
