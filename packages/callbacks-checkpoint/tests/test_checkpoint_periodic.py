# SPDX-License-Identifier: MIT
import copy
import errno
import io
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_checkpoint import (
    EveryEpochs,
    EveryMinutes,
    ModelCheckpoint,
    PeriodicSaveCallback,
    RestoreFailedError,
    SaveFailedError,
)
from callbacks_core import (
    Callback,
    DelayCallback,
    FatalCallbackError,
    HopelessPathError,
    MissingMetricError,
)
from callbacks_core.testing import play


class Text(PeriodicSaveCallback):
    """Writes the number of the epoch; fails at the epochs it is told to; remembers restores."""

    def __init__(self, *args, fail_at=(), error=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.fail_at = fail_at
        self.error = error or OSError(errno.ENOSPC, "disk full")
        self.restored_from = None

    def save_file(self, fd, epoch_number, logs):
        text = f"epoch {epoch_number}\n"
        fd.write(text.encode() if "b" in self.open_mode else text)
        if epoch_number in self.fail_at:
            raise self.error

    def restore(self, fd):
        self.restored_from = fd.read()


def losses(*values):
    return [{"val_loss": value} for value in values]


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.parametrize(
    ("period", "epochs", "expected"),
    [(1, 3, ["1", "2", "3"]), (3, 8, ["3", "6"]), (5, 4, [])],
)
def test_a_file_is_written_every_period(tmp_path, period, epochs, expected):
    """Periods count from epoch 1."""
    play(Text(tmp_path / "{epoch}", period=period), [{}] * epochs)
    assert names(tmp_path) == expected


def test_periods_count_from_epoch_1_in_a_run_that_goes_on(tmp_path):
    """An initial epoch does not shift them."""
    play(Text(tmp_path / "{epoch}", period=3), [{}] * 4, initial_epoch=5)
    assert names(tmp_path) == ["6"]


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("min", [3, 2, 2, 4, 1], ["1", "2", "5"]),
        ("max", [3, 2, 3, 4, 4], ["1", "4"]),
        ("min", [math.nan, 3, math.nan, 2], ["2", "4"]),
        ("min", [math.nan, math.inf], []),
    ],
)
def test_only_the_best_epochs_are_saved(tmp_path, mode, values, expected):
    """An improvement is strict, and NaN is none."""
    play(Text(tmp_path / "{epoch}", save_best_only=True, mode=mode), losses(*values))
    assert names(tmp_path) == expected


def test_the_period_holds_for_the_best_as_well(tmp_path):
    """A best epoch between two of the period is not looked at."""
    saver = Text(tmp_path / "{epoch}", save_best_only=True, period=2)
    play(saver, losses(1, 5, 0, 4, 0, 4.5))
    assert names(tmp_path) == ["2", "4"]
    assert saver.current_best == 4


@given(
    values=st.lists(st.one_of(st.floats(-5, 5), st.just(math.nan)), min_size=1, max_size=8),
    mode=st.sampled_from(["min", "max"]),
    period=st.integers(1, 3),
)
def test_only_the_last_best_is_kept(tmp_path_factory, values, mode, period):
    """After any course there is exactly one file, that of the best epoch looked at, or none."""
    folder = tmp_path_factory.mktemp("best")
    saver = Text(
        folder / "{epoch}",
        save_best_only=True,
        keep_only_last_best=True,
        mode=mode,
        period=period,
    )
    play(saver, losses(*values))
    looked_at = {
        number: value
        for number, value in enumerate(values, 1)
        if number % period == 0 and not math.isnan(value)
    }
    best = (min if mode == "min" else max)(looked_at, key=looked_at.get, default=None)
    assert names(folder) == ([] if best is None else [str(best)])
    assert saver.best_filename == (None if best is None else str(folder / str(best)))


