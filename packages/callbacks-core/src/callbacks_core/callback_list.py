# SPDX-License-Identifier: MIT
"""Several callbacks as one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ._dispatch import Hook, Member, is_real, name_culprit
from ._logger import logger
from .callback import Callback, State
from .errors import did_you_mean
from .hooks import HOOKS
from .timing import HookTime, time_table

if TYPE_CHECKING:
    from .model_like import ModelLike


class CallbackList(Callback):
    """Callbacks called in the order of the list, as one callback.

    Each hook is bound once, to the callbacks that override it. What one of them raises gets a
    note that names it (``raised by EarlyStopping.on_epoch_end``) and is handled as its
    `Callback.on_error` says. How long each one takes is counted all the time; `time_table` shows
    it.

    Args:
        callbacks: The callbacks, or none.

    Raises:
        TypeError: One of them is a class, or no callback at all.
        ValueError: One of them has an unknown failure policy.
    """

    def __init__(self, callbacks: Iterable[Callback] | Callback | None = None) -> None:
        if callbacks is None:
            callbacks = ()
        if isinstance(callbacks, Callback):
            callbacks = (callbacks,)
        _require_list(callbacks)
        self._members = [_member(index, callback) for index, callback in enumerate(callbacks)]
        self._bind()

    def _bind(self) -> None:
        self._hooks = {name: Hook(name, self._members) for name in HOOKS}
        for name, hook in self._hooks.items():
            if name not in vars(CallbackList):
                setattr(self, name, hook)

    @property
    def callbacks(self) -> list[Callback]:
        """The callbacks, in their order."""
        return [member.callback for member in self._members]

    def append(self, callback: Callback) -> None:
        """Add *callback* at the end; within a run it hears of what comes from the next epoch on.

        Raises:
            TypeError: It is a class, or no callback at all.
        """
        member = _member(len(self._members), callback)
        self._members.append(member)
        for hook in self._hooks.values():
            hook.add(member)
        if self._model is not None:
            callback.set_model(self._model)
        if self._params is not None:
            callback.set_params(self._params)
            self._introduce(callback)

    def __iter__(self) -> Iterator[Callback]:
        """Iterate over the callbacks."""
        return iter(self.callbacks)

    def __len__(self) -> int:
        """Return the number of callbacks."""
        return len(self._members)

    def hook(self, name: str) -> Callable[..., None] | None:
        """Return what calls the hook *name*, or None when nobody listens to it.

        A loop asks once an epoch, and then neither calls the hook nor builds its logs for nobody.

        Args:
            name: One of `callbacks_core.HOOKS`.

        Raises:
            ValueError: There is no such hook.
        """
        if name not in self._hooks:
            raise ValueError(f"there is no hook {name!r}{did_you_mean(name, HOOKS)}")
        hook = self._hooks[name]
        return hook if hook.targets else None

    def listens_to(self, hook: str) -> bool:
        """Whether any callback of the list listens to *hook*."""
        return bool(self._hooks[hook].targets)

    def abandons_epoch(self) -> bool:
        """Whether any callback wants the epoch thrown away."""
        return any(_abandons(callback) for callback in self.callbacks)

    def times(self) -> list[HookTime]:
        """Return the time that each hook of each callback took so far, the slowest first."""
        rows = [
            HookTime(
                target.member.name,
                hook.name,
                target.calls,
                target.nanoseconds / 1e9,
                target.slowest / 1e9,
            )
            for hook in self._hooks.values()
            for target in hook.targets
            if target.calls
        ]
        return sorted(rows, key=lambda row: row.seconds, reverse=True)

    def time_table(self) -> str:
        """Return `times` as a table for people."""
        return time_table(self.times())

    def state_dict(self) -> State:
        """Return the states of the callbacks that have one, each under a key of its own.

        The key is the callback's `Callback.state_key`; the second one of the same key gets
        ``#2``, and so on.
        """
        states = {key: callback.state_dict() for key, callback in self._keyed()}
        return {key: state for key, state in states.items() if state}

    def load_state_dict(self, state: State) -> None:
        """Give each callback the state under its key; a callback without one keeps its own."""
        for key, callback in self._keyed():
            if key in state:
                callback.load_state_dict(state[key])

    def _keyed(self) -> Iterator[tuple[str, Callback]]:
        seen: dict[str, int] = {}
        for callback in self.callbacks:
            if not is_real(callback):
                continue
            key = callback.state_key
            seen[key] = seen.get(key, 0) + 1
            yield (key if seen[key] == 1 else f"{key}#{seen[key]}"), callback

    def set_model(self, model: ModelLike) -> None:
        """Attach *model* to every callback."""
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Attach *params* to every callback, and forget its failures: a new run begins."""
        super().set_params(params)
        for member in self._members:
            member.begin_run()
            member.callback.set_params(params)
            self._introduce(member.callback)

    def _introduce(self, callback: Callback) -> None:
        if is_real(callback):  # what was made for the reference's hooks sees no others
            callback.set_callbacks(self)

    def on_exception(self, exception: BaseException) -> None:
        """Tell everyone of *exception*; what they raise themselves is only reported."""
        for error in self._hooks["on_exception"].call_all(exception):
            logger().error("an error while telling of another one", exc_info=error)

    def close(self) -> None:
        """Close every callback, whatever the others raise; then raise the first of it."""
        errors = self._hooks["close"].call_all()
        for error in errors[1:]:
            logger().error("a further error while closing", exc_info=error)
        if errors:
            raise errors[0]


