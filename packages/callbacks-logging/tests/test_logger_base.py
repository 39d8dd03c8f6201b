# SPDX-License-Identifier: MIT
import copy
import pickle
import threading
from types import SimpleNamespace

import pytest

from callbacks_core import FatalCallbackError, LambdaCallback, SimpleModel
from callbacks_core.testing import play
from callbacks_logging import Logger


class Listed(Logger):
    """Keeps what it is asked to write."""

    def __init__(self, *, batch_granularity=False, timeout=30.0, epoch_timeout=0.0):
        self.batch_granularity = batch_granularity
        self.timeout = timeout
        self.epoch_timeout = epoch_timeout
        self.did = []
        self.threads = set()

    def _note(self, *what):
        self.did.append(what)
        self.threads.add(threading.current_thread().name)

    def write_epoch(self, epoch, values):
        self._note("epoch", epoch, values)

    def write_batches(self, batches):
        self._note("batches", batches)

    def finish(self, outcome):
        self._note("finish", outcome)


class Broken(Listed):
    """A sink that refuses the first so many calls."""

    def __init__(self, refusals, **options):
        super().__init__(**options)
        self.refusals = refusals

    def write_epoch(self, epoch, values):
        if self.refusals:
            self.refusals -= 1
            raise OSError("the sink is full")
        super().write_epoch(epoch, values)


def model(rate):
    return SimpleModel(None, SimpleNamespace(param_groups=[{"lr": rate}]))


def epochs(logger):
    return [what[1] for what in logger.did if what[0] == "epoch"]


def test_epochs_are_written_by_a_thread_of_its_own():
    """Values come in order, with the learning rate, and none of them on the training thread."""
    logger = Listed()
    play(logger, [{"loss": 0.5}, {"loss": 0.25}], model=model(0.1))
    assert logger.did == [
        ("epoch", 1, {"epoch": 1, "time": 0.0, "lr": 0.1, "loss": 0.5}),
        ("epoch", 2, {"epoch": 2, "time": 0.0, "lr": 0.1, "loss": 0.25}),
        ("finish", "finished"),
    ]
    assert logger.threads == {"Listed"}


@pytest.mark.parametrize(
    ("error", "outcome"), [(KeyboardInterrupt(), "interrupted"), (RuntimeError("no"), "failed")]
)
def test_the_sink_is_told_how_the_training_ended(error, outcome):
    """After an exception and after Ctrl-C, what was kept is written first."""

    def fail(batch, logs):
        if batch == 3:
            raise error

    logger = Listed(batch_granularity=True)
    with pytest.raises(type(error)):
        play([logger, LambdaCallback(on_train_batch_begin=fail)], [{}], batches=5)
    *written, last = logger.did
    assert last == ("finish", outcome)
    assert [step for _, batches in written for step in batches.steps] == [1, 2]


def test_batches_are_handed_over_in_tables():
    """Each value is a column; the steps go on over the epochs."""
    torch = pytest.importorskip("torch")
    logger = Listed(batch_granularity=True)
    logs = [{"loss": torch.tensor(0.5 * n), "acc": float(n), "n": torch.tensor(n)} for n in (1, 2)]
    play(logger, [{}, {}], batches=logs, model=model(0.1))
    tables = [batches for kind, batches, *_ in logger.did if kind == "batches"]
    assert [row for batches in tables for row in batches.rows()] == [
        {"batch": n, "size": 1, "time": 0.0, "loss": 0.5 * n, "acc": n, "n": n, "lr": 0.1}
        for n in (1, 2)
    ] * 2
    assert [step for batches in tables for step in batches.steps] == [1, 2, 3, 4]
    assert {batches.epoch for batches in tables} == {1, 2}


def test_batches_with_other_names_get_a_table_of_their_own():
    """A value that some batches lack makes no hole."""
    logger = Listed(batch_granularity=True)
    play(logger, [{}], batches=[{"a": 1.0}, {"a": 2.0}, {"b": 3.0}, {"a": 4.0}])
    rows = [row for kind, table, *_ in logger.did if kind == "batches" for row in table.rows()]
    names = [next(name for name in row if name in "ab") for row in rows]
    assert names == ["a", "a", "b", "a"]
    assert [row["batch"] for row in rows] == [1, 2, 3, 4]


def test_what_comes_later_is_in_no_row():
    """A logger has the values of those before it in the list, in each row alike."""
    logger = Listed(batch_granularity=True)

    def add(name):
        return LambdaCallback(on_train_batch_end=lambda batch, logs: logs.update({name: batch}))

    play([add("before"), logger, add("after")], [{}], batches=[{"loss": 1.0}] * 200)
    rows = [row for kind, table, *_ in logger.did if kind == "batches" for row in table.rows()]
    assert [row["before"] for row in rows] == list(range(1, 201))
    assert not any("after" in row for row in rows)


def test_a_refused_value_is_told_kept_and_written_later(caplog):
    """A sink that comes back gets everything, in order."""
    logger = Broken(2, epoch_timeout=5.0)
    play(logger, [{"loss": float(n)} for n in range(5)])
    assert epochs(logger) == [1, 2, 3, 4, 5]
    assert "Broken.on_epoch_end failed; training goes on" in caplog.text
    assert "the sink is full" in caplog.text
    assert "lost" not in caplog.text


