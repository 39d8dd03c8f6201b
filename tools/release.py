# SPDX-License-Identifier: MIT
"""Prove that one distribution can be released as it stands in this tree.

    python tools/release.py verify callbacks-lr 1.1.0

The version is that of the sources and of the changelog, the bounds hold, the archives are sound,
and a fresh environment that holds nothing but the wheel and its dependencies imports it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

from bounds import problems
from workspace import ROOT, Member, members, names


def wrong_notes(member: Member, version: str) -> Iterator[str]:
    """Yield why the sources of *member* are not those of *version*."""
    if member.version != version:
        yield f"{member.name}: the sources say {member.version}, not {version}"
    changelog = (member.path / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## {re.escape(version)}( |$)", changelog, re.MULTILINE):
        yield f"{member.name}: CHANGELOG.md has no `## {version}`"
    if notes := sorted(file.name for file in member.path.glob("changelog.d/*.md")):
        yield f"{member.name}: changelog.d still holds {', '.join(notes)}"


def build(member: Member, folder: Path) -> list[Path]:
    """Build the sdist and the wheel of *member* into *folder*."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=member.path, check=True, capture_output=True)
    return sorted(folder.iterdir())


def ours(member: Member, packages: dict[str, Member]) -> set[str]:
    """Return the distributions of this tree that *member* needs, itself included."""
    needed = {member.name}
    for name in names(member.dependencies) & packages.keys():
        needed |= ours(packages[name], packages)
    return needed


def install_and_import(member: Member, wheels: list[Path], folder: Path) -> None:
    """Install the *wheels*, and what they ask for, into a new environment; import *member*."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    environment = {**os.environ, "PIP_CONSTRAINT": str(ROOT / "tools" / "constraints.txt")}
    install = [str(python), "-m", "pip", "install", "--quiet", *map(str, wheels)]
    subprocess.run(install, check=True, env=environment)
    subprocess.run([python, "-m", "pip", "check"], check=True)
    code = (
        f"import {member.module} as module; from importlib.metadata import version; "
        f"assert module.__version__ == version({member.name!r}), module.__version__; "
        "[getattr(module, name) for name in module.__all__]"
    )
    subprocess.run([python, "-I", "-W", "ignore", "-c", code], check=True)


def verify(name: str, version: str, keep: Path | None) -> None:
    """Check the distribution *name* at *version*; copy its archives to *keep*."""
    packages = members()
    if name not in packages:
        sys.exit(f"no distribution is called {name!r}; there are {', '.join(packages)}")
    member = packages[name]
    if found := [*wrong_notes(member, version), *problems()]:
        sys.exit("\n".join(found))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        archives = build(member, folder / "dist")
        subprocess.run(["twine", "check", "--strict", *archives], check=True)
        wheels = [archive for archive in archives if archive.suffix == ".whl"]
        subprocess.run(["check-wheel-contents", *wheels], check=True)
        for other in sorted(ours(member, packages) - {name}):
            built = build(packages[other], folder / other)
            wheels += [archive for archive in built if archive.suffix == ".whl"]
        install_and_import(member, wheels, folder / "environment")
        if keep is not None:
            shutil.copytree(folder / "dist", keep, dirs_exist_ok=True)
    print(f"{name} {version} is ready; its tag is {name}-v{version}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Prove that a distribution can be released.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("verify", help="check one distribution")
    command.add_argument("distribution", help="for example callbacks-lr")
    command.add_argument("version", help="for example 1.1.0")
    command.add_argument("--keep", type=Path, metavar="FOLDER", help="copy the archives there")
    options = parser.parse_args()
    verify(options.distribution, options.version, options.keep)


if __name__ == "__main__":
    main()