def test_the_old_best_goes_after_the_new_one_is_there_and_the_epoch_over(tmp_path):
    """Whatever the order of the list, nothing sees a moment without a best file."""
    seen = []

    class Look(Callback):
        def on_epoch_end(self, epoch_number, logs):
            seen.append(names(tmp_path))

        def on_settled(self, epoch_number, logs):
            seen.append(names(tmp_path))

        def on_train_end(self, logs):
            seen.append(names(tmp_path))

    saver = Text(tmp_path / "{epoch}", save_best_only=True, keep_only_last_best=True)
    play([saver, Look()], losses(3, 2))
    assert seen == [["1"], ["1"], ["1", "2"], ["1", "2"], ["2"]]


def test_a_best_file_that_is_gone_is_no_trouble(tmp_path, caplog):
    """Somebody may have tidied up."""

    class Tidy(Callback):
        def on_epoch_end(self, epoch_number, logs):
            (tmp_path / "1").unlink(missing_ok=True)

    saver = Text(tmp_path / "{epoch}", save_best_only=True, keep_only_last_best=True)
    play([Tidy(), saver], losses(3, 2, 1))
    assert names(tmp_path) == ["3"]
    assert caplog.text == ""


def test_a_file_that_cannot_be_removed_is_told_of_and_tried_again(tmp_path, caplog, monkeypatch):
    """Training goes on, with a line that names path and cause."""
    saver = Text(tmp_path / "{epoch}", save_best_only=True, keep_only_last_best=True)
    unlink, refusals = Path.unlink, [1]

    def refuse_once(self, **options):
        if refusals and self.name == "1":
            refusals.pop()
            raise PermissionError(errno.EPERM, "not allowed")
        unlink(self, **options)

    monkeypatch.setattr(Path, "unlink", refuse_once)
    play(saver, losses(3, 2, 4))
    assert names(tmp_path) == ["2"]
    assert "cannot remove the replaced checkpoint" in caplog.text
    assert "not allowed" in caplog.text


def test_names_that_come_again_are_not_removed(tmp_path):
    """A name without the epoch in it is written over, and stays."""
    saver = Text(tmp_path / "{acc}", save_best_only=True, keep_only_last_best=True)
    play(saver, [{"val_loss": loss, "acc": acc} for loss, acc in [(3, 1), (2, 2), (1, 1)]])
    assert names(tmp_path) == ["1"]
    assert (tmp_path / "1").read_text() == "epoch 3\n"
    play(Text(tmp_path / "1", save_best_only=True, keep_only_last_best=True), losses(3, 2, 1))
    assert (tmp_path / "1").read_text() == "epoch 3\n"


def test_verbose_prints_a_line_for_each_save_and_restore(tmp_path, capsys):
    """The lines are those of the reference."""
    path = tmp_path / "file"
    play(Text(path, verbose=True), [{}])
    assert capsys.readouterr().out == f"Epoch 1: saving file to {path}\n"
    play(Text(path, verbose=True, save_best_only=True, restore_best=True), losses(0.5, 0.25, 1))
    assert capsys.readouterr().out == (
        f"Epoch 1: val_loss improved from inf to 0.50000, saving file to {path}\n"
        f"Epoch 2: val_loss improved from 0.50000 to 0.25000, saving file to {path}\n"
        f"Restoring data from {path}\n"
    )


def test_the_best_file_is_restored_at_the_end(tmp_path):
    """It is read in the mode in which it was written."""
    options = {"save_best_only": True, "restore_best": True}
    saver = Text(tmp_path / "{epoch}", **options)
    play(saver, losses(3, 1, 2))
    assert saver.restored_from == b"epoch 2\n"
    saver = Text(tmp_path / "{epoch}", open_mode="w", **options)
    play(saver, losses(1, 2))
    assert saver.restored_from == "epoch 1\n"


