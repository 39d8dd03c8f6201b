# SPDX-License-Identifier: MIT
import io
from itertools import pairwise
from types import SimpleNamespace

import pytest

from callbacks_core import CallbackList
from callbacks_core.testing import play
from callbacks_logging import ProgressionCallback
from callbacks_logging.progress import callback as module
from callbacks_logging.progress import console
from callbacks_logging.progress.console import PLAIN_INTERVAL, TERMINAL_INTERVAL


class Terminal(io.StringIO):
    """What a terminal receives."""

    encoding = "utf-8"

    def isatty(self):
        return True

    @property
    def lines(self):
        """Everything drawn, one after another, without the padding."""
        return [line.rstrip() for line in self.getvalue().replace("\n", "\r").split("\r") if line]


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "perf_counter", clock)
    return clock


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    return standard_output(monkeypatch, Terminal())


def standard_output(monkeypatch, stream):
    """Let the display write to *stream*; pytest has its own idea of sys.stdout."""
    monkeypatch.setattr(console, "sys", SimpleNamespace(stdout=stream))
    return stream


def run(callback, clock, *, steps=2, seconds=1.0, params=None, logs=None, epochs=1):
    """Play epochs whose steps take so many seconds, with a validation of one step."""
    listed = CallbackList(callback)
    known = {"epochs": epochs, "steps": steps, "valid_steps": 1}
    listed.set_params(known if params is None else params)
    listed.on_train_begin({})
    for epoch in range(1, epochs + 1):
        listed.on_epoch_begin(epoch, {})
        for step in range(1, steps + 1):
            clock.now += seconds
            listed.on_train_batch_end(
                step, {"batch": step, "size": 1, "time": seconds, "loss": 2.0}
            )
        listed.on_valid_begin({})
        clock.now += seconds
        listed.on_valid_batch_end(1, {"batch": 1, "size": 1, "time": seconds, "val_loss": 3.0})
        listed.on_valid_end({"time": seconds, "val_loss": 3.0})
        listed.on_epoch_end(epoch, {"epoch": epoch, "time": 0.5, **(logs or {"loss": 2.5})})
    listed.on_train_end({})
    listed.close()


def test_a_terminal_shows_steps_bar_and_time_left(terminal, clock):
    """The words are those that readers of the reference's output know."""
    run(ProgressionCallback(), clock, logs={"loss": 1.41789, "val_l1": 0.5})
    assert terminal.lines == [
        "Epoch: 1/1 Step: 1/2  50.00% |██████████          |ETA: 1.00s loss: 2.000000",
        "Epoch: 1/1 Step: 2/2 100.00% |████████████████████|ETA: 0.00s loss: 2.000000",
        "Epoch: 1/1 Val step: 1/1 100.00% |████████████████████|ETA: 0.00s val_loss: 3.000000",
        "Epoch: 1/1 Train steps: 2 Val steps: 1 0.50s loss: 1.417890 val_l1: 0.500000",
    ]


def test_a_terminal_without_a_known_length_shows_the_pace(terminal, clock):
    """Where nobody knows how many steps there are, there is neither a bar nor a time left."""
    run(ProgressionCallback(), clock, params={"epochs": 1, "steps": None}, seconds=0.25)
    assert terminal.lines[0] == "Epoch: 1/1 Step: 1 0.25s/step loss: 2.000000"


def test_numbers_are_aligned(terminal, clock):
    """A number has the width of the largest, so that the line does not jump."""
    run(ProgressionCallback(progress_bar=False), clock, params={"epochs": 100, "steps": 10})
    assert terminal.lines[0].startswith("Epoch:   1/100 Step:  1/10 ETA: 9.00s loss:")


def test_a_line_is_overwritten_whole(terminal, clock):
    """A shorter line is padded over a longer one."""
    run(ProgressionCallback(), clock)
    _, *drawn = terminal.getvalue().rstrip("\n").split("\r")
    for before, after in pairwise(drawn):
        assert len(after) >= len(before.rstrip())


def test_a_terminal_is_drawn_at_most_ten_times_a_second(terminal, clock):
    """Steps that come faster are not shown, and their values not read."""
    steps, seconds = 1000, TERMINAL_INTERVAL / 100
    run(ProgressionCallback(show_on_valid=False), clock, steps=steps, seconds=seconds)
    drawn = len(terminal.lines) - 1  # the last line is the epoch's
    assert 5 <= drawn <= steps * seconds / TERMINAL_INTERVAL + 1


