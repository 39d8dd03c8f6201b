# SPDX-License-Identifier: MIT
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_logging import ColorProgress, ProgressBar


@given(st.integers(1, 10**6), st.integers(0, 2 * 10**6), st.integers(1, 60), st.booleans())
def test_a_bar_keeps_its_width(steps, step, cells, ascii_only):
    """However much is done, the line does not jump, and the bar is as full as the percentage."""
    bar = ProgressBar(steps, cells=cells, ascii_only=ascii_only)
    bar.update(step)
    percentage, _, drawn = str(bar).partition("% ")
    assert len(percentage) == 6
    assert len(drawn) == cells + 2
    assert abs(len(drawn.strip("|").rstrip()) - bar.fraction * cells) <= 1
    assert drawn.isascii() or not ascii_only


def test_a_smooth_bar_moves_by_eighths():
    """Between two full cells there are seven steps."""
    bar = ProgressBar(16, cells=2)
    shown = []
    for step in range(17):
        bar.update(step)
        shown.append(str(bar).partition("|")[2].rstrip("|").rstrip())
    assert shown[:9] == ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"]
    assert shown[16] == "██"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": 0}, ValueError, "`steps` must be at least 1, not 0"),
        ({"steps": 2.5}, TypeError, "`steps` must be a whole number, not 2.5"),
        ({"steps": 1, "cells": 0}, ValueError, "`cells` must be at least 1, not 0"),
    ],
)
def test_a_bar_of_nothing_is_refused(options, error, message):
    """A bar needs steps and cells."""
    with pytest.raises(error, match=message):
        ProgressBar(**options)


def test_a_negative_step_is_refused():
    """Nothing can be less than not begun."""
    with pytest.raises(ValueError, match="`step` must be at least 0, not -1"):
        ProgressBar(2).update(-1)


def test_a_text_is_painted_in_the_colour_of_its_field():
    """A chosen colour holds, the others are the usual ones, and without colours text is text."""
    colors = ColorProgress({"ratio_color": "YELLOW"})
    assert colors.paint("ratio_color", "1/2") == "\x1b[33m1/2\x1b[0m"
    assert colors.paint("metric_value_color", "0.5") == "\x1b[94m0.5\x1b[0m"
    assert ColorProgress(False).paint("ratio_color", "1/2") == "1/2"
    assert colors.colors["time_color"] == "GREEN"


def test_an_unknown_field_cannot_be_painted():
    """The message has the near miss."""
    with pytest.raises(ValueError, match="did you mean 'ratio_color'"):
        ColorProgress().paint("ratio_colour", "1/2")
