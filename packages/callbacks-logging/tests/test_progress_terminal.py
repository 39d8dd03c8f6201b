# SPDX-License-Identifier: MIT
import os
import re
import struct
import subprocess
import sys

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


def in_terminal(columns, **variables):
    """Return everything that the script writes to a pseudo-terminal of that width."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment = {**clean, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **variables}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=follower, env=environment)
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