class Untouchable(dict):
    """Logs whose values must not be read."""

    def items(self):
        raise AssertionError("a value was read")

    values = __getitem__ = get = items


def test_values_are_read_only_to_be_drawn(terminal, clock):
    """A step that is not shown costs no read from the device."""
    callback = ProgressionCallback()
    callback.set_params({"epochs": 1, "steps": 3})
    callback.on_train_begin({})
    callback.on_epoch_begin(1, {})
    callback.on_train_batch_end(1, {"loss": 1.0})
    callback.on_train_batch_end(2, Untouchable(loss=1.0))
    clock.now += 1.0
    with pytest.raises(AssertionError, match="a value was read"):
        callback.on_train_batch_end(3, Untouchable(loss=1.0))


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"show_every_n_train_steps": 2}, ["Step: 2/5", "Step: 4/5", "Val step: 1/1"]),
        ({"show_every_n_train_steps": "none"}, ["Val step: 1/1"]),
        (
            {"show_every_n_train_steps": 3, "show_every_n_valid_steps": "none"},
            ["Step: 3/5"],
        ),
        ({"show_every_n_train_steps": 5, "show_on_valid": False}, ["Step: 5/5"]),
        ({"show_every_n_train_steps": 5, "show_every_n_valid_steps": 2}, ["Step: 5/5"]),
    ],
)
def test_fewer_steps_can_be_shown(terminal, clock, options, shown):
    """The options thin out the steps of each phase; the epoch's line stays."""
    run(ProgressionCallback(progress_bar=False, **options), clock, steps=5)
    *steps, last = terminal.lines
    assert [line.removeprefix("Epoch: 1/1 ").split(" ETA")[0] for line in steps] == shown
    assert last.startswith("Epoch: 1/1 Train steps: 5 Val steps: 1 ")


def test_testing_and_predicting_are_shown(terminal, clock):
    """They have lines of their own, without an epoch."""
    callback = CallbackList(ProgressionCallback(progress_bar=False))
    for kind, logs in (("test", {"test_loss": 0.5}), ("predict", {})):
        callback.set_params({"steps": 2})
        getattr(callback, f"on_{kind}_begin")({})
        for step in (1, 2):
            clock.now += 1.0
            getattr(callback, f"on_{kind}_batch_end")(step, logs)
        getattr(callback, f"on_{kind}_end")({"time": 2.0, **logs})
        callback.close()
    assert terminal.lines == [
        "Step: 1/2 ETA: 1.00s test_loss: 0.500000",
        "Step: 2/2 ETA: 0.00s test_loss: 0.500000",
        "Test steps: 2 2.00s test_loss: 0.500000",
        "Step: 1/2 ETA: 1.00s",
        "Step: 2/2 ETA: 0.00s",
        "Prediction steps: 2 2.00s",
    ]


def test_a_narrow_terminal_never_wraps(terminal, clock, monkeypatch):
    """A running line is shortened, an epoch's line takes several rows: nothing is lost."""
    monkeypatch.setenv("COLUMNS", "40")
    logs = {"loss": 1.0, "a_rather_long_name": 2.0, "val_loss": 3.0, "一" * 30: 4.0}
    run(ProgressionCallback(), clock, logs=logs)
    assert "Epoch: 1/1 Step: 1/2 ETA: 1.00s" in terminal.lines
    shown = terminal.lines[3:]
    assert shown[:3] == [
        "Epoch: 1/1 Train steps: 2 Val steps: 1",
        "0.50s loss: 1.000000",
        "a_rather_long_name: 2.000000",
    ]
    assert shown[3] == "val_loss: 3.000000"
    assert shown[4] == "一" * 14 + ": 4.000000"  # each takes two columns
    assert all(len(line) < 40 for line in terminal.lines)


