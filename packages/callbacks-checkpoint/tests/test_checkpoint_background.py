# SPDX-License-Identifier: MIT
"""Savers that write in the background, in real trainings."""

import copy
import os
import pickle
import threading

import pytest
import torch
from torch import nn

from callbacks_checkpoint import (
    ModelCheckpoint,
    OptimizerCheckpoint,
    PeriodicSaveLambda,
    Retention,
    SaveFailedError,
    _files,
    load_checkpoint,
)
from callbacks_checkpoint.asynchronous import _snapshot, saver
from callbacks_core import CallbackList, LambdaCallback, TrainingLoop
from callbacks_core import files as files_of_core
from callbacks_core.testing import play

SCORES = [3.0, 2.0, 2.5, 1.0, 1.5, 0.5]


@pytest.fixture
def held(monkeypatch):
    """An event that every write in the background waits for; it is set at the end."""
    event = threading.Event()
    write = _snapshot.Snapshot.write

    def waiting(self, file, *, sync=True):
        assert event.wait(20)
        write(self, file, sync=sync)

    monkeypatch.setattr(_snapshot.Snapshot, "write", waiting)
    yield event
    event.set()


@pytest.fixture
def failing(monkeypatch):
    """A set of file names that cannot be written in the background."""
    names = set()
    write = saver._write

    def writing(save):
        if os.path.basename(save.path) in names:
            raise OSError(28, "No space left on device", save.path)
        write(save)

    monkeypatch.setattr(saver, "_write", writing)
    return names


