# SPDX-License-Identifier: MIT
"""What the tutorial says that its blocks print is what they print."""

from __future__ import annotations

import contextlib
import io
import re
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
FENCES = re.compile(r"^```(python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def masked(text: str) -> str:
    """Return *text* with each number as `#`: losses and times are others on another machine."""
    return re.sub(r"\d+(\.\d+)?(e-\d+)?", "#", text).replace("…", "...")


def shown(page: Path) -> list[tuple[str, str]]:
    """Return each Python block of *page*, and what the text block after it says; maybe nothing."""
    found: list[tuple[str, str]] = []
    for kind, text in FENCES.findall(page.read_text("utf-8")):
        if kind == "python":
            found.append((text, ""))
        else:
            assert found, "an output without a block"
            assert found[-1][1] == "", "two outputs of one block"
            found[-1] = (found[-1][0], text)
    return found


def test_outputs_are_those_of_the_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word, whatever the numbers are; and a block without output prints nothing."""
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    blocks = shown(DOCS / "getting-started.md")
    assert len(blocks) > 10
    for number, (source, expected) in enumerate(blocks, 1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, f"block {number} of the tutorial", "exec"), names)
        got = masked(printed.getvalue())
        fits = OutputChecker().check_output(masked(expected), got, ELLIPSIS)
        assert fits, f"block {number} prints\n{printed.getvalue()}"


def test_a_wrong_word_is_noticed() -> None:
    """The comparison is not deaf."""
    check = OutputChecker().check_output
    assert check(masked("loss 0.25\n…\n"), masked("loss 1.5e-07\nand more\n"), ELLIPSIS)
    assert not check(masked("loss 0.25\n"), masked("val_loss 0.25\n"), ELLIPSIS)
    assert not check(masked("1 epoch\n"), masked(""), ELLIPSIS)
