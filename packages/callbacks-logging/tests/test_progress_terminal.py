# SPDX-License-Identifier: MIT
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

fcntl = pytest.importorskip("fcntl")
pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

SCRIPT = """
import time
from callbacks_core import LambdaCallback
from callbacks_core.testing import play
from callbacks_logging import ProgressionCallback

slow = LambdaCallback(on_train_batch_begin=lambda batch, logs: time.sleep(0.03))
logs = {"loss": 0.5, "accuracy": 90.0, "val_loss": 0.25, "val_accuracy": 91.0}
play([ProgressionCallback(), slow], [logs] * 2, batches=[{"loss": 0.5, "accuracy": 90.0}] * 12)
print("done")
"""


TIMED = """
import logging, sys
from callbacks_core import CallbackList
from callbacks_logging import ProgressionCallback
from callbacks_logging.progress import callback as module

now = 0.0
module.perf_counter = lambda: now

def steps(hook, count, logs, first=1, seconds=0.25, between=lambda step: None):
    global now
    for step in range(first, count + 1):
        now += seconds
        hook(step, {"batch": step, "size": 32, "time": seconds, **logs})
        between(step)

def training(progress, epochs=1, count=3, first_epoch=1, first=1, params=None, **options):
    progress.set_params(params or {"epochs": epochs, "steps": count, "valid_steps": 2})
    progress.on_train_begin({})
    for epoch in range(first_epoch, epochs + 1):
        progress.on_epoch_begin(epoch, {})
        steps(progress.on_train_batch_end, count, {"loss": 0.5, "acc": 90.0}, first, **options)
        progress.on_valid_begin({})
        steps(progress.on_valid_batch_end, 2, {"val_loss": 0.75})
        progress.on_valid_end({"time": 0.5, "val_loss": 0.75})
        progress.on_epoch_end(
            epoch, {"epoch": epoch, "time": 1.25, "loss": 0.5, "acc": 90.0, "val_loss": 0.75}
        )
        first = 1
    progress.on_train_end({})
    progress.close()

"""
"""Hooks called with a clock that goes when it is told to."""

GOLDEN = {
    "training": "training(ProgressionCallback(), epochs=2)",
    "colours": "training(ProgressionCallback(coloring={'text_color': 'LIGHTRED_EX'}))",
    "plain_bar": "training(ProgressionCallback(progress_bar=False, equal_weights=True))",
    "unknown_length": "training(ProgressionCallback(), params={'epochs': 1, 'steps': None})",
    "resumed": "training(ProgressionCallback(), epochs=10, first_epoch=9, count=12, first=11)",
    "few_steps": (
        "training(ProgressionCallback(show_every_n_train_steps=2, show_on_valid=False), count=5)"
    ),
    "testing": """
progress = ProgressionCallback(show_every_n_test_steps=2)
for kind, logs in (("test", {"test_loss": 0.5}), ("predict", {})):
    progress.set_params({"steps": 4})
    getattr(progress, f"on_{kind}_begin")({})
    steps(getattr(progress, f"on_{kind}_batch_end"), 4, logs)
    getattr(progress, f"on_{kind}_end")({"time": 1.0, **logs})
    progress.close()
""",
    "prints": """
def between(step):
    if step == 1:
        print("a line of somebody else")
    if step == 2:
        logging.warning("a warning")
    if step == 3:
        print("a row that is not ended", end="", flush=True)
training(ProgressionCallback(), count=4, between=between)
print("after the training")
""",
    "failure": """
def between(step):
    if step == 2:
        raise RuntimeError("no such batch")
progress = ProgressionCallback()
try:
    training(progress, between=between)
except RuntimeError as error:
    progress.on_exception(error)
    progress.close()
    print(error, file=sys.stderr)
""",
    "resized": """
import fcntl, struct, termios
def between(step):
    columns = {2: 40, 4: 90}.get(step)
    if columns:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
training(ProgressionCallback(), count=5, between=between)
""",
    "wide_characters": """
progress = ProgressionCallback()
progress.set_params({"epochs": 1, "steps": 2})
progress.on_train_begin({})
progress.on_epoch_begin(1, {})
logs = {"\\u640d\\u5931" * 9: 0.5, "e\\u0301" * 20: 1.0}
steps(progress.on_train_batch_end, 2, logs)
progress.on_epoch_end(1, {"time": 0.5, **logs})
progress.close()
""",
}
"""What is shown; the terminal has 100 columns."""