def test_without_a_best_file_nothing_is_restored(tmp_path, caplog):
    """A monitored value that was never a number is told of."""
    saver = Text(tmp_path / "file", save_best_only=True, restore_best=True)
    play(saver, losses(math.nan))
    assert saver.restored_from is None
    assert "No data to restore! 'val_loss' never improved and nothing was saved" in caplog.text


def test_a_best_file_that_cannot_be_read_ends_the_run(tmp_path):
    """The weights would not be those that were asked for."""

    class Remove(Callback):
        def on_epoch_end(self, epoch_number, logs):
            (tmp_path / "file").unlink()

    saver = Text(tmp_path / "file", save_best_only=True, restore_best=True)
    with pytest.raises(RestoreFailedError, match=r"'.*file' cannot be restored: FileNotFoundError"):
        play([saver, Remove()], losses(1))


def test_a_failed_save_is_told_of_and_leaves_the_old_file(tmp_path, caplog):
    """Training goes on; cause and path are in the log; no temporary file is left."""
    saver = Text(tmp_path / "file", fail_at=[2])
    played = play(saver, [{}] * 3)
    assert len(played.history) == 3
    assert "Text.on_epoch_end failed; training goes on" in caplog.text
    assert "disk full" in caplog.text
    assert f"while saving {str(tmp_path / 'file')!r} after epoch 2" in caplog.text
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "epoch 3\n"


@pytest.mark.parametrize("error", [OSError("disk full"), RuntimeError("cannot serialize")])
def test_a_last_save_that_failed_ends_the_run_with_an_error(tmp_path, error):
    """Whatever went wrong; the file before it is whole."""
    saver = Text(tmp_path / "file", fail_at=[3], error=error)
    message = rf"the last save failed: '.*file' could not be written after epoch 3: .*{error}"
    with pytest.raises(SaveFailedError, match=message) as caught:
        play(saver, [{}] * 3)
    assert caught.value.__cause__ is error
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "epoch 2\n"
    saver.on_train_begin({})
    saver.on_train_end({})  # another training has nothing to do with it


def test_a_best_epoch_that_was_not_saved_is_not_marked_as_saved(tmp_path):
    """The next epoch is saved if it is better than the file on disk, if not better than the lost
    one, and whatever the period."""
    saver = Text(tmp_path / "{epoch}", save_best_only=True, period=2, fail_at=[4])
    play(saver, losses(9, 5, 9, 1, 3, 4, 8))
    assert names(tmp_path) == ["2", "5"]
    assert (saver.current_best, saver.best_filename) == (3, str(tmp_path / "5"))


def test_an_epoch_worse_than_the_file_on_disk_does_not_replace_it(tmp_path):
    """After a failed save the old best stays, and the end of the run says what is missing."""
    saver = Text(tmp_path / "file", save_best_only=True, fail_at=[2])
    with pytest.raises(SaveFailedError, match="after epoch 2"):
        play(saver, losses(5, 1, 7))
    assert (tmp_path / "file").read_text() == "epoch 1\n"


def test_a_fatal_error_in_save_file_ends_the_run_at_once(tmp_path):
    """So does Ctrl-C; the temporary file goes in any case."""
    for error in (FatalCallbackError("no way"), KeyboardInterrupt()):
        saver = Text(tmp_path / "file", fail_at=[1], error=error)
        with pytest.raises(type(error)):
            play(saver, [{}] * 3)
        assert names(tmp_path) == []


def test_the_failure_policy_can_be_changed(tmp_path):
    """With ``on_error = "raise"`` the first failed save ends the run."""
    saver = Text(tmp_path / "file", fail_at=[1])
    saver.on_error = "raise"
    with pytest.raises(OSError, match="disk full"):
        play(saver, [{}] * 3)


def test_a_missing_monitor_ends_the_run_at_the_first_epoch(tmp_path):
    """Even when the period would not look at it; the names there are are listed."""
    saver = Text(tmp_path / "file", save_best_only=True, monitor="val_los", period=7)
    with pytest.raises(MissingMetricError, match=r"no 'val_los' in.*did you mean 'val_loss'\?"):
        play(saver, losses(1))


