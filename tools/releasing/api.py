# SPDX-License-Identifier: MIT
"""How the public interface of a distribution differs from that of an earlier tree.

Public is what an `__all__` lists, and the modules that another of our distributions imports.
Griffe reads the sources and finds what breaks; what was added breaks on the way back.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import griffe

from workspace import Member, members

ADDED = {griffe.BreakageKind.OBJECT_REMOVED, griffe.BreakageKind.PARAMETER_REMOVED}


class Change(NamedTuple):
    """One difference between two public interfaces."""

    text: str
    breaks: bool


def changes(member: Member, old: Path, new: Path) -> list[Change]:
    """Return how the public interface of *member* in the tree *new* differs from that in *old*."""
    wanted = imported_by_others(member, new) | imported_by_others(member, old)
    before, after = interface(member, old, wanted), interface(member, new, wanted)
    broken = [Change(told(one), True) for one in breakages(before, after)]
    added = [
        Change(f"{one.obj.path}: {'is new' if of_object(one) else 'has a new parameter'}", False)
        for one in breakages(after, before)
        if one.kind in ADDED
    ]
    return [*broken, *added]


def breakages(old: griffe.Module, new: griffe.Module) -> Iterator[griffe.Breakage]:
    """Yield what of *old* does not work in *new*, but for the version number."""
    for breakage in griffe.find_breaking_changes(old, new):
        if breakage.obj.name != "__version__":
            yield breakage


def told(breakage: griffe.Breakage) -> str:
    """Return a *breakage* in a line, which begins with the name of what breaks."""
    text = breakage.explain(style=griffe.ExplanationStyle.ONE_LINE)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return re.sub(r"^\S+?:\d+: ", "", text)


def of_object(breakage: griffe.Breakage) -> bool:
    return breakage.kind is griffe.BreakageKind.OBJECT_REMOVED


def interface(member: Member, root: Path, wanted: set[str]) -> griffe.Module:
    """Return the package of *member* in the tree *root*, with the public marked."""
    sources = [one.path / "src" for one in members(root).values()]
    loader = griffe.GriffeLoader(search_paths=sources, allow_inspection=False)
    package = loader.load(member.module, try_relative_path=False)
    if not isinstance(package, griffe.Module):
        raise TypeError(f"{member.module} is a {package.kind.value}, not a package")
    loader.resolve_aliases(external=None)
    mark(package, wanted)
    return package


def mark(module: griffe.Module, wanted: set[str]) -> bool:
    """Mark the modules below *module*, and it, as public or not; return which.

    What an `__all__` does not list is taken out, since griffe does not mind when a name leaves it.
    """
    inside = [mark(one, wanted) for one in module.modules.values() if not one.is_alias]
    public = any(inside) or module.exports is not None or module.path in wanted
    module.public = public
    if module.exports is not None:
        listed = {str(name) for name in module.exports} | module.modules.keys()
        for name in module.members.keys() - listed:
            module.del_member(name)
    return public


def imported_by_others(member: Member, root: Path) -> set[str]:
    """Return the modules of *member* that other distributions in *root* import names from."""
    found = set()
    for other in members(root).values():
        if other.name == member.name:
            continue
        for file in other.source.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                match node:
                    case ast.ImportFrom(module=str() as module, level=0):
                        found.add(module)
    return {module for module in found if module.partition(".")[0] == member.module}
