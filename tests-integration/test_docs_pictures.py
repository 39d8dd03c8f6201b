# SPDX-License-Identifier: MIT
"""The pictures that are kept beside the pages show what is."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from callbacks_core import HOOKS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
IMAGES = DOCS / "images"
PAGES = [ROOT / "README.md", *DOCS.glob("*.md"), *ROOT.glob("packages/*/README.md")]


def imported(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import what lies beside the pages."""
    monkeypatch.syspath_prepend(DOCS)
    module = __import__(name)
    monkeypatch.delitem(sys.modules, name)
    return module


@pytest.fixture
def hook_order(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that draws the order of the hooks."""
    return imported("hook_order", monkeypatch)


@pytest.fixture
def package_map(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that draws the packages."""
    return imported("package_map", monkeypatch)


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that draws all of them."""
    return imported("pictures", monkeypatch)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that draws a terminal."""
    return imported("terminal", monkeypatch)


def test_the_order_of_the_hooks_is_that_of_the_loop(hook_order: ModuleType) -> None:
    """The picture is the one that is drawn from a training now: `python docs/pictures.py hooks`."""
    assert (IMAGES / "hooks.svg").read_text("utf-8") == hook_order.picture()


def test_every_hook_of_a_training_is_in_the_picture(hook_order: ModuleType) -> None:
    """Testing and predicting have none of their own."""
    drawn = re.findall(r'class="hook"[^>]*>(\w+)<', hook_order.picture())
    assert sorted(drawn) == sorted(
        hook for hook in HOOKS if "_test_" not in hook and "_predict_" not in hook
    )


def test_what_is_repeated_is_folded(hook_order: ModuleType) -> None:
    """The shortest first, so that blocks nest; what comes once stays as it is."""
    batch = ["on_train_batch_begin", "step"]
    epoch = ["on_epoch_begin", *batch, *batch, "end"]
    [begin, block, end] = hook_order.folded(["a", *epoch, *epoch, *epoch, "z"])
    assert (begin, end) == ("a", "z")
    inner = hook_order.Block("each batch", tuple(batch))
    assert block == hook_order.Block("each epoch", ("on_epoch_begin", inner, "end"))


def test_the_hooks_are_written_as_they_are_drawn(hook_order: ModuleType) -> None:
    """The order in words on the page is that of the picture."""
    page = (DOCS / "hooks.md").read_text("utf-8")
    block = page[page.index("```text") + len("```text") : page.index("· close")]
    words = re.findall(r"\w+", block)
    drawn = [hook.removeprefix("on_") for hook in flat(hook_order.order()) if hook in HOOKS]
    assert words == [hook for hook in drawn if hook not in ("exception", "close")]


def flat(parts: tuple[object, ...]) -> list[str]:
    """Return the events of blocks in blocks."""
    found: list[str] = []
    for part in parts:
        found += [part] if isinstance(part, str) else flat(part.parts)  # type: ignore[attr-defined]
    return found


def test_the_packages_are_those_of_their_metadata(package_map: ModuleType) -> None:
    """The picture is the one that is drawn now: `python docs/pictures.py packages`."""
    assert (IMAGES / "packages.svg").read_text("utf-8") == package_map.picture()


def test_arrows_lead_down_and_say_nothing_twice(package_map: ModuleType) -> None:
    """What is needed by what one needs is needed too, without an arrow; circles are refused."""
    asked = {"all": ["core", "leaf", "torch"], "leaf": ["core"], "core": []}
    assert package_map.layers(asked) == [["core"], ["leaf"], ["all"]]
    assert package_map.arrows(asked) == [("all", "leaf"), ("leaf", "core")]
    with pytest.raises(ValueError, match="a, b need each other"):
        package_map.layers({"a": ["b"], "b": ["a"], "core": []})


def test_a_row_is_drawn_over(terminal: ModuleType) -> None:
    """As in a terminal: from its beginning, as far as the new text goes, in the new colours."""
    screen = terminal.Screen()
    screen.write("step 10\r\x1b[32mdone\x1b[0m\r\nnext")
    assert screen.texts() == ["done 10", "next"]
    assert screen.rows[0][3] == ("e", terminal.COLOURS["32"])
    assert screen.rows[0][5] == ("1", terminal.PLAIN)


def test_what_the_screen_does_not_know_is_an_error(terminal: ModuleType) -> None:
    """It would be drawn wrong."""
    with pytest.raises(ValueError, match="does not know the code '2K'"):
        terminal.Screen().write("\x1b[2K")


def test_a_picture_has_its_text_at_its_place(terminal: ModuleType) -> None:
    """Each piece of one colour once, with what SVG must not read as its own."""
    screen = terminal.Screen()
    screen.write("a<b \x1b[31mred")
    svg = terminal.as_svg(screen.rows, columns=20, title="rows & more")
    assert "<title>rows &amp; more</title>" in svg
    assert re.findall(r'x="(\d+)".*?textLength="(\d+)".*?>([^<]*)</text>', svg) == [
        ("16", "32", "a&lt;b "),
        ("48", "24", "red"),
    ]


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_a_program_has_a_terminal_of_its_own(terminal: ModuleType) -> None:
    """Of the width that was asked for; and the moment to be shown can be chosen."""
    source = """
import os, sys, time
print(os.get_terminal_size().columns, sys.stdout.isatty(), flush=True)
print("now", flush=True)
time.sleep(600)
"""
    screen = terminal.run(source, columns=77, until=lambda output: "now" in output)
    assert screen.texts()[:2] == ["77 True", "now"]
    with pytest.raises(RuntimeError, match="ended with 3"):
        terminal.run("raise SystemExit(3)", columns=80)


def test_the_picture_of_the_progress_is_of_the_display_as_it_is(terminal: ModuleType) -> None:
    """Its words and colours are those that `ProgressionCallback` writes."""
    source = """
from callbacks_core.testing import play
from callbacks_logging import ProgressionCallback
logs = {"loss": 0.5, "accuracy": 90.0, "val_loss": 0.5, "val_accuracy": 90.0}
play(ProgressionCallback(), [logs])
"""
    rows = terminal.run(source, columns=130).rows
    now = terminal.as_svg(rows[:1], columns=130, title="")
    kept = (IMAGES / "progress.svg").read_text("utf-8")
    assert pieces(now)
    assert pieces(now) == pieces(kept)[: len(pieces(now))]
    assert "█" in kept
    assert "ETA: " in kept


def pieces(svg: str) -> list[tuple[str, str]]:
    """Return the colours and the words of a picture, without the numbers."""
    found = re.findall(r'fill="(#\w+)" textLength.*?>([^<]*)</text>', svg)
    return [(colour, re.sub(r"[\d./]+", "#", text).strip()) for colour, text in found]


def test_the_moment_that_is_shown_is_in_the_fifth_epoch(pictures: ModuleType) -> None:
    """Where most of its steps are done; what was drawn over before does not count."""
    line = "Epoch:  5/10 Step: 111/158  70.25% |███ |ETA: 0.14s loss: 0.5"
    assert pictures._in_the_fifth_epoch(f"Epoch:  4/10 0.5s\r\n\r{line}")
    assert not pictures._in_the_fifth_epoch(
        f"{line}\rEpoch:  5/10 Step: 141/158  89.24% |██|ETA: 0s"
    )
    assert not pictures._in_the_fifth_epoch(line.replace(" 5/", " 4/"))


def test_the_pictures_of_the_tutorial_are_what_its_blocks_draw(pictures: ModuleType) -> None:
    """All of its Python blocks are run for them, and write the files that are taken over."""
    page = DOCS / "getting-started.md"
    found = pictures.blocks(page)
    assert len(found) == page.read_text("utf-8").count("```python\n")
    assert any('savefig("schedule.png")' in block for block in found)
    assert any('"loss", best="min", save=True, save_directory="curves"' in block for block in found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pictures_are_there(page: Path) -> None:
    """Every picture of a page is beside it, or drawn with the site; each says what it shows."""
    for words, target in re.findall(r"!\[(.*?)\]\((.*?)\)", page.read_text("utf-8"), re.DOTALL):
        assert words, f"{target} has no description"
        if not target.startswith(("https://", "gallery/")):
            assert (page.parent / target).is_file(), target


def test_every_picture_is_shown() -> None:
    """None is left over."""
    text = "".join(page.read_text("utf-8") for page in PAGES)
    for picture in IMAGES.iterdir():
        assert f"images/{picture.name}" in text