def test_the_file_is_on_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """Temporary file, sync, rename, sync of the folder; and removal of the old one only then."""
    calls = []

    def spy(where, name):
        call = getattr(where, name)

        def called(*args, **kwargs):
            calls.append(name)
            return call(*args, **kwargs)

        monkeypatch.setattr(where, name, called)

    saver = Text(tmp_path / "{epoch}", save_best_only=True, keep_only_last_best=True)
    in_place = Text(tmp_path / "in place", atomic_write=False)
    for each in (saver, in_place):
        each.on_train_begin({})
        each.on_epoch_end(1, {"val_loss": 2})
    spy(os, "replace")
    spy(os, "fsync")
    spy(Path, "unlink")
    saver.on_epoch_end(2, {"val_loss": 1})
    saver.on_epoch_begin(3, {})
    assert calls == ["fsync", "replace", "fsync", "unlink", "fsync"]
    calls.clear()
    in_place.on_epoch_end(2, {})
    assert calls == ["fsync", "fsync"]


def test_the_temporary_file_can_be_named(tmp_path):
    """It is used as it is, without fields, and is gone afterwards."""
    temporary = tmp_path / "{epoch}.staged"

    class Look(Text):
        def save_file(self, fd, epoch_number, logs):
            assert names(tmp_path) == ["{epoch}.staged"]
            super().save_file(fd, epoch_number, logs)

    play(Look(tmp_path / "file", temporary_filename=temporary), [{}])
    assert names(tmp_path) == ["file"]


def test_a_temporary_file_on_another_file_system_is_refused(tmp_path, monkeypatch):
    """It could not replace the file at a stroke."""
    (tmp_path / "other").mkdir()
    real = os.stat

    def stat(path, *args, **kwargs):
        result = real(path, *args, **kwargs)
        if str(path).endswith("other"):
            fields = list(result)
            fields[2] += 1
            return os.stat_result(fields)
        return result

    saver = Text(tmp_path / "file", temporary_filename=tmp_path / "other" / "staged")
    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(HopelessPathError, match="another file system"):
        saver.on_train_begin({})


def test_writing_in_place(tmp_path):
    """Without atomic writes the file itself is written to, and may be appended to."""
    play(Text(tmp_path / "w", atomic_write=False), [{}] * 2)
    play(Text(tmp_path / "new" / "a", atomic_write=False, open_mode="a"), [{}] * 2)
    assert (tmp_path / "w").read_text() == "epoch 2\n"
    assert (tmp_path / "new" / "a").read_text() == "epoch 1\nepoch 2\n"


def test_text_is_utf_8(tmp_path):
    """Whatever the locale."""

    class Greek(PeriodicSaveCallback):
        def save_file(self, fd, epoch_number, logs):
            fd.write("λ")

    for atomic in (True, False):
        play(Greek(tmp_path / "text", open_mode="w", atomic_write=atomic), [{}])
        assert (tmp_path / "text").read_bytes() == "λ".encode()


def test_an_instance_can_be_used_again(tmp_path):
    """Best value and file start anew; an old best of another training is not removed."""
    saver = Text(tmp_path / "{loss}-{epoch}", save_best_only=True, keep_only_last_best=True)
    play(saver, [{"val_loss": 1, "loss": 1}])
    play(saver, [{"val_loss": 3, "loss": 2}, {"val_loss": 2, "loss": 2}])
    assert names(tmp_path) == ["1-1", "2-2"]
    assert saver.current_best == 2


