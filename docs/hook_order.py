# SPDX-License-Identifier: MIT
"""The order of the hooks as a picture, drawn from a training that was watched.

``python docs/pictures.py`` draws it; a test holds it against the loop as it is now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, TypeAlias

import torch

from callbacks_core import HOOKS, LambdaCallback, TrainingLoop

NOTES: Final = {
    "on_train_begin": "model and params are there",
    "on_epoch_begin": "counted from 1",
    "on_train_batch_begin": "the batch has been fetched",
    "forward": "your loop: forward, loss, backward",
    "on_backward_end": "gradients complete: clip, track",
    "step": "the optimizer steps",
    "on_train_batch_end": "lazy logs of this batch",
    "on_batch_settled": "saves in the middle of an epoch",
    "on_valid_begin": "EMA and SWA put their weights in",
    "on_valid_batch_begin": "",
    "forward, no gradients": "forward, without gradients",
    "on_valid_batch_end": "lazy logs, under val_…",
    "on_valid_end": "means of the validation",
    "on_epoch_end": "means: stop, schedule, save, log",
    "on_settled": "the whole run is saved",
    "on_train_end": "best weights are put back",
    "on_exception": "in its place, when anything raises",
    "close": "always, and once",
}
"""What happens at each event of a training. An event that is not here cannot be drawn."""

REPEATED: Final = {
    "on_epoch_begin": "each epoch",
    "on_train_batch_begin": "each batch",
    "on_valid_batch_begin": "each batch",
}
"""What is repeated, by the event that it begins with."""


@dataclass(frozen=True)
class Block:
    """Events that belong together, and what they are of."""

    title: str
    parts: tuple[Part, ...]


Part: TypeAlias = "str | Block"


def watched(*, fails: bool = False) -> list[str]:
    """Train a little, and return what happened in order: hooks, forward passes and steps.

    Args:
        fails: Whether the second epoch raises.
    """
    events: list[str] = []

    def listener(hook: str) -> LambdaCallback:
        return LambdaCallback(**{hook: lambda *arguments: events.append(hook)})

    network = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    optimizer.register_step_post_hook(lambda *arguments: events.append("step"))
    network.register_forward_hook(
        lambda *arguments: events.append(
            "forward" if torch.is_grad_enabled() else "forward, no gradients"
        )
    )
    batches = [torch.ones(4, 2)] * 2
    try:
        with TrainingLoop(network, optimizer, callbacks=[*map(listener, HOOKS)]) as loop:
            for epoch in loop.epochs(2):
                for x in epoch.train(batches):
                    loss = network(x).square().mean()
                    optimizer.zero_grad()
                    loss.backward()
                    loop.backward_end()
                    optimizer.step()
                for x in epoch.valid(batches):
                    loop.log(loss=network(x).square().mean())
                if fails:
                    raise RuntimeError
    except RuntimeError:
        if not fails:
            raise
    return events


def folded(events: Sequence[str]) -> tuple[Part, ...]:
    """Return *events* with what follows itself put into a block once, the shortest first."""
    parts: list[Part] = list(events)
    for length in range(1, len(parts) // 2 + 1):
        start = 0
        while start + 2 * length <= len(parts):
            once = parts[start : start + length]
            end = start + length
            while parts[end : end + length] == once:
                end += length
            if end > start + length and isinstance(once[0], str):
                parts[start:end] = [Block(REPEATED[once[0]], tuple(once))]
            start += 1
    return tuple(parts)


def order() -> tuple[Part, ...]:
    """Return the order of a training: repeated parts once, and the exception beside the end."""
    *parts, close = _with_validation(folded(watched()))
    exception, closed = watched(fails=True)[-2:]
    if close != closed:
        raise RuntimeError(f"a training ended with {close!r}, or {closed!r} after an exception")
    return (*parts, exception, close)


def _with_validation(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Put the validation, where it stands, into a block of its own."""
    found = list(parts)
    for index, part in enumerate(found):
        if isinstance(part, Block):
            found[index] = Block(part.title, _with_validation(part.parts))
    if "on_valid_begin" in found:
        begin, end = found.index("on_valid_begin"), found.index("on_valid_end") + 1
        found[begin:end] = [Block("with a validation", tuple(found[begin:end]))]
    return tuple(found)


WIDTH: Final = 580
ROW: Final = 27
INDENT: Final = 16
NOTES_AT: Final = 276

STYLE: Final = """
.paper { fill: #ffffff } .box { fill: #3b6ea5; fill-opacity: .07; stroke: #3b6ea5 }
text { font: 14px ui-sans-serif, system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #30363d }
.hook { font: 600 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f4f86 }
.title { font-size: 12px; fill: #3b6ea5 } .work { font-style: italic; fill: #6a737d }
@media (prefers-color-scheme: dark) {
  .paper { fill: #14181d } text { fill: #c9d1d9 } .hook { fill: #8cbcf0 }
  .box { fill: #8cbcf0; stroke: #5b87b5 } .title { fill: #8cbcf0 } .work { fill: #8b949e }
}
"""


def picture() -> str:
    """Return the picture, as SVG."""
    rows = list(_drawn(order(), top=12, depth=0))
    height = 12 + ROW * _height(order()) + 8
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img">',
            "<title>The order of the hooks in a training</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
            *rows,
            "</svg>\n",
        ]
    )


def _height(parts: Sequence[Part]) -> float:
    """Return how many rows *parts* take: a block has a title, and a margin below."""
    return sum(1 if isinstance(part, str) else _height(part.parts) + 1.3 for part in parts)


def _drawn(parts: Sequence[Part], *, top: float, depth: int) -> Iterator[str]:
    left = 16 + INDENT * depth
    for part in parts:
        if isinstance(part, str):
            yield from _row(part, left, top + 18)
            top += ROW
            continue
        rows = _height(part.parts) + 1
        yield (
            f'<rect class="box" x="{left}" y="{top}" width="{WIDTH - 2 * left}" '
            f'height="{rows * ROW:g}" rx="6"/>'
            f'<text class="title" x="{left + INDENT}" y="{top + 18:g}">{part.title}</text>'
        )
        yield from _drawn(part.parts, top=top + ROW, depth=depth + 1)
        top += (rows + 0.3) * ROW


def _row(event: str, left: float, y: float) -> Iterator[str]:
    note = escape(NOTES[event])
    if event not in HOOKS:
        yield f'<text class="work" x="{NOTES_AT}" y="{y:g}">{note}</text>'
        return
    yield f'<text class="hook" x="{left}" y="{y:g}">{event}</text>'
    yield f'<text x="{NOTES_AT}" y="{y:g}">{note}</text>'