def in_terminal(columns, script=SCRIPT, **variables):
    """Return everything that *script* writes to a pseudo-terminal of that width."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment = {**clean, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **variables}
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    written = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        written += chunk
    os.close(leader)
    assert process.wait() == 0
    return written.decode()


def screen(written, columns):
    """Return the rows that a terminal of that width shows in the end."""
    rows, row, column = [[]], 0, 0
    for character in re.sub(r"\x1b\[\d*m", "", written):
        if character == "\r":
            column = 0
        elif character == "\n":
            row += 1
            rows += [[] for _ in range(row + 1 - len(rows))]
        else:
            if column == columns:
                row, column = row + 1, 0
                rows += [[] for _ in range(row + 1 - len(rows))]
            rows[row] += [" "] * (column + 1 - len(rows[row]))
            rows[row][column] = character
            column += 1
    return ["".join(cells).rstrip() for cells in rows]


def test_a_wide_terminal_ends_with_a_row_an_epoch():
    """The running lines are drawn over; what stays is one row an epoch."""
    written = in_terminal(140)
    assert written.count("\r") > 4
    assert screen(written, 140) == [
        f"Epoch: {epoch}/2 Train steps: 12 Val steps: 1 0.00s loss: 0.500000 accuracy: 90.000000 "
        "val_loss: 0.250000 val_accuracy: 91.000000"
        for epoch in (1, 2)
    ] + ["done", ""]


def test_a_narrow_terminal_keeps_every_value():
    """Rows are broken between values; running lines leave nothing behind."""
    assert screen(in_terminal(44), 44) == [
        row
        for epoch in (1, 2)
        for row in (
            f"Epoch: {epoch}/2 Train steps: 12 Val steps: 1",
            "0.00s loss: 0.500000 accuracy: 90.000000",
            "val_loss: 0.250000 val_accuracy: 91.000000",
        )
    ] + ["done", ""]


def test_a_terminal_is_coloured_unless_told_otherwise():
    """A terminal gets colours; with NO_COLOR not one escape sequence."""
    assert "\x1b[35mEpoch: " in in_terminal(100)
    assert "\x1b" not in in_terminal(100, NO_COLOR="1")


def test_a_reader_that_goes_away_does_not_end_training():
    """With the other end of the pipe closed, the display keeps quiet and training ends well."""
    script = SCRIPT.replace('print("done")', 'import sys; print("done", file=sys.stderr)')
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert done.stderr.startswith("done\n")
    assert "Traceback" not in done.stderr


def readable(written):
    """Return what a terminal was sent, a row for each time that the cursor went to the left."""
    lines = written.replace("\r\n", "\n").replace("\x1b", "<ESC>").replace("\r", "<CR>\n")
    return re.sub(r" {2,}$", lambda spaces: f"<{len(spaces[0])} SPACES>", lines, flags=re.M)


@pytest.mark.parametrize("name", GOLDEN)
def test_every_byte_is_as_it_was_looked_at(name):
    """What is sent to a terminal is kept in files, for people to look at."""
    written = in_terminal(
        100, TIMED + GOLDEN[name], **({} if name == "colours" else {"NO_COLOR": "1"})
    )
    file = Path(__file__).parent / "golden" / f"progress_{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(readable(written), encoding="utf-8")
    assert readable(written) == file.read_text(encoding="utf-8")


def test_what_others_print_has_rows_of_its_own():
    """Standard output and errors go above the line, whole; the line goes on below."""
    rows = screen(in_terminal(100, TIMED + GOLDEN["prints"], NO_COLOR="1"), 100)
    assert rows == [
        "a line of somebody else",
        "WARNING:root:a warning",
        "a row that is not ended",
        "Epoch: 1/1 Train steps: 4 Val steps: 2 1.25s loss: 0.500000 acc: 90.000000 "
        "val_loss: 0.750000",
        "after the training",
        "",
    ]


def test_the_pace_of_a_resumed_epoch_is_that_of_its_own_steps():
    """Steps that another process has done do not make the time left shorter."""
    first = in_terminal(100, TIMED + GOLDEN["resumed"], NO_COLOR="1").split("\r")[1]
    assert first.startswith("Epoch:  9/10 Step: 11/12  91.67%")
    assert "ETA: 0.25s" in first


def test_errors_that_go_elsewhere_are_left_alone(tmp_path):
    """Only what goes to the same terminal makes the line move."""
    script = f"import sys\nsys.stderr = open({os.fspath(tmp_path / 'errors')!r}, 'w')\n{TIMED}" + (
        "training(ProgressionCallback(), between=lambda step: print(step, file=sys.stderr))"
    )
    rows = screen(in_terminal(100, script, NO_COLOR="1"), 100)
    assert len(rows) == 2
    assert (tmp_path / "errors").read_text() == "1\n2\n3\n"
