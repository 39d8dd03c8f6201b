# SPDX-License-Identifier: MIT
"""The packages as a picture, drawn from what each of them says that it needs.

``python docs/pictures.py packages`` draws it; a test holds it against the metadata as they are now.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

PACKAGES: Final = Path(__file__).resolve().parent.parent / "packages"
WIDTH: Final = 640
BOX: Final = (92, 66)
LAYER: Final = 118

STYLE: Final = """
.paper { fill: #ffffff } .box { fill: #eef3f9; stroke: #3b6ea5 } .arrow { stroke: #8a97a6 }
.head { fill: #8a97a6 } text { font: 11px ui-sans-serif, system-ui, "Segoe UI", "DejaVu Sans",
sans-serif; fill: #57606a; text-anchor: middle } .name { font-weight: 600; fill: #1f4f86 }
@media (prefers-color-scheme: dark) {
  .paper { fill: #14181d } .box { fill: #1d2733; stroke: #5b87b5 } .name { fill: #8cbcf0 }
  text { fill: #adb7c2 }
}
"""

Needs: TypeAlias = dict[str, list[str]]


def needs() -> Needs:
    """Return what each package needs, the others of ours and those of other people."""
    found: Needs = {}
    for path in sorted(PACKAGES.glob("*/pyproject.toml")):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        names = (re.split(r"[^\w.-]", text)[0] for text in project["dependencies"])
        found[project["name"]] = sorted(names)
    return found


def layers(asked: Mapping[str, list[str]]) -> list[list[str]]:
    """Return the packages in rows, each needing only such as are in the rows before."""
    rows: list[list[str]] = []
    left = dict(asked)
    while left:
        row = [name for name, wanted in left.items() if not left.keys() & set(wanted)]
        if not row:
            raise ValueError(f"{', '.join(left)} need each other")
        rows.append(row)
        left = {name: wanted for name, wanted in left.items() if name not in row}
    return rows


def arrows(asked: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    """Return who needs whom, without what follows from the others."""
    ours = {name: asked.keys() & set(wanted) for name, wanted in asked.items()}
    return [
        (name, wanted)
        for name in ours
        for wanted in sorted(ours[name])
        if not any(wanted in ours[other] for other in ours[name])
    ]


def picture() -> str:
    """Return the picture, as SVG: what is needed by others stands below them."""
    asked = needs()
    rows = layers(asked)[::-1]
    height = LAYER * (len(rows) - 1) + BOX[1] + 24
    places = {
        name: (WIDTH * (column + 0.5) / len(row), 12 + BOX[1] / 2 + LAYER * index)
        for index, row in enumerate(rows)
        for column, name in enumerate(row)
    }
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img">',
            "<title>The packages, and what each needs</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
            'markerHeight="8" orient="auto"><path class="head" d="M0 0 L8 4 L0 8 z"/></marker>'
            "</defs>",
            f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
            *(_arrow(places[name], places[wanted]) for name, wanted in arrows(asked)),
            *(line for name, place in places.items() for line in _box(name, place, asked)),
            "</svg>\n",
        ]
    )


def _arrow(begin: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = begin, end
    aside = 0.9 * BOX[0] * (x1 - x2) / WIDTH  # arrows that meet leave each other some room
    return (
        f'<line class="arrow" x1="{x1:.1f}" y1="{y1 + BOX[1] / 2:g}" x2="{x2 + aside:.1f}" '
        f'y2="{y2 - BOX[1] / 2:g}" marker-end="url(#head)"/>'
    )


def _box(name: str, place: tuple[float, float], asked: Needs) -> Iterator[str]:
    x, y = place
    others = [wanted for wanted in asked[name] if wanted not in asked]
    lines = [name.removeprefix("callbacks-"), *(others or ["nothing else"])]
    if name == "callbacks-core":
        lines[1:] = others or ["Python alone"]
    yield (
        f'<rect class="box" x="{x - BOX[0] / 2:.1f}" y="{y - BOX[1] / 2:g}" '
        f'width="{BOX[0]}" height="{BOX[1]}" rx="6"/>'
    )
    for index, text in enumerate(lines):
        top = y + 4 + 16 * (index - (len(lines) - 1) / 2)
        style = ' class="name"' if index == 0 else ""
        yield f'<text{style} x="{x:.1f}" y="{top:g}">{text}</text>'
