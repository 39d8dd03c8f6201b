# SPDX-License-Identifier: MIT
"""The sdist and the wheel of a distribution, built once and looked at."""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workspace import Member


@dataclass(frozen=True)
class Archives:
    """What is published of one distribution."""

    sdist: Path
    wheel: Path


class Workshop:
    """Builds the archives of each distribution at most once, below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._built: dict[Path, Archives] = {}

    def archives(self, member: Member) -> Archives:
        """Return the archives of *member*: an sdist, and the wheel that is built from it."""
        if member.path not in self._built:
            target = self.folder / str(len(self._built))
            sdist = hatchling(member.path, "sdist", target)
            source = unpacked(sdist, target / "source")
            self._built[member.path] = Archives(sdist, hatchling(source, "wheel", target))
        return self._built[member.path]


def hatchling(source: Path, kind: str, target: Path) -> Path:
    """Build one archive of the project in *source* into *target*, and return it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (archive,) = target.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return archive


def unpacked(sdist: Path, folder: Path) -> Path:
    """Unpack *sdist* into *folder*, and return the one folder in it."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (inside,) = folder.iterdir()
    return inside


def unlike_the_tree(member: Member, archives: Archives, folder: Path) -> list[str]:
    """Return the files of the wheel that differ from those of one built from the tree."""
    ours, theirs = contents(hatchling(member.path, "wheel", folder)), contents(archives.wheel)
    return sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    )


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def complaints(archives: Iterable[Archives]) -> list[str]:
    """Return what twine and check-wheel-contents find wrong with the *archives*."""
    everything = list(archives)
    wheels = [str(one.wheel) for one in everything]
    files = [*wheels, *(str(one.sdist) for one in everything)]
    found = []
    for command in (["twine", "check", "--strict", *files], ["check-wheel-contents", *wheels]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            found.append(done.stdout + done.stderr)
    return found
