# SPDX-License-Identifier: MIT
"""Every example of the documentation does what it says, with small settings."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run an example in an empty folder."""

    def run(name: str, *arguments: str) -> Any:
        monkeypatch.chdir(tmp_path)
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.main(list(arguments))

    return run


def test_every_example_is_tried_here_and_shown_in_the_documentation():
    """By its name."""
    page = (EXAMPLES.parent / "examples.md").read_text("utf-8")
    source = Path(__file__).read_text("utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert f'"{path.stem}' in source
        assert f"examples/{path.name}" in page


def test_images_are_classified_and_a_second_start_goes_on(run):
    """The experiment's directory is found again."""
    first = run("image_classification", "--epochs", "2")
    assert 10 <= first <= 100
    second = run("image_classification", "--epochs", "5")
    assert second > 90
    assert len(Path("runs/digits/log.tsv").read_text().splitlines()) == 6


def test_texts_of_different_lengths_are_classified(run):
    """Padding is never looked at."""
    assert run("text_classification", "--epochs", "2", "--texts", "800") > 60


def test_a_generator_learns_where_the_points_are(run):
    """Both losses are in the log."""
    distance = run("gan", "--epochs", "8")
    assert 0.5 < distance < 1.5
    header = Path("gan.csv").read_text().splitlines()[0].split(",")
    assert {"loss", "critic_loss"} < set(header)


def test_a_loop_written_by_hand_goes_on_too(run):
    """With every callback at work."""
    run("handwritten_loop", "--epochs", "2")
    history = run("handwritten_loop", "--epochs", "5")
    assert [int(logs["epoch"]) for logs in history] == [1, 2, 3, 4, 5]
    assert history[-1]["val_accuracy"] > 85
    assert len(Path("runs/loop/log.csv").read_text().splitlines()) == 6


def test_what_was_learned_helps_with_something_else(run):
    """Chance is a fifth."""
    assert run("transfer_learning", "--epochs", "6") > 70


def test_runs_are_compared_in_mlflow(run):
    """The best learning rate is neither the smallest nor the largest."""
    pytest.importorskip("mlflow")
    best = run("sweep", "--runs", "3", "--epochs", "2")
    assert 1e-3 < best < 0.3


def test_two_processes_write_one_log(tmp_path):
    """Which is that of all the data."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(EXAMPLES / "two_ranks.py"), "--epochs", "3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=240)
    rows = (tmp_path / "runs/ranks/log.csv").read_text().splitlines()
    assert len(rows) == 4
