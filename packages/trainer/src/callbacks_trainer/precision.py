# SPDX-License-Identifier: MIT
"""Mixed precision: what is computed with fewer bits, and gradients that do not vanish in them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.optim import Optimizer

from callbacks_core import one_of

from .convert import torch_apply

Precision: TypeAlias = Literal["fp32", "bf16", "fp16"]
"""How many bits forward and loss are computed with."""

_TYPES: Final = {"bf16": torch.bfloat16, "fp16": torch.float16}
_NARROW: Final = frozenset(_TYPES.values())


class MixedPrecision:
    """Autocasts the forward and the loss; with ``"fp16"`` it scales the gradients too.

    Weights and the optimizer's state stay as they are, as `torch.autocast` wants it.

    Args:
        precision: ``"fp32"`` leaves everything alone, ``"bf16"`` and ``"fp16"`` autocast.
        device: Where the network is.

    Raises:
        ValueError: *precision* is none of these.

    Attributes:
        scaler: The scaler of the gradients with ``"fp16"``, else None. Its state is part of that
            of the run.
    """

    def __init__(self, precision: Precision, device: torch.device) -> None:
        one_of("precision", precision, ["fp32", *_TYPES])
        self.precision = precision
        self.scaler: torch.amp.GradScaler | None = None
        self.to(device)

    def to(self, device: torch.device) -> None:
        """Go on on another device, with the same scale."""
        self._device = device.type
        if self.precision != "fp16":
            return
        state = None if self.scaler is None else self.scaler.state_dict()
        self.scaler = torch.amp.GradScaler(device.type)
        if state:
            self.scaler.load_state_dict(state)

    @property
    def is_mixed(self) -> bool:
        """Whether anything is computed with fewer bits than the weights have."""
        return self.precision != "fp32"

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context of the forward and the loss."""
        if not self.is_mixed:
            return nullcontext()
        return torch.autocast(self._device, dtype=_TYPES[self.precision])

    def paused(self) -> AbstractContextManager[Any]:
        """Return the context of what is done in between, such as computing gradients."""
        return torch.autocast(self._device, enabled=False) if self.is_mixed else nullcontext()

    def widened(self, value: Any) -> Any:
        """Return a nest of outputs with its 16-bit tensors in float32, as users get them."""
        return torch_apply(value, _widen) if self.is_mixed else value

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of a loss, scaled if there is a scaler."""
        torch.autograd.backward(loss if self.scaler is None else self.scaler.scale(loss))

    def step(self, optimizer: Optimizer, complete: Callable[[], None]) -> None:
        """Take a step of the optimizer; a scaler leaves it out when a gradient is not finite.

        Which it is, is asked of the device: with a scaler each step waits for the gradients. An
        optimizer that could skip on the device by itself is asked as any other, or those who
        count its steps would count the skipped ones too.

        Args:
            optimizer: The optimizer.
            complete: Called before, when the gradients are complete and no longer scaled.
        """
        if self.scaler is None:
            complete()
            optimizer.step()
            return
        self.scaler.unscale_(optimizer)
        try:
            complete()
        except BaseException:
            self.to(torch.device(self._device))  # or the scaler waits for a step that never comes
            raise
        fused = getattr(optimizer, "_step_supports_amp_scaling", False)
        if fused:
            optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
        try:
            self.scaler.step(optimizer)
        finally:
            if fused:
                optimizer._step_supports_amp_scaling = True  # type: ignore[attr-defined]
        self.scaler.update()


def _widen(value: Tensor | PackedSequence) -> Any:
    data = value.data if isinstance(value, PackedSequence) else value
    return value.float() if data.dtype in _NARROW else value
