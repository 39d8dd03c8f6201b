# SPDX-License-Identifier: MIT
"""The command line: help, versions, doctor, and a demo asked for wrongly."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from callboard import doctor
from callboard.__main__ import main


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`callboard` alone tells what there is, and succeeds."""
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "demo" in out
    assert "doctor" in out


def test_the_module_can_be_run() -> None:
    """`python -m callboard --version` prints the installed version."""
    done = subprocess.run(
        [sys.executable, "-m", "callboard", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"callboard {metadata.version('callboard')}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--epochs", "many"], "'many' is no whole number"),
        (["demo", "--epochs", "1"], "at least 2 epochs"),
        (["dmeo"], "invalid choice: 'dmeo'"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong word on the command line is named, and nothing is run."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_doctor_lists_every_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    """The report has each distribution with the version that is installed."""
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in doctor.DISTRIBUTIONS:
        assert f"  {name:<22} {metadata.version(name)}" in lines
    assert any(line.startswith("  torch ") for line in lines)


def test_doctor_names_what_an_extra_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing third party is named, with the command that adds it."""

    def version_of(name: str) -> str | None:
        return None if name in ("mlflow", "callbacks-lr") else "1.2.3"

    monkeypatch.setattr(doctor, "version_of", version_of)
    report = doctor.report()
    assert 'missing mlflow: pip install "callboard[mlflow]"' in report
    assert "callbacks-lr           missing: pip install callbacks-lr" in report
    assert "  tensorboard            numpy 1.2.3, tensorboard 1.2.3" in report


def test_the_extras_are_those_of_the_metadata() -> None:
    """Every extra but the collections leads to at least one distribution of somebody else."""
    found = {extra.name: set(extra.installed) | set(extra.missing) for extra in doctor.extras()}
    assert found == {
        "apprise": {"apprise"},
        "mlflow": {"mlflow"},
        "notif": {"notif"},
        "plot": {"matplotlib"},
        "safetensors": {"numpy", "safetensors"},
        "tensorboard": {"numpy", "tensorboard"},
        "wandb": {"wandb"},
    }


def test_the_demo_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its packages the demo names them, and the command that adds them."""
    from callboard.demo import _requirements

    monkeypatch.setattr(_requirements, "find_spec", lambda name: None)
    assert main(["demo", "--out", str(tmp_path / "out")]) == 1
    assert 'pip install "callboard[demo]"' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
