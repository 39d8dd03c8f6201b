# SPDX-License-Identifier: MIT
"""Prove that a distribution can be released as it stands in a tree."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from releasing import api
from releasing.archives import Workshop, complaints, unlike_the_tree
from releasing.environments import PINS, Environment
from releasing.tags import export, last_before, releases
from releasing.versions import too_small
from workspace import ROOT, Member, members, ours


def wrong_notes(member: Member, version: str) -> Iterator[str]:
    """Yield why the sources of *member* are not those of *version*."""
    if member.version != version:
        yield f"{member.name}: the sources say {member.version}, not {version}"
    changelog = (member.path / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## {re.escape(version)}( |$)", changelog, re.MULTILINE):
        yield f"{member.name}: CHANGELOG.md has no `## {version}`"
    if notes := sorted(file.name for file in member.path.glob("changelog.d/*.md")):
        yield f"{member.name}: changelog.d still holds {', '.join(notes)}"


def changes_since(
    member: Member, last: Version, folder: Path, root: Path, repository: Path = ROOT
) -> list[api.Change]:
    """Return how what is public in *root* differs from the release *last*, had in *folder*."""
    return api.changes(member, export(member.name, last, folder, repository), root)


class Verification:
    """Looks at one distribution in the tree *root*; what it makes is below *folder*.

    Earlier releases are those of the *repository*, of which the tree may be a copy.
    """

    def __init__(
        self, member: Member, root: Path, folder: Path, workshop: Workshop, repository: Path = ROOT
    ) -> None:
        self.member = member
        self.packages: Mapping[str, Member] = members(root)
        self.root = root
        self.folder = folder
        self.workshop = workshop
        self.repository = repository

    def api(self) -> Iterator[str]:
        """Say what changed in public; raise ValueError if the version promises less."""
        version = Version(self.member.version)
        last = last_before(self.member.name, version, self.repository)
        if last is None:
            yield "what is public: first release"
            return
        found = changes_since(self.member, last, self.folder / "last", self.root, self.repository)
        yield f"what is public: changes since {last}: {len(found)}"
        for change in found:
            yield f"  {'breaks' if change.breaks else 'adds'} {change.text}"
        if problem := too_small(self.member.name, last, version, found):
            raise ValueError(problem)

    def archives(self) -> Iterator[str]:
        """Build both archives and look at them; raise ValueError if they are not sound."""
        archives = self.workshop.archives(self.member)
        if unlike := unlike_the_tree(self.member, archives, self.folder / "tree"):
            raise ValueError(f"{self.member.name}: the sdist makes another wheel: {unlike}")
        if found := complaints([archives]):
            raise ValueError("\n".join(found))
        size = archives.wheel.stat().st_size
        yield f"sdist and wheel: sound, the same from either; the wheel has {size / 1024:.0f} KiB"

    def alone(self, *, tests: bool) -> Iterator[str]:
        """Install the wheel beside what it asks for, and nothing else."""
        siblings = {name: self.packages[name] for name in self.needs()}
        yield f"alone: {self.installed(siblings, 'alone', tests=tests)}"

    def oldest(self, *, tests: bool) -> Iterator[str]:
        """Install the wheel beside the oldest releases of ours that it allows."""
        siblings = {name: self.packages[name] for name in self.needs()}
        found = {name: self.oldest_release(name) for name in siblings}
        for name, version in found.items():
            if version is not None:
                tree = export(name, version, self.folder / "oldest" / name, self.repository)
                siblings[name] = members(tree)[name]
        named = [f"{name} {version}" for name, version in found.items() if version]
        if unreleased := [name for name, version in found.items() if not version]:
            yield f"oldest of ours: no release within the bounds yet of {', '.join(unreleased)}"
        if named:
            told = self.installed(siblings, "beside-oldest", tests=tests)
            yield f"oldest of ours ({', '.join(named)}): {told}"

    def needs(self) -> list[str]:
        """Return our other distributions that this one needs."""
        return sorted(ours(self.member, self.packages) - {self.member.name})

    def oldest_release(self, name: str) -> Version | None:
        """Return the oldest release of *name* that all bounds in the way allow."""
        allowed = SpecifierSet()
        for user in ours(self.member, self.packages):
            for requirement in self.packages[user].dependencies:
                if canonicalize_name(requirement.name) == name:
                    allowed &= requirement.specifier
        return min(allowed.filter(releases(name, self.repository)), default=None)

    def installed(self, siblings: Mapping[str, Member], name: str, *, tests: bool) -> str:
        """Install the wheel and those of its *siblings*, try it, and say how that went."""
        archives = self.workshop.archives(self.member)
        wheels = [self.workshop.archives(sibling).wheel for sibling in siblings.values()]
        environment = Environment(self.folder / name, [PINS])
        environment.install(map(str, [archives.wheel, *wheels]))
        environment.check(self.member)
        others = len(environment.versions()) - 1
        said = environment.test(self.member, archives.sdist) if tests else "imported"
        return f"{others} other packages; {said}"