def keyed(callbacks: CallbackList) -> Iterator[tuple[str, Callback]]:
    """Yield the callbacks with their keys in the state of a run, those of lists in lists as well.

    The key is the callback's `Callback.state_key`; the second one of the same key gets ``#2``, and
    so on. What a display adds around a list changes no key.
    """
    seen: dict[str, int] = {}
    for callback in _flattened(callbacks):
        key = callback.state_key
        seen[key] = seen.get(key, 0) + 1
        yield (key if seen[key] == 1 else f"{key}#{seen[key]}"), callback


def _flattened(callbacks: CallbackList) -> Iterator[Callback]:
    for callback in callbacks:
        if type(callback) is CallbackList:
            yield from _flattened(callback)
        elif is_real(callback):
            yield callback


def _abandons(callback: Callback) -> bool:
    if not is_real(callback):
        return False
    try:
        return callback.abandons_epoch()
    except Exception as error:
        name_culprit(error, f"{type(callback).__name__}.abandons_epoch")
        raise


def _require_list(callbacks: object) -> None:
    if isinstance(callbacks, type):
        raise TypeError(
            f"`callbacks` is the class {callbacks.__name__}, not a list of callbacks: "
            f"write [{callbacks.__name__}(...)]"
        )
    if not isinstance(callbacks, Iterable) or isinstance(callbacks, str | Mapping):
        raise TypeError(f"`callbacks` must be a list of callbacks, not {callbacks!r}")


def _member(index: int, callback: object) -> Member:
    if isinstance(callback, type):
        raise TypeError(
            f"callbacks[{index}] is the class {callback.__name__}, not an instance of it: "
            f"write {callback.__name__}(...)"
        )
    if not isinstance(callback, Callback):
        hint = ""
        if isinstance(callback, FunctionType):
            hint = "; LambdaCallback makes one of functions"
        elif isinstance(callback, str):
            hint = f" ({callback!r}); a name makes none"
        raise TypeError(
            f"callbacks[{index}] must be a Callback, not {type(callback).__name__}{hint}"
        )
    _warn_of_misspelt_hooks(type(callback))
    return Member(callback)


@lru_cache(maxsize=256)
def _warn_of_misspelt_hooks(kind: type) -> None:
    strange = [name for name in dir(kind) if name.startswith("on_") and name not in HOOKS]
    for name in strange:
        hint = did_you_mean(name, HOOKS) if callable(getattr(kind, name)) else ""
        if hint:
            warnings.warn(
                f"{kind.__name__}.{name} is no hook, and nobody will call it{hint}", stacklevel=4
            )
