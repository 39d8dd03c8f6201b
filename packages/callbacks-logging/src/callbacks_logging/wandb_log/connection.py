# SPDX-License-Identifier: MIT
"""A run of Weights & Biases, online or in a folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from callbacks_core import redacted

from ..base import Outcome

if TYPE_CHECKING:
    from wandb import Run

_logger = logging.getLogger(__name__)

_EXIT_CODES: Final[dict[Outcome, int]] = {"finished": 0, "failed": 1, "interrupted": 255}
"""What W&B takes for finished, failed and killed."""


class Connection:
    """One run, opened when the first value is written and again for what comes after its end.

    Its methods may wait for a server: but for the last one they are called by the logger's own
    thread.

    Args:
        options: The arguments of ``wandb.init``.
        run_id: The id of a run to go on with; by default a new one is made up.
        patience: How many seconds a server has to answer.
    """

    def __init__(self, options: Mapping[str, Any], run_id: str | None, patience: float) -> None:
        self.id = run_id or uuid4().hex[:8]
        self.run: Run | None = None
        self._finishing: Run | None = None
        self._options = dict(options)
        self._patience = patience

    def connect(self) -> Run:
        """Return the run, which is opened if it is not.

        A server that cannot be reached, or lets nobody in, makes it a run in a folder, which can be
        sent later.
        """
        if self.run is None:
            try:
                self.run = self._open(self.id, self._options)
            except Exception as error:
                if self._options.get("mode") in ("offline", "disabled"):
                    raise
                # W&B takes the id for one in use, though the run was never opened.
                self.run = self._open(f"{self.id}-offline", {**self._options, "mode": "offline"})
                _logger.warning(
                    "W&B run %s is kept on this machine, since W&B cannot be reached: %s. To send "
                    "it later: wandb sync --id %s %s",
                    self.id,
                    redacted(f"{type(error).__name__}: {error}"),
                    self.id,
                    _folder(self.run),
                )
            self._define_axes(self.run)
        return self.run

    def _open(self, run_id: str, options: dict[str, Any]) -> Run:
        import wandb

        ours = {
            "console": "off",  # what is printed belongs to the terminal, and may hold secrets
            "silent": True,
            "init_timeout": self._patience,
            "login_timeout": 1,  # nobody is asked for a key while training goes on
        }
        settings = {**ours, **options.get("settings", {})}
        return wandb.init(
            **{**options, "settings": settings},
            id=run_id,
            resume="allow",
            reinit="create_new",  # whatever run the program itself has stays open
        )

    @staticmethod
    def _define_axes(run: Run) -> None:
        run.define_metric("epoch", hidden=True)
        run.define_metric("batch/step", hidden=True)
        run.define_metric("batch/*", step_metric="batch/step")
        run.define_metric("*", step_metric="epoch")

    def log(self, values: Mapping[str, float]) -> None:
        """Log values that belong together."""
        self.connect().log(dict(values))

    def finish(self, outcome: Outcome) -> None:
        """End the run."""
        run, self.run = self.run, None
        if run is not None:
            self._finishing = run
            run.finish(exit_code=_EXIT_CODES[outcome])
            self._finishing = None

    def warn_if_unsent(self) -> None:
        """Tell how to send a run whose end is still waited for; called by the training thread."""
        run, self._finishing = self._finishing or self.run, None
        if run is not None:
            _logger.warning(
                "W&B run %s was not sent in time. To send it later: wandb sync %s",
                self.id,
                _folder(run),
            )

    def __getstate__(self) -> dict[str, object]:
        """Copy and pickle without the run itself."""
        return {**vars(self), "run": None, "_finishing": None}


def _folder(run: Run) -> str:
    return run.dir.removesuffix("files").rstrip("/")
