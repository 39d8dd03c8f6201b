# SPDX-License-Identifier: MIT
import builtins

import pytest

from callbacks_core.plotting import draw_curves


def test_curves_are_drawn_over_their_steps():
    """Each with its name, on the axes given or on new ones."""
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    axes = draw_curves([("one", [1.0, 2.0])], ylabel="rate", ax=None, distribution="some")
    again = draw_curves([("two", [3.0])], ylabel="rate", ax=axes, distribution="some")
    assert again is axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[0, 1], [0]]
    assert [list(line.get_ydata()) for line in axes.lines] == [[1.0, 2.0], [3.0]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "rate")
    pyplot.close(axes.figure)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    """That of the package which draws."""
    found = builtins.__import__

    def without(name, *arguments):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return found(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'drawing needs matplotlib: pip install "some\[plot\]"'):
        draw_curves([], ylabel="", ax=None, distribution="some")
