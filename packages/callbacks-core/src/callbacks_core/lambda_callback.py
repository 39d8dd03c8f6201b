# SPDX-License-Identifier: MIT
"""A callback made of functions."""

from __future__ import annotations

from collections.abc import Callable

from .callback import Callback
from .errors import did_you_mean
from .hooks import HOOKS


class LambdaCallback(Callback):
    """Call functions at hooks, without writing a class.

    ``LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))``

    Args:
        **hooks: A function for each hook that matters, under the hook's name. It takes what the
            method of `Callback` takes, without ``self``.

    Raises:
        TypeError: There is no hook of that name, or the value cannot be called.
    """

    def __init__(self, **hooks: Callable[..., object]) -> None:
        for name, function in hooks.items():
            if name not in HOOKS:
                raise TypeError(
                    f"LambdaCallback has no hook {name!r}"
                    f"{did_you_mean(name, HOOKS) or '; the hooks are ' + ', '.join(HOOKS)}"
                )
            if not callable(function):
                raise TypeError(f"`{name}` must be a function, not {function!r}")
            setattr(self, name, function)
