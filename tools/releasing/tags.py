# SPDX-License-Identifier: MIT
"""What was released, as git's tags tell: `callbacks-lr-v1.1.0` is callbacks-lr 1.1.0."""

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from packaging.version import InvalidVersion, Version

from workspace import ROOT


def tag_of(name: str, version: Version | str) -> str:
    """Return the tag that publishes *version* of the distribution *name*."""
    return f"{name}-v{version}"


def releases(name: str, repository: Path = ROOT) -> list[Version]:
    """Return the released versions of *name*, oldest first; none where there is no git."""
    listed = subprocess.run(
        ["git", "tag", "--list", tag_of(name, "*")],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    found = []
    for line in listed.stdout.splitlines():
        try:
            found.append(Version(line.removeprefix(tag_of(name, ""))))
        except InvalidVersion:  # a tag of something else
            continue
    return sorted(found)


def last_before(name: str, version: Version, repository: Path = ROOT) -> Version | None:
    """Return the newest release of *name* that is older than *version*."""
    return max((one for one in releases(name, repository) if one < version), default=None)


def export(name: str, version: Version, folder: Path, repository: Path = ROOT) -> Path:
    """Write the tree of a release into *folder*, and return that."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", tag_of(name, version)],
        cwd=repository,
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder
