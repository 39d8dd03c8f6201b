# SPDX-License-Identifier: MIT
import re

import pytest

from callbacks_core import Callback
from callbacks_core.testing import Recorder
from callbacks_trainer import PlainProgress, progress

NUMBER = r"\d+\.\d{6}"


class EntryPoint:
    """An entry point of a package that is not installed."""

    def __init__(self, name, value):
        self.name, self.value = name, value

    def load(self):
        return self.value


@pytest.fixture
def installed(monkeypatch):
    """Installs displays, none at first: ``installed(default=Display)``."""

    def install(**displays):
        def entry_points(*, group):
            assert group == "callbacks.progress"
            return [EntryPoint(name, value) for name, value in displays.items()]

        monkeypatch.setattr(progress, "entry_points", entry_points)
        progress._installed_display.cache_clear()

    install()
    yield install
    progress._installed_display.cache_clear()


class Display(Callback):
    """Says what it was made with, and when an epoch ends."""

    def __init__(self, **options):
        print("made with", options)

    def on_epoch_end(self, epoch_number, logs):
        print("display", epoch_number)

    def on_test_end(self, logs):
        print("display tested")

    def on_predict_end(self, logs):
        print("display predicted")


def test_a_plain_line_without_a_display(make_model, batches, installed, capsys):
    """With no display installed there is one line for each epoch and each test."""
    model = make_model(batch_metrics=["accuracy"])
    model.fit_generator(batches, batches, epochs=2)
    model.evaluate_generator(batches)
    model.predict(batches[0][0])
    lines = capsys.readouterr().out.splitlines()
    values = f"loss: {NUMBER} accuracy: {NUMBER} val_loss: {NUMBER} val_accuracy: {NUMBER}"
    expected = [
        *(rf"Epoch {number}/2 \d+\.\d\ds {values}" for number in (1, 2)),
        rf"Test \d+\.\d\ds test_loss: {NUMBER} test_accuracy: {NUMBER}",
    ]
    assert len(lines) == 3
    assert all(re.fullmatch(*pair) for pair in zip(expected, lines, strict=True))


def test_other_ranks_are_silent(make_model, batches, installed, capsys, monkeypatch):
    """Only the process of rank zero prints."""
    monkeypatch.setenv("RANK", "1")
    make_model().fit_generator(batches, epochs=1)
    assert capsys.readouterr().out == ""


def test_nothing_is_shown_when_nothing_is_wanted(make_model, batches, installed, capsys):
    """``verbose=False`` is silence, with or without a display; so are single batches."""
    for displays in ({}, {"default": Display}):
        installed(**displays)
        model = make_model()
        model.fit_generator(batches, epochs=1, verbose=False)
        model.evaluate_generator(batches, verbose=False)
        model.predict(batches[0][0], verbose=False)
        model.train_on_batch(*batches[0])
        model.evaluate_on_batch(*batches[0])
        model.predict_on_batch(batches[0][0])
    assert capsys.readouterr().out == ""


def test_an_installed_display_is_used(make_model, batches, installed, capsys):
    """Every method shows its progress with it, and hands the options over."""
    installed(default=Display)
    model, options = make_model(), {"progress_options": {"coloring": False}}
    model.fit_generator(batches, epochs=2, **options)
    model.evaluate_generator(batches)
    model.predict(batches[0][0], **options)
    assert capsys.readouterr().out.splitlines() == [
        "made with {'coloring': False}",
        "display 1",
        "display 2",
        "made with {}",
        "display tested",
        "made with {'coloring': False}",
        "display predicted",
    ]


def test_the_default_display_goes_before_others(installed):
    """Among several, the one called ``default`` is taken, else the first by name."""
    installed(another=Recorder, default=PlainProgress)
    assert type(progress.default_progress(None)) is PlainProgress
    installed(second=PlainProgress, first=Recorder)
    assert type(progress.default_progress({"read_logs": False})) is Recorder


def test_the_display_comes_first(make_model, batches, installed, acting, capsys):
    """The display is told before the callbacks of the list, which keep their order."""
    installed(default=Display)
    callbacks = [
        acting("on_epoch_end", lambda self, *arguments: print("one")),
        acting("on_epoch_end", lambda self, *arguments: print("two")),
    ]
    make_model().fit_generator(batches, epochs=1, callbacks=callbacks)
    assert capsys.readouterr().out.splitlines()[1:] == ["display 1", "one", "two"]


def test_options_without_a_display(make_model, batches, installed):
    """Options that nobody could take are refused, with the command that helps."""
    model, options = make_model(), {"progress_options": {"coloring": False}}
    message = "not installed: pip install callbacks-logging"
    with pytest.raises(ValueError, match=message):
        model.fit_generator(batches, **options)
    with pytest.raises(ValueError, match=message):
        model.evaluate_generator(batches, **options)
    with pytest.raises(ValueError, match=message):
        model.predict(batches[0][0], **options)


def test_a_display_that_fails_ends_nothing(make_model, batches, installed, monkeypatch, caplog):
    """Training goes on when the line cannot be printed."""

    def broken(*arguments, **options):
        raise BrokenPipeError("nobody reads this")

    monkeypatch.setattr(PlainProgress, "_print", broken)
    assert len(make_model().fit_generator(batches, epochs=2)) == 2
    assert "PlainProgress.on_epoch_end failed" in caplog.text
