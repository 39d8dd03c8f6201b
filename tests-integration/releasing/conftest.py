# SPDX-License-Identifier: MIT
"""A small workspace of two distributions in a repository of its own, for the tools to work on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

sys.path.append(str(ROOT / "tools"))

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
dynamic = ["version"]
description = "A fake"
readme = "README.md"
requires-python = ">=3.11"
dependencies = {dependencies}

[tool.hatch.version]
path = "src/{module}/__about__.py"

[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]

[tool.hatch.build.targets.sdist]
include = ["/src", "/tests", "/CHANGELOG.md"]

[tool.towncrier]
name = "{name}"
directory = "changelog.d"
filename = "CHANGELOG.md"
start_string = "<!-- towncrier release notes start -->\\n"
title_format = "## {{version}} - {{project_date}}"
underlines = ["", "", ""]
"""


class Tree:
    """A workspace in *root*, which git knows."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        command = ["git", *identity, *arguments]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def add(self, name: str, source: str, dependencies: list[str] | None = None) -> None:
        """Write a distribution of version 1.0.0."""
        module, folder = name.replace("-", "_"), f"packages/{name}"
        needs = json.dumps(dependencies or [])
        project = PROJECT.format(name=name, module=module, dependencies=needs)
        self.write(f"{folder}/pyproject.toml", project)
        self.write(f"{folder}/README.md", f"# {name}\n")
        self.write(
            f"{folder}/CHANGELOG.md", "# Changes\n\n<!-- towncrier release notes start -->\n"
        )
        self.write(f"{folder}/changelog.d/1.feature.md", "It is new.\n")
        self.write(f"{folder}/src/{module}/__about__.py", '__version__ = "1.0.0"\n')
        self.write(f"{folder}/src/{module}/__init__.py", source)
        tests = f"import {module}\n\n\ndef test_it():\n    assert {module}.work() == 1\n"
        self.write(f"{folder}/tests/test_it.py", tests)

    def commit(self, *tags: str) -> None:
        """Commit everything, and tag that."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "A change")
        for tag in tags:
            self.git("tag", tag)


CORE = '''\
from fake_core.__about__ import __version__

__all__ = ["__version__", "work"]


def work() -> int:
    """Work."""
    return 1
'''


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Two distributions, `fake-lr` upon `fake-core`, committed and not released."""
    tree = Tree(tmp_path)
    tree.add("fake-core", CORE)
    tree.add("fake-lr", CORE.replace("fake_core", "fake_lr"), ["fake-core~=1.0"])
    tree.commit()
    return tree