def train(*callbacks, epochs=6, broken_at=None):
    """Train a small network, and return it."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
    x = torch.arange(24.0).reshape(2, 3, 4) / 24
    with TrainingLoop(network, optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(epochs):
            for batch in epoch.train(list(x)):
                optimizer.zero_grad()
                network(batch).square().mean().backward()
                optimizer.step()
            if epoch.number == broken_at:
                raise RuntimeError("the training is broken")
            epoch.log(score=SCORES[epoch.number - 1])
    return network


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def files(folder):
    return {name: load_checkpoint(folder / name) for name in sorted(os.listdir(folder))}


OPTIONS = {
    "every epoch": {},
    "best": {"monitor": "score", "save_best_only": True},
    "last best": {"monitor": "score", "save_best_only": True, "keep_only_last_best": True},
    "some": {"monitor": "score", "keep": Retention(best=2, last=1)},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("saver_class", [ModelCheckpoint, OptimizerCheckpoint])
def test_the_files_are_those_of_a_saver_that_training_waits_for(
    tmp_path, options, overlap, saver_class
):
    """The same names, with the same in them, and the same one is best."""
    waited = saver_class(tmp_path / "waited" / "{epoch}.pt", **options)
    train(waited)
    background = saver_class(
        tmp_path / "background" / "{epoch}.pt", asynchronous=True, overlap=overlap, **options
    )
    train(background)
    assert same(files(tmp_path / "background"), files(tmp_path / "waited"))
    assert background.current_best == waited.current_best
    best = waited.best_filename
    assert background.best_filename == (best and best.replace("waited", "background"))


def test_training_goes_on_while_a_file_is_written(tmp_path, held):
    """The file is not there yet when the epoch is over, and is when training is."""
    seen = []
    watch = LambdaCallback(
        on_settled=lambda epoch, logs: seen.append(os.path.exists(tmp_path / "1.pt")),
        on_train_end=lambda logs: held.set(),
    )
    last = ModelCheckpoint(tmp_path / "{epoch}.pt", asynchronous=True)
    train(watch, last, epochs=1)
    assert seen == [False]
    assert os.listdir(tmp_path) == ["1.pt"]


def test_skip_saves_again_when_the_disk_is_free(tmp_path, held):
    """Epochs that end while a file is being written are not saved."""
    free = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epoch == 4 and (held.set(), skipping.state_dict())
    )
    skipping = ModelCheckpoint(tmp_path / "{epoch}.pt", asynchronous=True, while_saving="skip")
    train(free, skipping, epochs=4)
    assert sorted(os.listdir(tmp_path)) == ["1.pt", "4.pt"]


def test_latest_saves_the_newest_state_in_the_end(tmp_path, held):
    """What waited in between is left out, and no file of it is thought to be there."""
    free = LambdaCallback(on_train_end=lambda logs: held.set())
    latest = ModelCheckpoint(
        tmp_path / "{epoch}.pt",
        asynchronous=True,
        while_saving="latest",
        monitor="score",
        save_best_only=True,
    )
    network = train(free, latest)
    assert sorted(os.listdir(tmp_path)) == ["1.pt", "6.pt"]
    assert latest.best_filename == str(tmp_path / "6.pt")
    assert same(load_checkpoint(tmp_path / "6.pt"), dict(network.state_dict()))


def test_a_worse_epoch_is_not_saved_while_a_better_one_is_under_way(tmp_path, held):
    """What is being written counts, when it is asked which epoch is best."""
    free = LambdaCallback(on_train_end=lambda logs: held.set())
    latest = ModelCheckpoint(
        tmp_path / "{epoch}.pt",
        asynchronous=True,
        while_saving="latest",
        monitor="score",
        save_best_only=True,
    )
    train(free, latest, epochs=3)
    assert sorted(os.listdir(tmp_path)) == ["1.pt", "2.pt"]
    assert latest.current_best == 2.0


def test_a_failure_is_told_and_made_good_by_the_next_save(tmp_path, failing, caplog):
    """Training goes on; the warning names file and epoch; the end is a good one."""
    failing.add("2.pt")
    train(ModelCheckpoint(tmp_path / "{epoch}.pt", asynchronous=True), epochs=3)
    assert sorted(os.listdir(tmp_path)) == ["1.pt", "3.pt"]
    assert "No space left on device" in caplog.text
    assert f"while saving {str(tmp_path / '2.pt')!r} after epoch 2" in caplog.text


def test_training_ends_with_an_error_when_the_last_save_failed(tmp_path, failing):
    """Even though it failed after the last epoch was over."""
    failing.add("3.pt")
    with pytest.raises(
        SaveFailedError, match=r"3\.pt' could not be written after epoch 3: OSError"
    ):
        train(ModelCheckpoint(tmp_path / "{epoch}.pt", asynchronous=True), epochs=3)


def test_a_best_file_that_failed_is_tried_again(tmp_path, failing):
    """The next epoch that is better than the file on disk is saved, whatever the period."""
    failing.add("2.pt")
    best = ModelCheckpoint(
        tmp_path / "{epoch}.pt", monitor="score", save_best_only=True, asynchronous=True
    )
    train(best, epochs=3)
    assert sorted(os.listdir(tmp_path)) == ["1.pt", "3.pt"]
    assert best.current_best == 2.5


def test_an_exception_waits_for_the_file(tmp_path):
    """What was begun is on disk when a broken training has ended."""
    with pytest.raises(RuntimeError, match="is broken"):
        train(ModelCheckpoint(tmp_path / "{epoch}.pt", asynchronous=True), broken_at=3)
    assert sorted(os.listdir(tmp_path)) == ["1.pt", "2.pt"]


def test_the_best_weights_are_restored(tmp_path):
    """Also when the best file was just being written."""
    best = ModelCheckpoint(
        tmp_path / "{epoch}.pt",
        monitor="score",
        save_best_only=True,
        restore_best=True,
        asynchronous=True,
        overlap=True,
    )
    network = train(best, epochs=5)
    assert best.best_filename == str(tmp_path / "4.pt")
    assert same(dict(network.state_dict()), load_checkpoint(tmp_path / "4.pt"))


def test_its_state_knows_of_every_file_that_was_begun(tmp_path, held):
    """Whoever saves the callback's state waits for the file that it tells of."""
    states = []
    best = ModelCheckpoint(
        tmp_path / "{epoch}.pt", monitor="score", save_best_only=True, asynchronous=True
    )
    callbacks = CallbackList([best])

    def note(epoch, logs):
        threading.Timer(0.05, held.set).start()
        states.append((callbacks.state_dict(), os.listdir(tmp_path)))

    train(best, LambdaCallback(on_settled=note), epochs=1)
    ((state, there),) = states
    assert there == ["1.pt"]
    resumed = ModelCheckpoint(tmp_path / "{epoch}.pt", monitor="score", save_best_only=True)
    CallbackList([resumed]).load_state_dict(state)
    assert resumed.best_filename == str(tmp_path / "1.pt")


