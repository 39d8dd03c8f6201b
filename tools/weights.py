# SPDX-License-Identifier: MIT
"""What a distribution weighs: what it brings along, its size, and the time of its import."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path
from statistics import median

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from workspace import Member

TORCH = "torch"


def own_size(member: Member) -> int:
    """Return the bytes of the files that *member* installs."""
    return sum(file.stat().st_size for file in member.source.rglob("*") if shipped(file, member))


def shipped(file: Path, member: Member) -> bool:
    """Return whether *file* is a source, and not what some run left beside the sources."""
    parts = file.relative_to(member.source).parts
    left = any(part.startswith(".") or part == "__pycache__" for part in parts)
    return file.is_file() and not left


def brought(
    requirements: Iterable[Requirement], packages: Mapping[str, Member], stop: str | None = None
) -> set[str]:
    """Return everything that *requirements* install, themselves included.

    Those of other people are looked up in the environment of this process. What only *stop* brings
    is left out, and so is *stop*.
    """
    found: set[str] = set()
    pending = [(requirement, "") for requirement in requirements]
    seen: set[str] = set()
    while pending:
        requirement, extra = pending.pop()
        name = canonicalize_name(requirement.name)
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        if not applies or name == stop or (key := f"{extra}>{requirement}") in seen:
            continue
        seen.add(key)
        found.add(name)
        for each in ("", *requirement.extras):
            pending += [(one, each) for one in asked(name, packages)]
    return found


def asked(name: str, packages: Mapping[str, Member]) -> list[Requirement]:
    """Return the requirements of *name*, those of its extras with their markers."""
    if name in packages:
        return packages[name].dependencies
    return [Requirement(text) for text in distribution(name).requires or []]


def installed_size(names: Iterable[str], packages: Mapping[str, Member]) -> int:
    """Return the bytes of the files of *names*, without compiled Python."""
    return sum(
        own_size(packages[name]) if name in packages else files_size(distribution(name))
        for name in names
    )


def files_size(found: Distribution) -> int:
    paths = (Path(str(file.locate())) for file in found.files or [] if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in paths if path.exists())


def import_time(module: str, after: str = "sys", times: int = 5) -> float:
    """Return the milliseconds of a processor that importing *module* takes, *after* another.

    It is the median of as many new processes; one before them compiles what has to be.
    """
    code = (
        f"import {after}; from time import process_time; begin = process_time(); "
        f"import {module}; print(process_time() - begin)"
    )
    taken = [float(printed(code)) for _ in range(times + 1)]
    return 1000 * median(taken[1:])


def imports(module: str, other: str) -> bool:
    """Return whether importing *module* imports *other*."""
    return printed(f"import sys, {module}; print({other!r} in sys.modules)").strip() == "True"


def printed(code: str) -> str:
    """Return what *code* prints in a new process."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
