# SPDX-License-Identifier: MIT
"""What the demo ends with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ._run import Files


class Summary(NamedTuple):
    """What came of a run of the demo."""

    files: Files
    history: list[dict[str, float]]
    test_accuracy: float
    seconds: float
    callback_seconds: float

    def text(self) -> str:
        """Return the summary, as lines for people."""
        best = max(self.history, key=lambda logs: logs["val_accuracy"])
        files = self.files
        rows = [
            ("epochs", f"{len(self.history)}, the best one was {best['epoch']}"),
            ("time", f"{self.seconds:.1f} s, callbacks took {self.callback_seconds:.2f} s of it"),
            ("best weights", _shown(files.best)),
            ("last weights", _shown(files.last)),
            ("CSV", _shown(files.csv)),
            ("curves", _shown(files.curves)),
            ("report", _shown(files.report)),
            ("TensorBoard", f"tensorboard --logdir {_shown(files.tensorboard)}"),
            ("MLflow", f"mlflow ui --backend-store-uri sqlite:///{_shown(files.database)}"),
        ]
        width = max(len(name) for name, _ in rows)
        lines = [f"  {name:<{width}}  {value}" for name, value in rows]
        return "\n".join(["", *lines, "", f"test accuracy: {self.test_accuracy:.1f} %"])


def _shown(path: Path) -> str:
    text = str(path)
    return f'"{text}"' if " " in text else text
