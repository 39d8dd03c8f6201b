# SPDX-License-Identifier: MIT
"""The pictures of the documentation show everything there is."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import callbacks_lr
import callbacks_policies
from callbacks_lr import LRSchedulerCallback

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that draws."""
    monkeypatch.syspath_prepend(DOCS)
    import gallery

    monkeypatch.delitem(sys.modules, "gallery")
    return gallery


def test_every_schedule_is_in_the_gallery(gallery: ModuleType) -> None:
    """A new one needs a panel."""
    public = (getattr(callbacks_lr, name) for name in callbacks_lr.__all__)
    schedules = {
        value
        for value in public
        if inspect.isclass(value)
        and issubclass(value, LRSchedulerCallback)
        and not inspect.isabstract(value)
    }
    assert {type(schedule) for schedule in gallery.SCHEDULES.values()} == schedules
    for title, schedule in gallery.SCHEDULES.items():
        assert title.startswith(type(schedule).__name__ + "(")


def test_every_policy_and_curve_is_in_the_gallery(gallery: ModuleType) -> None:
    """By the names of the functions in the titles."""
    shown = {re.split(r"\W", title)[0] for title in [*gallery.POLICIES, *gallery.SPACES]}
    names = {
        name
        for name in callbacks_policies.__all__
        if name.endswith(("_phases", "space")) or name == "constant"
    }
    assert names <= shown


def test_the_pictures_are_drawn_and_shown(gallery: ModuleType, tmp_path: Path) -> None:
    """Each is a PNG, and on a page."""
    pytest.importorskip("matplotlib")
    pages = "".join((DOCS / page).read_text("utf-8") for page in ("schedules.md", "policies.md"))
    drawn = gallery.draw(tmp_path)
    assert [path.name for path in drawn] == ["schedules.png", "policies.png", "spaces.png"]
    for path in drawn:
        assert path.read_bytes().startswith(b"\x89PNG\r\n")
        assert f"](gallery/{path.name})" in pages
