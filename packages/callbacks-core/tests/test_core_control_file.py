# SPDX-License-Identifier: MIT
"""A training that does what is written into a file."""

import copy
import logging
import os
import pickle
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from callbacks_core import Callback, CallbackList, ControlFile, SignalWatch, stop_reason
from callbacks_core.testing import play


class Write(Callback):
    """Writes into the file when a batch begins."""

    def __init__(self, path: Path, texts: dict[int, str]) -> None:
        self.path = path
        self.texts = texts
        self.batches = 0

    def on_train_batch_begin(self, batch_number, logs):
        self.batches += 1
        text = self.texts.get(self.batches)
        if text is not None:
            self.path.write_text(text, encoding="utf-8")


class Model:
    def __init__(self, *rates) -> None:
        self.network = None
        groups = [{"lr": rate} for rate in rates]
        self.optimizer = SimpleNamespace(param_groups=groups) if rates else None
        self.stop_training = False


def controlled(tmp_path, texts, *, epochs=2, batches=4, model=None, others=()):
    """Play *epochs* while the file gets *texts* by the numbers of batches; count the batches."""
    path = tmp_path / "control"
    writer = Write(path, texts)
    control = ControlFile(path, look_every=0)
    model = model or Model()
    logs = [{"loss": 1.0}] * epochs
    play(
        [writer, control, *others],
        epochs=logs,
        batches=batches,
        model=model,
    )
    assert not path.exists()
    assert os.listdir(tmp_path) == []
    return writer.batches, control, model


def test_nothing_is_done_without_a_file(tmp_path):
    """The training goes through."""
    assert controlled(tmp_path, {})[0] == 8


def test_stop_ends_the_epoch_and_stop_now_the_batch(tmp_path):
    """With a reason that others can tell."""
    batches, _, model = controlled(tmp_path, {2: "stop\n"})
    assert batches == 4
    assert stop_reason(model) == "the control file asked for it"
    assert controlled(tmp_path, {2: "STOP now\n"})[0] == 2


def test_learning_rates_are_set_or_multiplied(tmp_path):
    """In all groups, also where they are tensors."""

    class Rate(float):
        def fill_(self, value):
            filled.append(value)

    filled: list[float] = []
    model = Model(0.1, 0.2)
    controlled(tmp_path, {1: "lr 0.5\n", 2: "lr *0.1\n"}, model=model)
    assert [group["lr"] for group in model.optimizer.param_groups] == [0.05, 0.05]
    model = Model(Rate(0.5))
    controlled(tmp_path, {1: "lr *0.5\n"}, model=model)
    assert filled == [0.25]


def test_several_lines_are_done_in_their_order(tmp_path):
    """And each of them is told."""
    model = Model(1.0)
    _, control, _ = controlled(tmp_path, {1: "lr 3\n\n save \nsave now\nlr *2\n"}, model=model)
    assert control.save_requests == 2
    assert model.optimizer.param_groups[0]["lr"] == 6.0


def test_a_pause_lasts_until_it_is_over(tmp_path):
    """Or until training is to stop."""
    path = tmp_path / "control"
    paused = threading.Event()

    def later(text):
        def write():
            paused.wait(20)
            path.write_text(text)

        thread = threading.Thread(target=write)
        thread.start()
        return thread

    class Notice(logging.Handler):
        def emit(self, record):
            if "waits for `resume`" in record.getMessage():
                paused.set()

    handler = Notice()
    logger = logging.getLogger("callbacks_core")
    logger.addHandler(handler)
    try:
        for text, expected in (("resume\n", 8), ("stop now\n", 3), ("stop\n", 4)):
            paused.clear()
            thread = later(text)
            assert controlled(tmp_path, {3: "pause\n"})[0] == expected
            thread.join()
    finally:
        logger.removeHandler(handler)


def test_a_pause_does_not_hide_a_signal(tmp_path):
    """Which is acted upon at the end of the batch."""

    class Watching(Callback):
        def on_train_begin(self, logs):
            self.watch = SignalWatch(signal.SIGTERM)
            self.watch.begin()

        def on_train_batch_begin(self, batch_number, logs):
            os.kill(os.getpid(), signal.SIGTERM)

        def on_batch_settled(self, batch_number, logs):
            self.watch.carry_out()

        def close(self):
            self.watch.end()

    with pytest.raises(SystemExit) as ended:
        controlled(tmp_path, {1: "pause\n"}, others=[Watching()])
    assert ended.value.code == 143


def test_what_is_not_understood_is_told_and_does_nothing(tmp_path, caplog):
    """With the near miss; the other lines are done."""
    wrong = "stpo\nstop later\nsave all\nlr fast\nlr -1\nlr nan\npause 3\nresume now\nlr 7\n"
    model = Model(1.0)
    batches, control, _ = controlled(tmp_path, {1: wrong}, model=model)
    assert batches == 8
    assert control.save_requests == 0
    assert model.optimizer.param_groups[0]["lr"] == 7.0
    assert "did you mean 'stop'" in caplog.text
    assert caplog.text.count("is not understood") == 8
    controlled(tmp_path, {1: "lr 7\n"})
    assert "there is no optimizer" in caplog.text


def test_half_a_line_is_not_read(tmp_path):
    """Whoever writes may not be done; the rest comes later."""
    batches, control, _ = controlled(tmp_path, {1: "sa", 3: "save\n"})
    assert batches == 8
    assert control.save_requests == 1


def test_what_was_there_before_is_not_done(tmp_path, caplog):
    """It was meant for an earlier training."""
    (tmp_path / "control").write_text("stop now\n")
    assert controlled(tmp_path, {})[0] == 8
    assert "before training began is not done" in caplog.text


def test_a_look_is_taken_every_so_often(tmp_path):
    """And at the end of every epoch."""
    path = tmp_path / "control"
    control = ControlFile(path, look_every=1000)
    writer = Write(path, {1: "stop\n"})
    model = Model()
    play([writer, control], epochs=[{}] * 3, batches=4, model=model)
    assert writer.batches == 4


def test_a_file_that_cannot_be_read_ends_no_training(tmp_path, caplog):
    """It is told as every observer's failure."""
    path = tmp_path / "control"
    path.mkdir()
    control = ControlFile(path, look_every=0)
    play(CallbackList([control]), epochs=[{}], batches=2, model=Model())
    assert "control" in caplog.text


def test_a_copy_has_the_settings():
    """And begins anew."""
    control = ControlFile("control", look_every=3, agree_every=7)
    for made in (copy.deepcopy(control), pickle.loads(pickle.dumps(control))):
        assert (made.path, made.look_every, made.agree_every) == ("control", 3, 7)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"path": 3}, TypeError, "path"),
        ({"path": ""}, ValueError, "path"),
        ({"look_every": "1"}, TypeError, "look_every"),
        ({"look_every": -1}, ValueError, "look_every"),
        ({"look_every": float("inf")}, ValueError, "look_every"),
        ({"agree_every": 0}, ValueError, "agree_every"),
    ],
)
def test_wrong_settings_are_refused(options, error, message):
    """When the callback is made."""
    with pytest.raises(error, match=message):
        ControlFile(**{"path": "control", **options})
