# SPDX-License-Identifier: MIT
"""Prove that each distribution stands by itself, and write down what it weighs.

python tools/independence.py                           writes docs/independence.md
python tools/independence.py --check                   compares it with the sources
python tools/independence.py bounds NAME --oldest      tests NAME with the oldest dependencies
"""

import argparse
import platform
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import weights
from flat import public_names
from releasing.environments import Resolution
from releasing.extremes import attempt
from workspace import ROOT, Member, find, members, names

TARGET = ROOT / "docs" / "independence.md"
TOLERANCE = 0.2  # of a distribution's own size: it may grow without a word by so much

BEGIN = "<!-- Written by tools/independence.py, to the end of the list. -->\n"
END = "<!-- So far. -->\n"

MEASURED = """\

| install | needs | packages | own size | size of all | import | public names |
|---|---|---:|---:|---:|---:|---:|
{rows}

- torch: {torch_packages} packages, {torch_size}, {torch_import} ms
- measured with Python {python} and torch {torch}, built for the CPU, on {machine}

"""


class Facts(NamedTuple):
    """What the sources alone tell of a distribution."""

    needs: str
    size: int
    names: int


def facts(member: Member) -> Facts:
    """Return what the sources of *member* tell."""
    needs = ", ".join(f"`{name}`" for name in sorted(names(member.dependencies)))
    return Facts(needs or "nothing", weights.own_size(member), len(public_names(member.module)))


def row(member: Member, packages: Mapping[str, Member]) -> str:
    """Return a line of the table."""
    told = facts(member)
    everything = weights.brought(member.dependencies, packages) | {member.name}
    counted = weights.brought(member.dependencies, packages, weights.TORCH) | {member.name}
    torch = " + torch" if weights.TORCH in everything else ""
    late = weights.imports(member.module, weights.TORCH)
    time = weights.import_time(member.module, after=weights.TORCH if late else "sys")
    size = weights.installed_size(counted, packages)
    return (
        f"| `{member.name}` | {told.needs} | {len(counted)}{torch} | {kilobytes(told.size)} "
        f"| {megabytes(size)}{torch} | {time:.0f} ms{torch if late else ''} | {told.names} |"
    )


def kilobytes(size: int) -> str:
    return f"{size / 1000:.0f} kB"


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def report() -> str:
    """Return what the page says of this tree, measured now."""
    packages = members()
    rows = [row(member, packages) for member in packages.values()]
    torch = weights.brought(weights.asked(weights.TORCH, packages), packages) | {weights.TORCH}
    return MEASURED.format(
        rows="\n".join(rows),
        torch_packages=len(torch),
        torch_size=f"{weights.installed_size(torch, packages) / 1e6:.0f} MB",
        torch_import=f"{weights.import_time(weights.TORCH):.0f}",
        torch=version(weights.TORCH).partition("+")[0],
        python=platform.python_version(),
        machine=f"{platform.system()} ({platform.machine()})",
    )


def refreshed(page: str, packages: Mapping[str, Member]) -> str:
    """Return the *page* with what the sources alone tell, and what was measured as it was."""
    lines = page.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if cells := cells_of(line):
            told = facts(find(cells[1].strip("`"), packages))
            cells[2], cells[7] = told.needs, str(told.names)
            if far(cells[4], told.size):
                cells[4] = kilobytes(told.size)
            lines[number] = " | ".join(cells).strip() + "\n"
    return "".join(lines)


def rewritten(page: str) -> str:
    """Return the *page*, measured anew."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"docs/independence.md should have {BEGIN!r}, and after that {END!r}")
    return f"{before}{BEGIN}{report()}{END}{after}"


def outdated(page: str, packages: Mapping[str, Member]) -> Iterator[str]:
    """Yield what a *page* does not tell as the sources do."""
    rows = [cells for line in page.splitlines() if (cells := cells_of(line))]
    told = {cells[1].strip("`"): cells for cells in rows}
    if told.keys() != packages.keys():
        yield f"the table has {', '.join(told) or 'no rows'}"
    for name in told.keys() & packages.keys():
        cells, now = told[name], facts(packages[name])
        if cells[2] != now.needs:
            yield f"{name} needs {now.needs}, not {cells[2]}"
        if int(cells[7]) != now.names:
            yield f"{name} has {now.names} public names, not {cells[7]}"
        if far(cells[4], now.size):
            yield f"{name} takes {kilobytes(now.size)}, not {cells[4]}"


def far(told: str, size: int) -> bool:
    """Return whether *size* is not nearly what was *told*."""
    return abs(int(told.removesuffix(" kB")) * 1000 - size) > TOLERANCE * size


def cells_of(line: str) -> list[str]:
    """Return the cells of a row that begins with the name of a distribution, or none."""
    found = re.match(r"\| `", line)
    return [cell.strip() for cell in line.split("|")] if found else []


def table(options: argparse.Namespace) -> None:
    """Check the page, or write it anew."""
    page, packages = TARGET.read_text(encoding="utf-8"), members()
    if not options.check:
        page = rewritten(page) if options.measure else refreshed(page, packages)
        TARGET.write_text(page, encoding="utf-8")
    if found := list(outdated(page, packages)):
        raise ValueError("\n".join([*found, "docs/independence.md: run tools/independence.py"]))


def bounds(options: argparse.Namespace) -> None:
    """Try a distribution with the oldest or the newest of what it asks for."""
    resolution: Resolution = "lowest-direct" if options.oldest else "highest"
    member = find(options.distribution, members())
    with tempfile.TemporaryDirectory() as folder:
        extra = options.extra
        for line in attempt(member, ROOT, Path(folder), resolution, options.pin, extra):
            print(line, flush=True)


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="tell what is not up to date")
    what.add_argument("--measure", action="store_true", help="measure sizes and times anew")
    commands = parser.add_subparsers(dest="command")
    command = commands.add_parser("bounds", help="run the tests with the oldest or the newest")
    command.add_argument("distribution", help="for example callbacks-lr")
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--oldest", action="store_true", help="that the bounds allow")
    which.add_argument("--newest", action="store_true", help="that the bounds allow")
    command.add_argument("--extra", default="all", help="to install as well (default: all)")
    command.add_argument(
        "--pin", action="append", default=[], metavar="NAME==VERSION", help="hold one where it is"
    )
    return parser


def main() -> None:
    options = parser().parse_args()
    try:
        if options.command == "bounds":
            bounds(options)
        else:
            table(options)
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