def test_what_is_refused_to_the_end_is_counted(caplog):
    """Training ends well, and the loss is told with its number."""
    logger = Broken(10**9)
    played = play(logger, [{"loss": 0.5}] * 2)
    assert len(played.history) == 2
    assert "Broken: 2 entries could not be written and are lost" in caplog.text
    assert logger.did == [("finish", "finished")]


def test_a_hung_sink_holds_up_nothing(caplog):
    """Training goes on beside it, and its end waits for the logger's time-out at most."""
    release = threading.Event()

    class Hung(Listed):
        def write_epoch(self, epoch, values):
            release.wait(30)

    logger = Hung(timeout=0.05)
    assert len(play(logger, [{"loss": 0.5}] * 3).history) == 3
    release.set()
    assert "Hung was not done after 0.05 s" in caplog.text


def test_what_a_hung_sink_has_no_room_for_is_told_and_counted(caplog):
    """Not before something is lost, and with its number in the end."""
    release = threading.Event()

    class Hung(Listed):
        def write_epoch(self, epoch, values):
            release.wait(30)

    logger = Hung(timeout=0.01)
    play(logger, [{}] * 1500)
    assert "cannot keep up" not in caplog.text
    play(logger, [{}] * 2100)
    release.set()
    assert caplog.text.count("Hung cannot keep up: the oldest values are lost") == 1
    assert "Hung: 2099 entries could not be written and are lost" in caplog.text


def test_a_hopeless_sink_is_refused_before_the_first_batch():
    """`open` may say that it can never work."""

    class Hopeless(Listed):
        def open(self, *, training):
            raise FatalCallbackError("no such place")

    with pytest.raises(FatalCallbackError, match="no such place"):
        play(Hopeless(), [{}])


def test_a_test_is_written_within_and_outside_of_training():
    """Outside, the sink is opened for it and closed after it."""

    class Tested(Listed):
        def open(self, *, training):
            self._note("open", training)

        def write_test(self, values):
            self._note("test", values)

    logger = Tested()
    logger.on_test_end({"test_loss": 1.0})
    logger.close()
    assert logger.did == [("open", False), ("test", {"test_loss": 1.0}), ("finish", "finished")]


def test_other_ranks_write_nothing(monkeypatch):
    """Rank zero alone logs."""
    monkeypatch.setenv("RANK", "1")
    logger = Listed(batch_granularity=True)
    play(logger, [{"loss": 0.5}], model=model(0.1))
    logger.on_test_end({})
    assert logger.did == []


def test_steps_go_on_after_a_restored_state():
    """The number of batches is state; without one it follows from the epochs before."""
    first = Listed(batch_granularity=True)
    play(first, [{}, {}], batches=3)
    second = Listed(batch_granularity=True)
    second.load_state_dict(pickle.loads(pickle.dumps(first.state_dict())))
    play(second, [{}], batches=3, initial_epoch=3)
    third = Listed(batch_granularity=True)
    play(third, [{}], batches=3, initial_epoch=3)
    for logger in (second, third):
        assert [step for what in logger.did[:-2] for step in what[1].steps] == [7, 8, 9]


def test_one_is_told_whether_the_training_is_a_resumed_one():
    """A restored state and a later epoch both mean so."""
    begun = []

    class Begun(Listed):
        def begin(self, epoch, *, resumed):
            begun.append((epoch, resumed))

    logger = Begun()
    play(logger, [{}, {}])
    play(logger, [{}], initial_epoch=3)
    logger.load_state_dict({"step": 4})
    play(logger, [{}])
    play(logger, [{}])
    assert begun == [(1, False), (3, True), (1, True), (1, False)]


def test_a_copy_made_in_the_middle_is_idle():
    """What is being written stays with the original."""
    copies = []
    logger = Listed(batch_granularity=True)
    copying = LambdaCallback(
        on_epoch_end=lambda epoch, logs: copies.append(
            (copy.deepcopy(logger), pickle.loads(pickle.dumps(logger)))
        )
    )
    play([logger, copying], [{"loss": 0.5}])
    for duplicate in copies[0]:
        duplicate.did.clear()
        duplicate.close()
        assert duplicate.did == []
        play(duplicate, [{"loss": 0.5}] * 2)
        assert epochs(duplicate) == [1, 2]


@pytest.mark.gpu
def test_values_come_over_from_the_device_without_a_wait():
    """No step waits for the device, and the numbers are right all the same."""
    torch = pytest.importorskip("torch")
    logger = Listed(batch_granularity=True)
    values = torch.arange(1000.0, device="cuda")
    counts = torch.arange(1000, device="cuda")
    logs = [{"loss": values[n], "n": counts[n]} for n in range(1000)]
    torch.cuda.set_sync_debug_mode("error")
    try:
        play(logger, [{}], batches=logs)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    rows = [row for kind, table, *_ in logger.did if kind == "batches" for row in table.rows()]
    assert [row["loss"] for row in rows] == list(range(1000))
    assert [row["n"] for row in rows] == list(range(1000))