def test_a_pipe_gets_plain_lines(capsys, monkeypatch):
    """One line an epoch, and no control character at all."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    play(ProgressionCallback(), [{"loss": 0.5, "val_loss": 1.0}, {"loss": 0.25, "val_loss": 2.0}])
    assert capsys.readouterr().out == (
        "Epoch: 1/2 Train steps: 2 Val steps: 1 0.00s loss: 0.500000 val_loss: 1.000000\n"
        "Epoch: 2/2 Train steps: 2 Val steps: 1 0.00s loss: 0.250000 val_loss: 2.000000\n"
    )


def test_a_pipe_hears_of_a_long_epoch_once_in_an_interval(capsys, clock):
    """A batch job's log shows that the job lives, and is not flooded."""
    callback = ProgressionCallback(progress_bar=False, coloring=False)
    run(callback, clock, steps=5, seconds=PLAIN_INTERVAL / 2, logs={"loss": 1.0})
    assert capsys.readouterr().out.splitlines() == [
        "Epoch: 1/1 Step: 2/5 ETA: 90.00s loss: 2.000000",
        "Epoch: 1/1 Step: 4/5 ETA: 30.00s loss: 2.000000",
        "Epoch: 1/1 Val step: 1/1 ETA: 0.00s val_loss: 3.000000",
        "Epoch: 1/1 Train steps: 5 Val steps: 1 0.50s loss: 1.000000",
    ]


def test_a_dumb_terminal_is_treated_as_a_pipe(terminal, clock, monkeypatch):
    """Where the cursor cannot go back, nothing is drawn over."""
    monkeypatch.setenv("TERM", "dumb")
    run(ProgressionCallback(), clock)
    assert "\r" not in terminal.getvalue()


def test_colours_are_those_of_the_reference(terminal, clock, monkeypatch):
    """Every field has its colour, a chosen one where one is chosen; a line ends without colour."""
    monkeypatch.delenv("NO_COLOR")
    run(ProgressionCallback(coloring={"text_color": "RED"}), clock)
    first = terminal.getvalue().split("\r")[1]
    assert first.rstrip() == (
        "\x1b[31mEpoch: \x1b[36m1/1 \x1b[31mStep: \x1b[36m1/2 "
        "\x1b[35m 50.00% |██████████          |\x1b[31mETA: \x1b[32m1.00s "
        "\x1b[31mloss: \x1b[94m2.000000\x1b[0m"
    )


