# SPDX-License-Identifier: MIT
import csv
import os
import subprocess
import sys

import pytest

from callbacks_core import LambdaCallback
from callbacks_core.testing import play
from callbacks_logging import AtomicCSVLogger, CSVLogger


def test_it_writes_what_the_plain_one_writes(tmp_path):
    """Byte for byte, over a resumed training and a new column too."""
    for cls in (CSVLogger, AtomicCSVLogger):
        path = tmp_path / f"{cls.__name__}.csv"
        for first, values in ((1, {"loss": 0.5}), (3, {"loss": 0.25})):
            logger = cls(path, batch_granularity=True, append=True)
            play(logger, [values] * 3, initial_epoch=first)
        play(cls(path, batch_granularity=True), [{"loss": 1.0}, {"loss": 1.0, "late": 2.0}])
    plain, atomic = (tmp_path / f"{c.__name__}.csv" for c in (CSVLogger, AtomicCSVLogger))
    assert plain.read_bytes() == atomic.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["AtomicCSVLogger.csv", "CSVLogger.csv"]


def test_each_epoch_appears_at_once(tmp_path):
    """The other copy is beside the file while training goes on, and gone at its end."""
    seen = []

    def look(epoch, logs):
        with open(tmp_path / "log.csv", encoding="utf-8", newline="") as file:
            seen.append(len(list(csv.reader(file))))
        assert sorted(os.listdir(tmp_path)) == ["log.csv", "other"]

    logger = AtomicCSVLogger(tmp_path / "log.csv", temporary_filename=tmp_path / "other")
    play([logger, LambdaCallback(on_epoch_end=look)], [{"loss": 0.5}] * 3)
    assert seen == [2, 3, 4]
    assert os.listdir(tmp_path) == ["log.csv"]


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [("", ValueError, "`temporary_filename` must not be empty"), (1, TypeError, "not 1")],
)
def test_a_bad_temporary_filename_is_refused_at_once(tmp_path, other, error, message):
    """So is the file itself."""
    with pytest.raises(error, match=message):
        AtomicCSVLogger(tmp_path / "log.csv", temporary_filename=other)
    with pytest.raises(ValueError, match="must not be `filename` itself"):
        AtomicCSVLogger(tmp_path / "log.csv", temporary_filename=tmp_path / "log.csv")


KILLED = """
import os, signal, sys
from callbacks_core import LambdaCallback
from callbacks_core.testing import play
from callbacks_logging import {cls}
def kill(epoch, logs):
    if epoch == 4:
        os.kill(os.getpid(), signal.SIGKILL)
play([{cls}(sys.argv[1], append=True), LambdaCallback(on_epoch_end=kill)], [{{"loss": 0.5}}] * 9)
"""


@pytest.mark.parametrize("cls", ["CSVLogger", "AtomicCSVLogger"])
def test_a_killed_process_leaves_its_epochs(tmp_path, cls):
    """Every epoch that ended before the kill is in the file, and the next training tidies up."""
    path = tmp_path / "log.csv"
    code = KILLED.format(cls=cls)
    killed = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert killed.returncode == -9
    assert path.read_bytes().count(b"\r\n") == 5
    play(getattr(sys.modules["callbacks_logging"], cls)(path, append=True), [{}], initial_epoch=5)
    lines = path.read_text().split("\n")
    assert [line.partition(",")[0] for line in lines[1:6]] == ["1", "2", "3", "4", "5"]
    assert os.listdir(tmp_path) == ["log.csv"]
