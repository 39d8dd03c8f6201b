# SPDX-License-Identifier: MIT
import io
import sys
from types import SimpleNamespace

import pytest

from callbacks_core.testing import play
from callbacks_logging import ProgressionCallback
from callbacks_logging.progress import notebook


class OutStream(io.StringIO):
    """Standard output as a kernel has it."""


OutStream.__module__ = "ipykernel.iostream"


class Cell:
    """The outputs of a cell, as `IPython.display.display` fills them."""

    def __init__(self):
        self.outputs = []
        self.updates = 0

    def display(self, data, *, raw, display_id):
        assert raw is True
        assert display_id is True
        self.outputs.append(data)
        number = len(self.outputs) - 1
        return SimpleNamespace(update=lambda data, *, raw: self.update(number, data))

    def update(self, number, data):
        assert number == len(self.outputs) - 1
        self.outputs[number] = data
        self.updates += 1


@pytest.fixture
def cell(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    cell = Cell()
    shell = SimpleNamespace(kernel=object())
    display = SimpleNamespace(display=cell.display)
    ipython = SimpleNamespace(get_ipython=lambda: shell, display=display)
    cell.shell = shell
    monkeypatch.setattr(
        notebook,
        "sys",
        SimpleNamespace(modules={"IPython": ipython}, stdout=OutStream()),
    )
    return cell


def test_a_notebook_has_an_output_an_epoch(cell):
    """Steps replace each other in their place; the epoch's line stays."""
    play(ProgressionCallback(), [{"loss": 0.5, "val_loss": 1.0}, {"loss": 0.25, "val_loss": 2.0}])
    assert [output["text/plain"] for output in cell.outputs] == [
        "Epoch: 1/2 Train steps: 2 Val steps: 1 0.00s loss: 0.500000 val_loss: 1.000000",
        "Epoch: 2/2 Train steps: 2 Val steps: 1 0.00s loss: 0.250000 val_loss: 2.000000",
    ]
    assert cell.updates >= 1


def test_html_is_coloured_and_escaped(cell):
    """A name of a metric is text and nothing else; colours are spans."""
    play(ProgressionCallback(), [{"loss": 0.5, "<script>alert(1)</script>": 1.0}])
    html = cell.outputs[0]["text/html"]
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;: </span>" in html
    assert (
        '<span style="color:#b455c4">Epoch: </span><span style="color:#0f8b9d">1/1</span>' in html
    )


@pytest.mark.parametrize("plain", ["option", "variable"])
def test_colours_can_be_refused(cell, monkeypatch, plain):
    """`coloring=False` and NO_COLOR hold in a notebook too."""
    if plain == "variable":
        monkeypatch.setenv("NO_COLOR", "1")
    play(ProgressionCallback(coloring=plain != "option"), [{"loss": 0.5}])
    assert "<span" not in cell.outputs[0]["text/html"]


def test_a_terminal_with_ipython_is_no_notebook(cell, capsys):
    """IPython's own shell has no kernel: it is a terminal like any other."""
    del cell.shell.kernel
    play(ProgressionCallback(), [{"loss": 0.5}])
    assert cell.outputs == []
    assert "loss: 0.500000" in capsys.readouterr().out


def test_output_that_is_redirected_is_no_notebook(cell, capsys):
    """What a cell sends to a file goes there, as plain lines."""
    notebook.sys.stdout = sys.stdout
    play(ProgressionCallback(), [{"loss": 0.5}])
    assert cell.outputs == []
    assert "loss: 0.500000" in capsys.readouterr().out


def test_an_exception_leaves_what_was_shown(cell):
    """The half-way line stays above the traceback, and a new training starts below it."""
    callback = ProgressionCallback(coloring={"text_color": "RESET"})
    callback.set_params({"epochs": 1, "steps": 2})
    callback.on_train_begin({})
    callback.on_epoch_begin(1, {})
    callback.on_train_batch_end(1, {"loss": 1.0})
    callback.close()
    play(callback, [{"loss": 0.5}])
    assert cell.outputs[0]["text/plain"].startswith("Epoch: 1/1 Step: 1/2  50.00% |")
    assert "color:inherit" in cell.outputs[0]["text/html"]
    assert len(cell.outputs) == 2
