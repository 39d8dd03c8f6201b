# SPDX-License-Identifier: MIT
"""The demo as a newcomer starts it, in a folder of its own and through a pipe."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

COMMAND = [sys.executable, "-m", "callboard", "demo", "--epochs"]
Run: TypeAlias = "subprocess.CompletedProcess[bytes]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[Run]:
    """The demo, run twice in one folder, with 8 and with 2 epochs."""
    return [
        subprocess.run([*COMMAND, str(epochs)], cwd=folder, capture_output=True, check=False)
        for epochs in (8, 2)
    ]


def complaints(errors: str) -> list[str]:
    """Return the lines of standard error, without what MLflow tells of a new database."""
    return [line for line in errors.splitlines() if " INFO mlflow." not in line]


def test_it_ends_well(runs: list[Run]) -> None:
    """Eight epochs are enough for an accuracy of 97 %, in a line of its own."""
    [accuracy] = re.findall(r"^test accuracy: (\d+\.\d) %$", runs[0].stdout.decode(), re.MULTILINE)
    assert float(accuracy) >= 97


@pytest.mark.parametrize("number", [1, 2])
def test_it_succeeds_without_complaint(runs: list[Run], number: int) -> None:
    """The first time and later, it succeeds, and tells nothing but how it goes."""
    assert complaints(runs[number - 1].stderr.decode()) == []
    assert runs[number - 1].returncode == 0


@pytest.mark.parametrize("number", [1, 2])
def test_what_it_names_is_there(runs: list[Run], folder: Path, number: int) -> None:
    """Every path of the summary exists, in a folder that this run has for itself."""
    found = re.findall(r"callboard-demo[^\s\"]*", runs[number - 1].stdout.decode())
    names = {Path(path).relative_to("callboard-demo").as_posix() for path in found}
    written = ("best.pt", "last.pt", "log.csv", "curves.png", "report.html", "tensorboard")
    assert names == {"mlflow.db", *(f"run-{number}/{name}" for name in written)}
    for path in found:
        assert (folder / path).exists(), path
    assert (folder / f"callboard-demo/run-{number}/curves.png").read_bytes()[1:4] == b"PNG"
    report = (folder / f"callboard-demo/run-{number}/report.html").read_text(encoding="utf-8")
    assert "finished</span>" in report
    assert "val_accuracy" in report
    assert "ModelCheckpoint.on_epoch_end" in report


def test_it_writes_nowhere_else(runs: list[Run], folder: Path) -> None:
    """All that it leaves behind is in one folder."""
    assert os.listdir(folder) == ["callboard-demo"]


@pytest.mark.parametrize("number", [1, 2])
def test_a_pipe_gets_lines(runs: list[Run], number: int) -> None:
    """No row is drawn over another, nothing is coloured, and each epoch has a line."""
    output = runs[number - 1].stdout.decode()
    assert "\r" not in output
    assert "\x1b" not in output
    epochs = re.findall(r"^Epoch: (\d)/\d .*val_accuracy: ", output, re.MULTILINE)
    assert epochs == [str(epoch) for epoch in range(1, len(epochs) + 1)]
    assert epochs
    assert "Start of the training for the digits." in output


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let children react to SIGINT, which a job in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(os.name == "nt", reason="needs signals between processes")
def test_it_can_be_interrupted(tmp_path: Path) -> None:
    """Ctrl-C in the middle of the training ends it with one word and the usual exit code."""
    with subprocess.Popen(
        [*COMMAND, "500"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if re.match("Epoch: +2/", line):  # told before the loggers have epoch 2
                break
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=600)
    assert process.returncode == 130, errors
    told = [line for line in complaints(errors) if line]
    assert [line for line in told if "MLflow" not in line] == ["interrupted"]  # it may be slow
    assert "test accuracy" not in output
    assert len((tmp_path / "callboard-demo/run-1/log.csv").read_text().splitlines()) >= 2


@pytest.mark.gpu
def test_it_runs_on_a_gpu(tmp_path: Path) -> None:
    """`--device cuda` trains there, as well."""
    run = subprocess.run(
        [*COMMAND, "8", "--device", "cuda"], cwd=tmp_path, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr.decode()
    assert re.search(rb"test accuracy: (9[789]|100)\.\d %", run.stdout)