@given(
    values=st.lists(st.floats(-5, 5), min_size=2, max_size=8),
    data=st.data(),
)
def test_a_resumed_run_keeps_what_the_uninterrupted_one_keeps(tmp_path_factory, values, data):
    """Stopped after any epoch, with its state through a file, the same file is left at the end."""
    cut = data.draw(st.integers(1, len(values) - 1))
    whole, parts = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("parts")
    options = {"save_best_only": True, "keep_only_last_best": True, "restore_best": True}
    states = {}

    class Keep(Callback):
        def on_settled(self, epoch_number, logs):
            if epoch_number == cut:
                torch.save(first.state_dict(), parts.parent / "state.pt")
                states.update(torch.load(parts.parent / "state.pt", weights_only=True))
                raise KeyboardInterrupt

    uninterrupted = Text(whole / "{epoch}", **options)
    play(uninterrupted, losses(*values))
    first = Text(parts / "{epoch}", **options)
    with pytest.raises(KeyboardInterrupt):
        play([first, Keep()], losses(*values))
    rest = Text(parts / "{epoch}", **options)
    rest.load_state_dict(states)
    play(rest, losses(*values[cut:]), initial_epoch=cut + 1)
    assert names(parts) == names(whole)
    assert rest.restored_from == uninterrupted.restored_from
    assert rest.current_best == uninterrupted.current_best


def test_states_are_told_apart_by_the_name_of_the_file():
    """Two savers of one class keep their own when the list is put into another order."""
    assert Text("a/best.pt").state_key == "Text:best.pt"
    assert Text("a/last.pt").state_key == "Text:last.pt"


def test_only_rank_zero_writes(tmp_path, monkeypatch):
    """The others neither probe nor write nor remove nor print."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    saver = Text(tmp_path / "a" / "{epoch}", save_best_only=True, keep_only_last_best=True)
    play(saver, losses(3, 2, 1))
    assert names(tmp_path) == []


SCRIPT = """
import sys, time, torch, torch.distributed
from callbacks_checkpoint import ModelCheckpoint
from callbacks_core import Callback, SimpleModel
from callbacks_core.testing import play

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group(
    "gloo", init_method=f"file://{folder}/group", rank=rank, world_size=2
)

class Train(Callback):
    def on_epoch_begin(self, epoch_number, logs):
        self.model.network.weight.data.fill_(10 * epoch_number + rank)
    def on_epoch_end(self, epoch_number, logs):
        time.sleep(0.2 * (1 - rank))  # rank one is always first

