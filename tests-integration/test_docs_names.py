# SPDX-License-Identifier: MIT
"""What the pages name is there: commands, classes, files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import callboard
from callboard.__main__ import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    *ROOT.glob("packages/*/README.md"),
]
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text("utf-8") for page in PAGES}
COMMAND = re.compile(
    r"(?:^|`)callboard (demo|doctor|(?:notify|checkpoints) [a-z]+|[a-z]+)", re.MULTILINE
)
EVERYWHERE = "\n".join(TEXTS.values())


def test_every_hatch_command_exists() -> None:
    """In the environment that is named before the colon."""
    environments = tomllib.loads((ROOT / "hatch.toml").read_text("utf-8"))["envs"]
    commands = set(re.findall(r"hatch run ([a-z][\w.-]*(?::[\w-]+)?)", EVERYWHERE))
    assert {"demo", "test", "docs:build"} <= commands
    for command in commands - {"pip", "python"}:  # what every environment has
        environment, _, script = command.rpartition(":")
        found = environments[environment.partition(".")[0] or "default"]["scripts"]
        assert script.rstrip(".") in found, command


def test_the_two_commands_are_those_of_the_readme() -> None:
    """A newcomer has nothing else to type."""
    for command in ("demo", "test"):
        assert f"\n```sh\npip install hatch && hatch run {command}\n```\n" in TEXTS["README.md"]


@pytest.mark.parametrize("command", sorted(set(COMMAND.findall(EVERYWHERE))))
def test_every_command_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With `--help` it says what it does, and ends well."""
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert f"usage: callboard {command}" in capsys.readouterr().out


def test_what_others_are_called_here_is_there() -> None:
    """Every name in the right columns is one of `callboard`'s."""
    rows = re.findall(
        r"^\|(?!---)[^\n]*\| ([^|\n]*) \|$", TEXTS["docs/coming-from.md"], re.MULTILINE
    )
    spans = re.findall(r"`([^`]+)`", "\n".join(rows))
    names = {
        name
        for span in spans
        for name in re.findall(r"(?<![\w.\"'])[A-Z][a-zA-Z]+(?![\w\"'])", span)
    } - {"DataLoader", "False", "None", "True"}
    assert len(names) > 30
    assert names <= set(callboard.__all__)


def test_the_files_of_the_architecture_are_there() -> None:
    """A path of its table belongs to the folder of the one before, where it has none itself."""
    table = TEXTS["docs/architecture.md"].partition("## Where what is")[2]
    folder = Path()
    paths = re.findall(r"`([\w/]+(?:\.py|/))`", table)
    assert len(paths) > 10
    for path in paths:
        package, _, rest = path.partition("/")
        if package.startswith("callbacks_"):
            [folder] = ROOT.glob(f"packages/*/src/{package}")
            found = folder / rest
            folder = found.parent if found.suffix else found
        else:
            found = folder / path
        assert found.exists(), path
