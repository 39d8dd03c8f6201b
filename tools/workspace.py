# SPDX-License-Identifier: MIT
"""What the other tools know about the eight distributions, read from their own files."""

import ast
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Member:
    """One folder of `packages/`."""

    path: Path

    @property
    def folder(self) -> str:
        return self.path.name

    @cached_property
    def project(self) -> dict[str, Any]:
        with (self.path / "pyproject.toml").open("rb") as file:
            project: dict[str, Any] = tomllib.load(file)["project"]
        return project

    @property
    def name(self) -> str:
        return canonicalize_name(self.project["name"])

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def source(self) -> Path:
        return self.path / "src" / self.module

    @cached_property
    def version(self) -> str:
        about = self.source / "__about__.py"
        for node in ast.parse(about.read_text(encoding="utf-8")).body:
            match node:
                case ast.Assign(
                    targets=[ast.Name(id="__version__")], value=ast.Constant(value=str() as version)
                ):
                    return version
        raise ValueError(f'{about} does not say `__version__ = "…"`')

    @property
    def dependencies(self) -> list[Requirement]:
        return [Requirement(text) for text in self.project.get("dependencies", [])]

    @property
    def extras(self) -> dict[str, list[Requirement]]:
        extras = self.project.get("optional-dependencies", {})
        return {name: [Requirement(text) for text in texts] for name, texts in extras.items()}

    @property
    def requirements(self) -> list[Requirement]:
        """Hard dependencies and those of every extra."""
        return [*self.dependencies, *(one for extra in self.extras.values() for one in extra)]


def members(root: Path = ROOT) -> dict[str, Member]:
    """Return the distributions below *root* by name, in the order of their folders."""
    found = [Member(file.parent) for file in sorted(root.glob("packages/*/pyproject.toml"))]
    return {member.name: member for member in found}


def names(requirements: Iterable[Requirement]) -> set[str]:
    """Return the normalized names of what *requirements* ask for."""
    return {canonicalize_name(requirement.name) for requirement in requirements}


def find(name: str, packages: Mapping[str, Member]) -> Member:
    """Return the distribution called *name*, or in a folder of that name.

    Raises:
        ValueError: There is none; the message tells which is meant, perhaps.
    """
    for member in packages.values():
        if canonicalize_name(name) in (member.name, member.folder):
            return member
    near = get_close_matches(name, packages, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(packages)}"
    raise ValueError(f"no distribution is called {name!r}; {hint}")


def ours(member: Member, packages: Mapping[str, Member]) -> set[str]:
    """Return the distributions of this tree that *member* needs, itself included."""
    needed = {member.name}
    for name in names(member.dependencies) & packages.keys():
        needed |= ours(packages[name], packages)
    return needed


def asked_of_others(
    member: Member, extra: str, packages: Mapping[str, Member]
) -> list[Requirement]:
    """Return what *member*, its *extra* and those of ours that they need ask of the world."""
    found: list[Requirement] = []
    seen: set[tuple[str, str]] = set()
    pending = [(member.name, ""), (member.name, extra)]
    while pending:
        name, wanted = current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        one = packages[name]
        for requirement in one.extras.get(wanted, []) if wanted else one.dependencies:
            other = canonicalize_name(requirement.name)
            if other in packages:
                pending += [(other, ""), *((other, each) for each in requirement.extras)]
            else:
                found.append(requirement)
    return found
