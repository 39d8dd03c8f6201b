# SPDX-License-Identifier: MIT
"""What is installed, what is missing, and the command that adds it."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from importlib import metadata
from typing import Final, NamedTuple

DISTRIBUTIONS: Final = (
    "callboard",
    "callbacks-core",
    "callbacks-checkpoint",
    "callbacks-lr",
    "callbacks-policies",
    "callbacks-logging",
    "callbacks-notify",
    "callbacks-trainer",
)

_EXTRA: Final = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Extra(NamedTuple):
    """An extra of the meta-package, with what of it is there and what is not."""

    name: str
    installed: dict[str, str]
    missing: list[str]


def report() -> str:
    """Return the whole report, as lines for people."""
    return "\n".join([*_packages(), "", *_runtime(), "", *_extras()])


def version_of(distribution: str) -> str | None:
    """Return the installed version of *distribution*, or None when it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def extras() -> list[Extra]:
    """Return the extras of the meta-package that add something, in alphabetical order."""
    found = []
    for name in sorted(metadata.metadata("callboard").get_all("Provides-Extra") or []):
        if name in ("all", "demo"):
            continue
        wanted = sorted(set(_third_parties("callboard", name)))
        versions = {package: version_of(package) for package in wanted}
        found.append(
            Extra(
                name,
                {package: version for package, version in versions.items() if version},
                [package for package, version in versions.items() if not version],
            )
        )
    return found


def _third_parties(distribution: str, extra: str) -> Iterator[str]:
    """Yield what an extra asks for, through our own distributions down to those of others."""
    try:
        requirements = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return
    for requirement in requirements:
        condition = _EXTRA.search(requirement)
        if condition is None or condition[1] != extra:
            continue
        match = _NAME.match(requirement)
        if match is None:
            continue
        name = match[0]
        if name not in DISTRIBUTIONS:
            yield name
            continue
        inner = re.search(r"\[([^\]]+)\]", requirement.partition(";")[0])
        for part in inner[1].split(",") if inner else ():
            yield from _third_parties(name, part.strip())


def _packages() -> Iterator[str]:
    yield "packages"
    for name in DISTRIBUTIONS:
        version = version_of(name)
        yield f"  {name:<22} {version or f'missing: pip install {name}'}"


def _runtime() -> Iterator[str]:
    yield "runtime"
    yield f"  {'python':<22} {platform.python_version()}"
    try:
        import torch
    except ImportError:
        yield f"  {'torch':<22} missing: pip install torch"
        return
    yield f"  {'torch':<22} {torch.__version__}"
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for index in range(count):
        properties = torch.cuda.get_device_properties(index)
        memory = properties.total_memory / 2**30
        yield f"  {f'cuda:{index}':<22} {properties.name}, {memory:.0f} GiB"
    if not count:
        yield f"  {'gpu':<22} none that torch can see"
    if _before(torch.__version__, (2, 10)):
        yield "  note: before torch 2.10, loading a file from strangers had memory errors even with"
        yield "        weights_only=True; load only files that you trust"


def _before(version: str, limit: tuple[int, int]) -> bool:
    numbers = re.findall(r"\d+", version)
    return (int(numbers[0]), int(numbers[1])) < limit


def _extras() -> Iterator[str]:
    yield "extras"
    for extra in extras():
        there = ", ".join(f"{name} {version}" for name, version in extra.installed.items())
        if not extra.missing:
            yield f"  {extra.name:<22} {there}"
            continue
        missing = ", ".join(extra.missing)
        yield f'  {extra.name:<22} missing {missing}: pip install "callboard[{extra.name}]"'
