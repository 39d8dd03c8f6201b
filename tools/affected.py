# SPDX-License-Identifier: MIT
"""Print, as JSON, the folders of the packages that a change can break.

    python tools/affected.py origin/main

A package is affected when one of its files changed since the commit given, or when a package it
depends on is affected. A change to what all share (tools, environments, settings, workflows)
affects everything, and so does a commit that git does not know (a branch's first push);
documentation and integration tests affect no package.
"""

import argparse
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from workspace import ROOT, Member, members, names

SHARED = {".ci", ".github", "tools", "conftest.py", "hatch.toml", "pyproject.toml"}


def affected(files: Iterable[str], packages: Mapping[str, Member]) -> list[str]:
    """Return the sorted folders of the *packages* that changes to *files* can break."""
    by_folder = {member.folder: name for name, member in packages.items()}
    touched: set[str] = set()
    for file in files:
        match PurePosixPath(file).parts:
            case ("packages", folder, _, *_) if folder in by_folder:
                touched.add(by_folder[folder])
            case (top, *_) if top in SHARED:
                touched.update(packages)
    while True:
        dependents = {
            name
            for name, member in packages.items()
            if name not in touched and names(member.requirements) & touched
        }
        if not dependents:
            return sorted(packages[name].folder for name in touched)
        touched |= dependents


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)


def changed_files(base: str) -> list[str]:
    """Return the files that differ between the merge base with *base* and the working tree."""
    if git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}").returncode:
        return sorted(SHARED)
    done = git("diff", "--name-only", "--no-renames", "--merge-base", base)
    done.check_returncode()
    return done.stdout.splitlines()


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the packages that a change can break.")
    parser.add_argument("base", help="the commit or branch to compare with")
    print(json.dumps(affected(changed_files(parser.parse_args().base), members())))


if __name__ == "__main__":
    main()
