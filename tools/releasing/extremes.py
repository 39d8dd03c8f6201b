# SPDX-License-Identifier: MIT
"""Try a distribution with the oldest, or the newest, of everything that it asks for."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from releasing.archives import Workshop
from releasing.environments import Environment, Resolution
from workspace import Member, asked_of_others, members, names, ours


def attempt(
    member: Member,
    root: Path,
    folder: Path,
    resolution: Resolution,
    pins: Sequence[str],
    extra: str,
) -> Iterator[str]:
    """Test *member* with its *extra* beside what *resolution* takes, but for the *pins*.

    Warnings are errors with the newest only: what the oldest say of each other is nobody's news.
    """
    packages = members(root)
    workshop = Workshop(folder / "archives")
    wheels = [workshop.archives(packages[name]).wheel for name in sorted(ours(member, packages))]
    asked = asked_of_others(member, extra, packages)
    held = folder / "pins.txt"
    held.write_text("\n".join(pins), encoding="utf-8")
    environment = Environment(folder / "environment", [held])
    environment.install([*map(str, wheels), *map(str, asked)], resolution=resolution)
    environment.check(member)
    installed = environment.versions()
    direct = (f"{name} {installed[name]}" for name in sorted(names(asked)) if name in installed)
    yield f"{member.name}: {len(installed)} packages; {', '.join(direct) or 'asks for none'}"
    quiet = ["-W", "default"] if resolution == "lowest-direct" else []
    yield f"{member.name}: {environment.test(member, workshop.archives(member).sdist, quiet)}"