@pytest.mark.parametrize(
    ("variables", "coloring", "coloured"),
    [
        ({}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_no_color_and_force_color_are_heeded(capsys, monkeypatch, variables, coloring, coloured):
    """A pipe is coloured on request only; NO_COLOR has the last word."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    play(ProgressionCallback(coloring=coloring), [{"loss": 0.5}])
    assert ("\x1b[" in capsys.readouterr().out) is coloured


def test_other_names_and_values_are_harmless(capsys):
    """Names with commas and colons, texts among the values, and control characters do no harm."""
    play(ProgressionCallback(), [{"a,b": 1.0, "c:d": float("nan"), "e\rf": 2, "note": "g\nh"}])
    out = capsys.readouterr().out
    assert "s loss: 0.000000 a,b: 1.000000 c:d: nan e?f: 2.000000 note: g?h\n" in out
    assert out.count("\n") == 1


@pytest.mark.parametrize("error", [BrokenPipeError("gone"), ValueError("I/O on closed file")])
def test_a_broken_output_is_left_alone(monkeypatch, error):
    """After the first failure the display keeps quiet; training goes on, nothing is reported."""

    class Broken(Terminal):
        writes = 0

        def write(self, text):
            Broken.writes += 1
            raise error

    standard_output(monkeypatch, Broken())
    played = play(ProgressionCallback(), [{"loss": 0.5}] * 3)
    assert len(played.history) == 3
    assert Broken.writes == 1


@pytest.mark.parametrize("closed", [True, False])
def test_no_output_at_all_is_fine(monkeypatch, closed):
    """A closed standard output, or none, as in a program without a console."""
    stream = Terminal()
    stream.close()
    standard_output(monkeypatch, stream if closed else None)
    assert len(play(ProgressionCallback(), [{"loss": 0.5}]).history) == 1


def test_an_ascii_terminal_gets_ascii(terminal, clock, monkeypatch):
    """What the encoding lacks is replaced, and the bar is made of what it has."""
    monkeypatch.setattr(Terminal, "encoding", "ascii")
    run(ProgressionCallback(), clock, logs={"größe": 1.0})
    assert "|##########          |" in terminal.lines[0]
    assert terminal.lines[-1].endswith("gr??e: 1.000000")


def test_a_stream_is_left_as_it_was(terminal, clock):
    """What is changed on standard output while a line is drawn over is undone at the end."""
    before = dict(vars(terminal))
    callback = ProgressionCallback()
    callback.set_params({"epochs": 1, "steps": 2})
    callback.on_train_begin({})
    callback.on_epoch_begin(1, {})
    callback.on_train_batch_end(1, {"loss": 1.0})
    assert "write" in vars(terminal)
    callback.close()
    assert dict(vars(terminal)) == before
    assert terminal.write("whatever") == 8


def test_two_displays_share_a_terminal(terminal, clock):
    """A test within a training draws below what is shown already, and neither is lost."""
    training, test = ProgressionCallback(), ProgressionCallback(progress_bar=False)
    training.set_params({"epochs": 1, "steps": 2})
    training.on_train_begin({})
    training.on_epoch_begin(1, {})
    training.on_train_batch_end(1, {"loss": 1.0})
    run(test, clock)
    clock.now += 1.0
    training.on_train_batch_end(2, {"loss": 1.0})
    training.on_epoch_end(1, {"loss": 1.0})
    training.close()
    kept = [row.split("\r")[-1].rstrip() for row in terminal.getvalue().split("\n")]
    assert kept == [
        "Epoch: 1/1 Train steps: 2 Val steps: 1 0.50s loss: 2.500000",
        "Epoch: 1/1 Train steps: 2 0.00s loss: 1.000000",
        "",
    ]
    assert "write" not in vars(terminal)


def test_another_writer_that_draws_over_its_row_is_drawn_over(terminal, clock):
    """Two displays that both go back to the left do not push each other down."""
    callback = ProgressionCallback(progress_bar=False)
    callback.set_params({"epochs": 1, "steps": 9})
    callback.on_train_begin({})
    callback.on_epoch_begin(1, {})
    for step in range(1, 4):
        clock.now += 1.0
        callback.on_train_batch_end(step, {"loss": 1.0})
        print(f"\r{step}0 % loaded", end="", file=terminal)
    assert "\n" not in terminal.getvalue()


def test_only_rank_zero_shows_anything(capsys, monkeypatch):
    """Several processes share one terminal."""
    monkeypatch.setenv("RANK", "1")
    play(ProgressionCallback(), [{"loss": 0.5}])
    assert capsys.readouterr().out == ""


def test_an_exception_starts_on_a_row_of_its_own(terminal, clock):
    """A line that is half-way is left before a traceback is printed."""
    callback = ProgressionCallback()
    callback.set_params({"epochs": 1, "steps": 2})
    callback.on_train_begin({})
    callback.on_epoch_begin(1, {})
    callback.on_train_batch_end(1, {"loss": 1.0})
    callback.close()
    assert terminal.getvalue().endswith("loss: 1.000000\n")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"coloring": "red"}, TypeError, "`coloring` must be a bool or a dict, not 'red'"),
        ({"progress_bar": "no"}, TypeError, "`progress_bar` must be True or False, not 'no'"),
        ({"equal_weights": 1}, TypeError, "`equal_weights` must be True or False, not 1"),
        ({"show_on_valid": None}, TypeError, "`show_on_valid` must be True or False, not None"),
        ({"coloring": {"text_colour": "RED"}}, ValueError, "did you mean 'text_color'?"),
        ({"coloring": {"text_color": "magneta"}}, ValueError, "did you mean 'MAGENTA'?"),
        ({"coloring": {"text_color": 3}}, ValueError, "colorama.Fore, not 3; the colours are"),
        (
            {"show_every_n_train_steps": "al"},
            ValueError,
            "`show_every_n_train_steps` must be one of 'all', 'none', not 'al'; did you mean "
            "'all'?",
        ),
        (
            {"show_every_n_valid_steps": 0},
            ValueError,
            "`show_every_n_valid_steps` must be at least 1, not 0",
        ),
        (
            {"show_every_n_test_steps": 1.5},
            TypeError,
            "`show_every_n_test_steps` must be a whole number, not 1.5",
        ),
    ],
)
def test_bad_options_are_refused_at_once(options, error, message):
    """The message says what was expected, and the near miss."""
    with pytest.raises(error) as caught:
        ProgressionCallback(**options)
    assert message in str(caught.value)
