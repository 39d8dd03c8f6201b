# SPDX-License-Identifier: MIT
"""New environments, made by uv, that hold what was asked for and nothing else."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from packaging.utils import canonicalize_name

from releasing.archives import unpacked
from workspace import ROOT, Member

Resolution = Literal["highest", "lowest-direct"]
PINS = ROOT / "tools" / "constraints.txt"
SAME = {"UV_FIND_LINKS": "PIP_FIND_LINKS", "UV_EXTRA_INDEX_URL": "PIP_EXTRA_INDEX_URL"}


class Environment:
    """A virtual environment of this Python in *folder*, empty at first.

    Whatever is installed into it keeps to the *constraints*, which are files.
    """

    def __init__(self, folder: Path, constraints: Sequence[Path] = ()) -> None:
        self.folder = folder
        self.constraints = constraints
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        uv("venv", "--quiet", "--python", sys.executable, str(folder))

    def install(self, requirements: Iterable[str], *, resolution: Resolution = "highest") -> None:
        """Install the *requirements*, or say why they do not fit together."""
        held = [text for file in self.constraints for text in ("--constraint", str(file))]
        options = ["--quiet", "--python", str(self.python), "--resolution", resolution, *held]
        uv("pip", "install", *options, *requirements)

    def check(self, member: Member) -> None:
        """Import every public name of *member*, after a look at the bounds of all there is."""
        uv("pip", "check", "--quiet", "--python", str(self.python))
        code = (
            f"import {member.module} as module; from importlib.metadata import version; "
            f"assert module.__version__ == version({member.name!r}), module.__version__; "
            "[getattr(module, name) for name in module.__all__]"
        )
        called([str(self.python), "-I", "-W", "ignore", "-c", code], f"{member.name}: import")

    def versions(self) -> dict[str, str]:
        """Return what is installed, by normalized name."""
        listed = uv("pip", "freeze", "--python", str(self.python))
        pairs = (line.replace(" @ ", "==").split("==", 1) for line in listed.splitlines())
        return {str(canonicalize_name(name)): version for name, version in pairs}

    def test(self, member: Member, sdist: Path, arguments: Sequence[str] = ()) -> str:
        """Run the tests that *sdist* carries against what is installed; return their last line.

        They run in a folder that has the workspace's settings and not the package's sources.
        """
        self.install(runners())
        folder = self.folder / "tests"
        for file in ("pyproject.toml", "conftest.py"):
            folder.mkdir(exist_ok=True)
            shutil.copy(ROOT / file, folder)
        tests = folder / "packages" / member.folder / "tests"
        shutil.copytree(unpacked(sdist, self.folder / "sdist") / "tests", tests)
        command = [str(self.python), "-m", "pytest", "-q", "-n", "auto", "--dist", "loadfile"]
        command += ["-p", "no:cacheprovider", *arguments, str(tests)]
        said = called(command, f"{member.name}: its tests", folder)
        return said.strip().splitlines()[-1].strip("= ")


def runners() -> list[str]:
    """Return what the environments of single packages test with."""
    with (ROOT / "hatch.toml").open("rb") as file:
        listed: list[str] = tomllib.load(file)["envs"]["pkg"]["dependencies"]
    return listed


def uv(*arguments: str) -> str:
    """Run uv where pip would look, and return what it says."""
    command = [sys.executable, "-m", "uv", *arguments]
    return called(command, f"uv {' '.join(arguments)}")


def called(command: Sequence[str], doing: str, folder: Path | None = None) -> str:
    """Return what *command* prints.

    Raises:
        RuntimeError: It fails; the message says what it was *doing*, and what it printed.
    """
    told_pip = {ours: os.environ[theirs] for ours, theirs in SAME.items() if os.environ.get(theirs)}
    environment = {**told_pip, **os.environ}
    for name in ("PIP_CONSTRAINT", "UV_CONSTRAINT", "PYTHONPATH", "VIRTUAL_ENV"):
        environment.pop(name, None)
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{doing}: failed\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout
