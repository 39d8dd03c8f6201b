# SPDX-License-Identifier: MIT
"""Release one distribution: prepare it, prove that it can be released, rehearse all of it.

    python tools/release.py prepare callbacks-lr 1.1.0
    python tools/release.py verify callbacks-lr 1.1.0
    python tools/release.py dry-run

`prepare` writes the version and the changelog, and says whose bounds have to follow. `verify` looks
at what would be published, installs it alone and runs its tests there. `dry-run` does both for
every distribution, in a copy of this tree.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from packaging.version import Version

from bounds import problems
from releasing.archives import Workshop
from releasing.prepare import copy_tree, follow, outgrown, prepare
from releasing.tags import releases, tag_of
from releasing.verify import Verification, changes_since, wrong_notes
from releasing.versions import least
from workspace import ROOT, Member, find, members


def prepared(name: str, version: str) -> Iterator[str]:
    """Prepare *name* in this tree, and say what is left to do."""
    prepare(name, version)
    packages = members()
    member = find(name, packages)
    yield f"{member.name} {version}: the version and the changelog are written"
    for other, old, new in outgrown(member, Version(version), packages):
        yield f"{other.name}: `{old}` must become `{new}`"
    yield f"commit that, and: release.py verify {member.name} {version}"


def verified(
    member: Member, version: str, root: Path, workshop: Workshop, *, tests: bool
) -> Iterator[str]:
    """Say what is sound about *version* of *member* in the tree *root*, step by step."""
    if found := [*wrong_notes(member, version), *problems(root)]:
        raise ValueError("\n".join(found))
    with tempfile.TemporaryDirectory() as folder:
        verification = Verification(member, root, Path(folder), workshop)
        yield from verification.api()
        yield from verification.archives()
        yield from verification.alone(tests=tests)
        yield from verification.oldest(tests=tests)
    yield f"ready: its tag is {tag_of(member.name, version)}"


def verify(name: str, version: str, *, keep: Path | None, tests: bool) -> Iterator[str]:
    """Verify *name* in this tree, and copy its archives to *keep*."""
    member = find(name, members())
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        yield from verified(member, version, ROOT, workshop, tests=tests)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            archives = workshop.archives(member)
            for archive in (archives.sdist, archives.wheel):
                shutil.copy(archive, keep)


def dry_run(*, tests: bool) -> Iterator[str]:
    """Prepare every distribution in a copy of this tree, each as its changes ask, and verify it."""
    with tempfile.TemporaryDirectory() as temporary:
        root = copy_tree(Path(temporary) / "tree")
        for name, member in members(root).items():
            yield f"{name} {rehearsed(member, root, Path(temporary) / name)}: prepared"
        workshop = Workshop(Path(temporary) / "archives")
        for name, member in members(root).items():
            began = time.monotonic()
            for line in verified(member, member.version, root, workshop, tests=tests):
                yield f"{name} {member.version}: {line}"
            yield f"{name}: {time.monotonic() - began:.0f} s"


def rehearsed(member: Member, root: Path, folder: Path) -> Version:
    """Prepare *member* in the copy *root* as the least version its changes allow; return that."""
    known = releases(member.name)
    last = known[-1] if known else None
    version = least(member, changes_since(member, last, folder, root) if last else [])
    follow(member, version, members(root))
    prepare(member.name, str(version), root)
    return version


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("prepare", help="write the version and the changelog")
    second = commands.add_parser("verify", help="prove that it can be released as it stands")
    third = commands.add_parser("dry-run", help="rehearse every release, in a copy of this tree")
    for command in (first, second):
        command.add_argument("distribution", help="for example callbacks-lr")
        command.add_argument("version", help="for example 1.1.0")
    second.add_argument("--keep", type=Path, metavar="FOLDER", help="copy the archives there")
    second.add_argument("--no-tests", dest="tests", action="store_false", help="only import it")
    third.add_argument("--tests", action="store_true", help="run the tests in each environment")
    return parser


def main() -> None:
    options = parser().parse_args()
    if options.command == "prepare":
        steps = prepared(options.distribution, options.version)
    elif options.command == "verify":
        name, version = options.distribution, options.version
        steps = verify(name, version, keep=options.keep, tests=options.tests)
    else:
        steps = dry_run(tests=options.tests)
    try:
        for line in steps:
            print(line, flush=True)
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
