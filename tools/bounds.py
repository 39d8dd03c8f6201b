# SPDX-License-Identifier: MIT
"""Check what the distributions ask of each other and of the world.

The table below is the architecture: who may depend on whom, and which extras there are. Bounds
between our own distributions must be compatible-release ranges that the versions in this tree
satisfy, and the constraints for development must be exact and portable.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from workspace import ROOT, Member, members, names


class Shape(NamedTuple):
    """The dependencies of a distribution, and its extras other than `all`."""

    dependencies: Sequence[str]
    extras: Sequence[str] = ()


LEAVES = [
    "callbacks-checkpoint",
    "callbacks-logging",
    "callbacks-lr",
    "callbacks-notify",
    "callbacks-policies",
    "callbacks-trainer",
]

ARCHITECTURE = {
    "callbacks-core": Shape([]),
    "callbacks-checkpoint": Shape(["callbacks-core", "torch"], ["safetensors"]),
    "callbacks-lr": Shape(["callbacks-core", "torch"], ["plot"]),
    "callbacks-policies": Shape(["callbacks-core", "torch"], ["plot"]),
    "callbacks-logging": Shape(
        ["callbacks-core", "colorama"], ["mlflow", "plot", "tensorboard", "wandb"]
    ),
    "callbacks-notify": Shape(["callbacks-core"], ["apprise", "notif"]),
    "callbacks-trainer": Shape(["callbacks-core", "torch", "torchmetrics"]),
    "callboard": Shape(
        ["callbacks-core", *LEAVES],
        ["apprise", "demo", "mlflow", "notif", "plot", "safetensors", "tensorboard", "wandb"],
    ),
}


def wrong_shapes(packages: Mapping[str, Member]) -> Iterator[str]:
    """Yield what differs from the architecture."""
    if packages.keys() != ARCHITECTURE.keys():
        yield f"packages: expected {sorted(ARCHITECTURE)}, found {sorted(packages)}"
    for name in sorted(packages.keys() & ARCHITECTURE.keys()):
        member, shape = packages[name], ARCHITECTURE[name]
        needs = sorted(names(member.dependencies))
        if needs != sorted(shape.dependencies):
            yield f"{name}: depends on {needs}, should on {sorted(shape.dependencies)}"
        extras = {*shape.extras, "all"} if shape.extras else set()
        if member.extras.keys() != extras:
            yield f"{name}: has extras {sorted(member.extras)}, should have {sorted(extras)}"
        elif left_out := extras - reached(member, "all"):
            yield f"{name}: extra `all` leaves out {sorted(left_out)}"
        if member.project.get("requires-python") != ">=3.11":
            yield f"{name}: requires-python should be >=3.11"


def reached(member: Member, extra: str) -> set[str]:
    """Return *extra* and every extra of the same *member* that it brings along."""
    found: set[str] = set()
    pending = {extra} & member.extras.keys()
    while pending:
        found.add(current := pending.pop())
        for requirement in member.extras.get(current, []):
            if canonicalize_name(requirement.name) == member.name:
                pending |= requirement.extras - found
    return found


def wrong_bounds(packages: Mapping[str, Member]) -> Iterator[str]:
    """Yield the bounds between our own distributions that are too tight, too loose or broken."""
    for name, member in packages.items():
        for requirement in member.requirements:
            other = packages.get(canonicalize_name(requirement.name))
            if other is None or other is member:
                continue
            if [bound.operator for bound in requirement.specifier] != ["~="]:
                yield f"{name}: `{requirement}` should be a single `~=`"
            elif other.version not in requirement.specifier:
                yield f"{name}: `{requirement}` excludes {other.name} {other.version} of this tree"


def wrong_pins(constraints: Path) -> Iterator[str]:
    """Yield the lines of the *constraints* that would not hold on another machine."""
    pins: dict[str, int] = {}
    for number, line in enumerate(constraints.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        if not re.fullmatch(r"[\w.-]+==[\w.]+", text):
            yield f"{constraints.name}:{number}: `{text}` should read `name==version`, nothing more"
            continue
        name = canonicalize_name(Requirement(text).name)
        if name in pins:
            yield f"{constraints.name}:{number}: `{name}` is pinned in line {pins[name]} already"
        pins[name] = number
    if "torch" not in pins:
        yield f"{constraints.name}: torch is not pinned"


def problems(root: Path = ROOT) -> list[str]:
    """Return everything that is wrong below *root*, one sentence each."""
    packages = members(root)
    return [
        *wrong_shapes(packages),
        *wrong_bounds(packages),
        *wrong_pins(root / "tools" / "constraints.txt"),
    ]


def main() -> None:
    found = problems()
    if found:
        sys.exit("\n".join(found))
    print(f"bounds: {len(members())} distributions fit together")


if __name__ == "__main__":
    main()
