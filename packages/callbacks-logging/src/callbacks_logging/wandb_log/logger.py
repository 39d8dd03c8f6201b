# SPDX-License-Identifier: MIT
"""The callback that logs to Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from callbacks_core import as_path, one_of

from ..base import Batches, Logger, Outcome
from .connection import Connection

if TYPE_CHECKING:
    from wandb import Run

    from callbacks_core import PathLike, State

WandBMode: TypeAlias = Literal["online", "offline", "disabled"]

_MODES: Final = ("online", "offline", "disabled")
_OURS: Final = frozenset({"id", "resume", "reinit", "dir"})
_NOT_VALUES: Final = frozenset({"batch", "size"})


class WandBLogger(Logger):
    """Log each training as a run of Weights & Biases.

    The values of each epoch are drawn over the number of the epoch: ``time``, ``loss``, the
    metrics, those with ``val_``, and the learning rate with which the epoch was trained. Batches
    have charts of their own, ``batch/loss`` and so on, over the number of batches since training
    began. A test adds ``test_`` values to the run. At the end the run is finished, failed after an
    exception, and killed after Ctrl-C.

    W&B is loaded and called by a thread of the logger's own: training never waits for a server.
    Where none answers, or nobody is logged in, the run is kept in a folder, and a warning says how
    to send it. Training again from the first epoch makes a new run; with a restored state, it goes
    on with the same. Only the process of rank zero logs.

    Args:
        project: The project; by default what W&B takes.
        name: The run's name; by default W&B makes one up.
        config: The training's configuration, by its names.
        mode: ``"online"``, ``"offline"`` for a run in a folder, or ``"disabled"`` for none; by
            default what ``WANDB_MODE`` says, or else online.
        batch_granularity: Whether to log each batch too.
        run_id: The id of a run to go on with; by default a new one is made.
        folder: Where W&B puts its folder ``wandb``; by default the working directory.
        timeout: How many seconds to wait, at the end, for what is not sent yet.
        options: Further arguments of ``wandb.init``, such as ``entity``, ``group``, ``tags`` and
            ``settings`` (a mapping).

    Raises:
        ImportError: W&B is not installed.
        TypeError: An argument is of the wrong kind, or *options* has what the logger itself fills.
        ValueError: *mode* is unknown, a text empty, or *timeout* negative or not finite.
    """

    _grace = 5.0

    def __init__(
        self,
        *,
        project: str | None = None,
        name: str | None = None,
        config: Mapping[str, object] | None = None,
        mode: WandBMode | None = None,
        batch_granularity: bool = False,
        run_id: str | None = None,
        folder: PathLike | None = None,
        timeout: float = 30.0,
        **options: Any,
    ) -> None:
        for argument, value in (("project", project), ("name", name), ("run_id", run_id)):
            _check_text(argument, value)
        if config is not None and not isinstance(config, Mapping):
            raise TypeError(f"`config` must be a mapping of names to values, not {config!r}")
        if mode is not None:
            one_of("mode", mode, _MODES)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float):
            raise TypeError(f"`timeout` must be a number of seconds, not {timeout!r}")
        if not 0 <= timeout < inf:
            raise ValueError(f"`timeout` must be zero or more, and finite, not {timeout!r}")
        _check_options(options)
        if find_spec("wandb") is None:
            raise ImportError(
                "WandBLogger needs Weights & Biases: pip install 'callbacks-logging[wandb]'"
            )
        self.batch_granularity = batch_granularity
        self.timeout = timeout
        place = None if folder is None else str(as_path("folder", folder).absolute())
        given = {"project": project, "name": name, "mode": mode, "dir": place, **options}
        self._options = {name: value for name, value in given.items() if value is not None}
        if config is not None:
            self._options["config"] = dict(config)
        self._connection = self._connect_to(run_id)
        self._trained = False

    def _connect_to(self, run_id: str | None) -> Connection:
        return Connection(self._options, run_id, max(1.0, self.timeout / 2))

    @property
    def run_id(self) -> str:
        """The id of the run, of this training or the next one."""
        return self._connection.id

    @property
    def run(self) -> Run | None:
        """W&B's own run, for pictures and tables, while it is open."""
        return self._connection.run

    def begin(self, epoch: int, *, resumed: bool) -> None:
        """Take a new run, or go on with the one there is."""
        if self._trained and not resumed:
            self._connection = self._connect_to(None)
        self._trained = True
        if self._session is not None:
            self._session.put(self._connection.connect)

    def write_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Log the values of the epoch."""
        self._connection.log({**_numbers(values), "epoch": epoch})

    def write_batches(self, batches: Batches) -> None:
        """Log the values of some batches."""
        self._log_batches(batches)

    def write_valid_batches(self, batches: Batches) -> None:
        """Log the values of some batches of the validation."""
        self._log_batches(batches)

    def _log_batches(self, batches: Batches) -> None:
        for step, row in zip(batches.steps, batches.rows(), strict=True):
            values = {f"batch/{name}": value for name, value in _numbers(row).items()}
            self._connection.log({**values, "batch/step": step})

    def write_test(self, values: dict[str, float]) -> None:
        """Log the values of the test."""
        self._connection.log(_numbers(values))

    def finish(self, outcome: Outcome) -> None:
        """End the run."""
        self._connection.finish(outcome)

    def conclude(self) -> None:
        """Tell how to send what was not sent in time."""
        self._connection.warn_if_unsent()

    def sink_state(self) -> State:
        """Return the run's id, to go on with it."""
        return {"run_id": self._connection.id} if self._trained else {}

    def load_sink_state(self, state: State) -> None:
        """Go on with a run when training begins next."""
        if "run_id" in state:
            self._connection = self._connect_to(str(state["run_id"]))
            self._trained = True


def _numbers(values: Mapping[str, float]) -> dict[str, float]:
    return {
        name: value
        for name, value in values.items()
        if name not in _NOT_VALUES and isinstance(value, int | float)
    }


def _check_text(argument: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise TypeError(f"`{argument}` must be a str, not {value!r}")
    if not value.strip():
        raise ValueError(f"`{argument}` must not be empty")


def _check_options(options: Mapping[str, object]) -> None:
    for name in options:
        if name in _OURS:
            hint = {"id": "; write run_id=...", "dir": "; write folder=..."}.get(name, "")
            raise TypeError(f"`{name}` is what the logger itself fills{hint}")
    if not isinstance(options.get("settings", {}), Mapping):
        raise TypeError(f"`settings` must be a mapping, not {options['settings']!r}")
