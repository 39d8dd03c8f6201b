# SPDX-License-Identifier: MIT
"""Bring the sources of one distribution to a version: its number and its changelog."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from releasing.tags import releases
from releasing.versions import parsed_next
from workspace import ROOT, Member, find, members


def prepare(name: str, version: str, root: Path = ROOT) -> None:
    """Write *version* into the sources of *name* below *root*, and its notes into the changelog.

    Nothing else is raised; whatever fails, all is as it was before.

    Raises:
        ValueError: There is no such distribution, it cannot have that version next, or its folder
            has changes that are not committed.
    """
    member = find(name, members(root))
    parsed_next(member, version, releases(member.name, root))
    if changed := uncommitted(member.path):
        raise ValueError(f"{member.name}: commit these first: {', '.join(changed)}")
    with undone_on_failure(member):
        if member.version != version:
            run(member, sys.executable, "-m", "hatchling", "version", version)
        run(member, "towncrier", "build", "--dir", ".", "--version", version, "--yes")


def run(member: Member, *command: str) -> None:
    """Run *command* in the folder of *member*, silently unless it fails."""
    done = subprocess.run(command, cwd=member.path, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{member.name}: {' '.join(command)}\n{done.stdout}{done.stderr}")


def git(folder: Path, *arguments: str) -> str | None:
    """Return what git says in *folder*; None where there is no repository."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return None if done.returncode else done.stdout


def uncommitted(folder: Path) -> list[str]:
    """Return the files below *folder* that git would commit."""
    status = git(folder, "status", "--porcelain", "--", ".")
    return [line[3:] for line in (status or "").splitlines()]


@contextmanager
def undone_on_failure(member: Member) -> Iterator[None]:
    """Put the version, the changelog and its fragments back if anything is raised."""
    news = member.path / "changelog.d"
    files = [member.source / "__about__.py", member.path / "CHANGELOG.md", *news.iterdir()]
    before = {file: file.read_bytes() for file in files}
    try:
        yield
    except BaseException:
        for file, content in before.items():
            file.write_bytes(content)
        git(member.path, "reset", "--quiet", "--", ".")
        raise


def outgrown(
    member: Member, version: Version, packages: Mapping[str, Member]
) -> Iterator[tuple[Member, Requirement, Requirement]]:
    """Yield whose bounds leave *version* of *member* out: who, what is asked, what should be."""
    for other in packages.values():
        for requirement in other.requirements:
            if canonicalize_name(requirement.name) != member.name or other is member:
                continue
            if not requirement.specifier.contains(version, prereleases=True):
                yield other, requirement, following(requirement, version)


def following(requirement: Requirement, version: Version) -> Requirement:
    """Return *requirement* with the compatible-release range that *version* begins."""
    bound, old = f"~={version.major}.{version.minor}", str(requirement.specifier)
    return Requirement(str(requirement).replace(old, bound))


def follow(member: Member, version: Version, packages: Mapping[str, Member]) -> None:
    """Write the bounds that *version* of *member* needs into the files of its dependents."""
    for other, old, new in outgrown(member, version, packages):
        file = other.path / "pyproject.toml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(f'"{old}"', f'"{new}"'), encoding="utf-8")


def copy_tree(folder: Path, root: Path = ROOT) -> Path:
    """Copy what releases are made from into *folder*, and return that."""
    leftovers = shutil.ignore_patterns("__pycache__", ".*_cache", "*.egg-info", "dist")
    shutil.copytree(root / "packages", folder / "packages", ignore=leftovers)
    for file in ("pyproject.toml", "conftest.py", "hatch.toml", "tools/constraints.txt"):
        target = folder / file
        target.parent.mkdir(exist_ok=True)
        shutil.copy(root / file, target)
    return folder