model = SimpleModel(torch.nn.Linear(1, 1, bias=False))
best = ModelCheckpoint(folder + "/{epoch}.pt", save_best_only=True, restore_best=True)
play([Train(), best], [{"val_loss": 2.0}, {"val_loss": 1.0}], model=model)
print(model.network.weight.item())
torch.distributed.destroy_process_group()
"""


def test_every_rank_restores_what_rank_zero_has_saved(tmp_path):
    """A rank that comes to the end first waits until the best file is there."""
    environment = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(rank), str(tmp_path)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=600)[0].strip() for process in processes]
    assert outputs == ["20.0", "20.0"]


def test_a_saver_can_be_copied_and_pickled(tmp_path):
    """A copy saves as the original does."""
    saver = ModelCheckpoint(tmp_path / "{epoch}", save_best_only=True)
    for other in (copy.deepcopy(saver), pickle.loads(pickle.dumps(saver))):
        assert other.filename == saver.filename
        assert other.state_dict() == saver.state_dict()


def test_a_delayed_saver_saves_later(tmp_path):
    """Wrapping is the way to leave out the first epochs."""
    play(DelayCallback(Text(tmp_path / "{epoch}"), epoch_delay=2), [{}] * 4)
    assert names(tmp_path) == ["3", "4"]


class WriteOnly(PeriodicSaveCallback):
    def save_file(self, fd, epoch_number, logs):
        fd.write(b"")


def test_a_saver_must_say_what_it_saves():
    """The base class alone cannot be used, and one that only writes cannot restore."""
    with pytest.raises(TypeError, match="abstract"):
        PeriodicSaveCallback("file")
    with pytest.raises(TypeError, match=r"needs a WriteOnly\.restore method"):
        WriteOnly("file", save_best_only=True, restore_best=True)
    with pytest.raises(NotImplementedError, match="WriteOnly cannot restore what it saves"):
        WriteOnly("file").restore(io.BytesIO())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"mode": "mn"}, ValueError, "`mode` must be one of 'min', 'max', not 'mn'; did you mean"),
        ({"monitor": 1}, TypeError, "`monitor` must be the name of a value in the logs, not 1"),
        ({"period": 0}, ValueError, "`period` must be at least 1, not 0"),
        ({"period": 1.5}, TypeError, "`period` must be a whole number, not 1.5"),
        (
            {"keep_only_last_best": True},
            ValueError,
            "`keep_only_last_best=True` needs `save_best_only=True`",
        ),
        ({"restore_best": True}, ValueError, "`restore_best=True` needs `save_best_only=True`"),
        ({"open_mode": "r"}, ValueError, "`open_mode` must be one of 'wb', "),
        ({"open_mode": "ab"}, ValueError, "`open_mode` 'ab' needs `atomic_write=False`"),
        ({"open_mode": "r", "atomic_write": False}, ValueError, "`open_mode` must be one of"),
        ({"temporary_filename": 3}, TypeError, "`temporary_filename` must be a str or a path"),
        (
            {"temporary_filename": "file"},
            ValueError,
            "`temporary_filename` must not be `filename` itself, 'file'",
        ),
    ],
)
def test_a_wrong_argument_is_refused_at_once(options, error, message):
    """Each message says what was wrong, what was expected and what came."""
    with pytest.raises(error) as caught:
        Text("file", **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("flag", ["save_best_only", "atomic_write", "asynchronous", "verbose"])
def test_a_flag_is_true_or_false(flag):
    """The text "no" would count as true."""
    with pytest.raises(TypeError, match=f"`{flag}` must be True or False, not 'no'"):
        ModelCheckpoint("weights.pt", **{flag: "no"})


@pytest.mark.parametrize("argument", ["filename", "best_link", "temporary_filename"])
def test_a_name_is_a_files(argument):
    """A name that ends like a folder's could never be written."""
    with pytest.raises(ValueError, match=f"`{argument}` 'run/' names a folder"):
        ModelCheckpoint(**{"filename": "{epoch}.pt", argument: "run/"})


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"best_link": "run/2.pt"}, "is a name that `filename` 'run/{epoch}.pt' may have, too"),
        ({"best_link": "a.pt", "last_link": "a.pt"}, "`best_link` and `last_link` must differ"),
    ],
)
def test_second_names_are_names_of_their_own(options, problem):
    """A link that takes the place of a file of the series would lose it."""
    with pytest.raises(ValueError, match=problem):
        ModelCheckpoint("run/{epoch}.pt", **options)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_two_savers_of_a_training_do_not_share_a_name(tmp_path, asynchronous):
    """The second one would replace what the first has saved, epoch after epoch."""
    path = tmp_path / "run.pt"
    savers = [Text(path, asynchronous=asynchronous), Text(f"{tmp_path}/./run.pt")]
    with pytest.raises(FatalCallbackError, match=r"would both write to .*a name of its own"):
        play(savers, [{"val_loss": 1.0}])
    assert os.listdir(tmp_path) == []
    play(savers[:1], [{"val_loss": 1.0}])
    play(savers[1:], [{"val_loss": 1.0}])
    assert path.read_text(encoding="utf-8") == "epoch 1\n"


def test_two_savers_of_a_training_do_not_share_a_trigger(tmp_path):
    """It would take the first one's save for the save of both."""
    trigger = EveryMinutes(10)
    savers = [
        Text(tmp_path / "a", trigger=trigger),
        Text(tmp_path / "b", trigger=EveryEpochs(1) | trigger),
    ]
    with pytest.raises(FatalCallbackError, match="share a trigger; give each an object"):
        play(savers, [{"val_loss": 1.0}])