def write(file, epoch_number, logs):
    file.write(f"épo {epoch_number}: {logs['score']}\n")


@pytest.mark.parametrize("open_mode", ["w", "wb"])
def test_what_is_no_state_is_written_in_the_background_too(tmp_path, open_mode):
    """Text is UTF-8 there as well."""

    def act(file, epoch_number, logs):
        text = f"épo {epoch_number}: {logs['score']}\n"
        file.write(text if open_mode == "w" else text.encode())

    lines = PeriodicSaveLambda(
        act, tmp_path / "{epoch}.txt", open_mode=open_mode, asynchronous=True
    )
    play(lines, [{"score": 3.0}, {"score": 2.0}])
    assert (tmp_path / "1.txt").read_text(encoding="utf-8") == "épo 1: 3.0\n"
    assert (tmp_path / "2.txt").read_text(encoding="utf-8") == "épo 2: 2.0\n"


def test_a_saver_can_be_used_again_copied_and_pickled(tmp_path):
    """With what it has learnt, and without what it is doing."""
    last = ModelCheckpoint(tmp_path / "{epoch}.pt", asynchronous=True, overlap=True)
    train(last, epochs=2)
    network = train(last, epochs=3)
    assert same(load_checkpoint(tmp_path / "3.pt"), dict(network.state_dict()))
    for twin in (copy.deepcopy(last), pickle.loads(pickle.dumps(last))):
        network = train(twin, epochs=4)
        assert same(load_checkpoint(tmp_path / "4.pt"), dict(network.state_dict()))
        (tmp_path / "4.pt").unlink()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"while_saving": "skip"}, "`while_saving='skip'` needs `asynchronous=True`"),
        ({"overlap": True}, "`overlap=True` needs `asynchronous=True`"),
        ({"asynchronous": True, "while_saving": "skipp"}, "did you mean 'skip'"),
        (
            {"asynchronous": True, "atomic_write": False},
            "`asynchronous=True` needs `atomic_write=True`",
        ),
    ],
)
def test_half_options_are_refused(tmp_path, options, message):
    """At construction, with what they need."""
    with pytest.raises(ValueError, match=message):
        ModelCheckpoint(tmp_path / "a.pt", **options)


def test_only_states_can_be_copied_beside_training(tmp_path):
    """A file of one's own is written at once, into memory."""
    with pytest.raises(TypeError, match="needs a saver of states, such as ModelCheckpoint"):
        PeriodicSaveLambda(write, tmp_path / "a.txt", asynchronous=True, overlap=True)


@pytest.mark.parametrize("options", [{"keep_only_last_best": True}, {"keep": Retention(last=1)}])
def test_a_file_whose_folder_could_not_be_synced_does_not_stay_for_ever(
    tmp_path, monkeypatch, options
):
    """Its save has failed, though it has its name: with a retention it goes like any other."""
    sync = files_of_core.sync_folder
    saves = []

    def failing(folder):
        saves.append(folder)
        if len(saves) == 3:  # the probe's folder, and the files of two epochs
            raise OSError(5, "Input/output error", str(folder))
        sync(folder)

    monkeypatch.setattr(files_of_core, "sync_folder", failing)
    options = {"monitor": "score", "save_best_only": True, **options}
    train(ModelCheckpoint(tmp_path / "run" / "{epoch}.pt", **options), epochs=4)
    assert len(saves) > 3
    assert os.listdir(tmp_path / "run") == ["4.pt"]


def test_a_removal_is_on_disk_before_it_is_forgotten(tmp_path, monkeypatch):
    """One that could not be brought there is tried again; a folder that is gone is no error."""
    path = tmp_path / "a" / "1.pt"
    path.parent.mkdir()
    path.touch()

    def failing(folder):
        assert not path.exists()
        raise OSError(5, "Input/output error", str(folder))

    with monkeypatch.context() as patch:
        patch.setattr(_files, "sync_folder", failing)
        assert _files.remove([str(path)]) == [str(path)]
    synced = []
    monkeypatch.setattr(_files, "sync_folder", synced.append)
    assert _files.remove([str(path)]) == []
    assert synced == [path.parent]
    monkeypatch.undo()
    path.parent.rmdir()
    assert _files.remove([str(path)]) == []
