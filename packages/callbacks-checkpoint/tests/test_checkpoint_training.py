# SPDX-License-Identifier: MIT
"""A run is saved as a whole and gone on with, or refused with a reason."""

import logging
import os

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from callbacks_checkpoint import (
    EveryBatches,
    EveryEpochs,
    OnException,
    Retention,
    TrainingCheckpoint,
    load_checkpoint,
    load_training,
    save_checkpoint,
)
from callbacks_core import (
    CallbackList,
    DelayCallback,
    EarlyStopping,
    FatalCallbackError,
    LambdaCallback,
    ResumeError,
    TrainingLoop,
    unpacked,
)
from callbacks_core.testing import play


class Stop(Exception):
    """What interrupts a run here."""


def make(width=4):
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(3, width), nn.Dropout(0.2), nn.Linear(width, 1))
    return network, torch.optim.Adam(network.parameters(), lr=0.01)


def loader():
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(2))
    return DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=4, shuffle=True)


def run(callbacks, *, epochs=3, resume=None, parts=None, stop_at=None, batches=None, **options):
    """Train by hand, until an exception at batch *stop_at*; return the loop and its network."""
    network, optimizer = parts or make()
    done = 0
    with TrainingLoop(network, optimizer, callbacks=callbacks, resume=resume, **options) as loop:
        for epoch in loop.epochs(epochs):
            for x, y in epoch.train(batches or loader()):
                done += 1
                if done == stop_at:
                    raise Stop
                loss = nn.functional.mse_loss(network(x), y)
                optimizer.zero_grad()
                loss.backward()
                loop.backward_end()
                optimizer.step()
                loop.log(loss=loss)
    return loop, network


def losses(loop):
    return [logs["loss"] for logs in loop.history]


def often(folder, **options):
    return TrainingCheckpoint(folder, trigger=EveryBatches(2) | EveryEpochs(1), **options)


def interrupted(folder, stop_at, callbacks=(), **options):
    with pytest.raises(Stop):
        run([often(folder), *callbacks], stop_at=stop_at, **options)


def test_a_run_goes_on_in_the_middle_of_an_epoch(tmp_path):
    """It ends with the losses and weights of the uninterrupted run, and tells the whole history."""
    loop, straight = run([often(tmp_path / "straight")])
    interrupted(tmp_path / "run", 9)
    torch.manual_seed(77)
    resumed, network = run([often(tmp_path / "run")], resume="auto")
    assert losses(resumed) == losses(loop)
    for one, other in zip(straight.parameters(), network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_state_is_plain_and_whole(tmp_path):
    """One file, loaded without any code, has everything; the last two of a run are kept."""
    run([often(tmp_path), EarlyStopping(monitor="loss", patience=9)])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["checkpoint-00003-0000004.pt", "checkpoint-00003-0000005.pt"]
    state = load_checkpoint(tmp_path / names[-1])
    assert state["format"] == 2
    assert state["callbacks"]["EarlyStopping"]["wait"] >= 0
    assert [logs["epoch"] for logs in unpacked(state["history"])] == [1, 2, 3]
    assert unpacked(load_training(tmp_path)["history"]) == unpacked(state["history"])


def test_a_run_that_an_earlier_version_has_saved_is_gone_on_with(tmp_path):
    """With its history as a list of dicts; one of a later version is refused."""
    straight, network = run([])
    interrupted(tmp_path / "run", 9)
    state = load_training(tmp_path / "run")
    old = {**state, "format": 1, "history": unpacked(state["history"])}
    save_checkpoint(old, tmp_path / "old.pt")
    resumed, same = run([], resume=tmp_path / "old.pt")
    assert losses(resumed) == losses(straight)
    assert resumed.history[0] == unpacked(state["history"])[0]
    assert all(map(torch.equal, same.parameters(), network.parameters()))
    save_checkpoint({**state, "format": 3}, tmp_path / "new.pt")
    with pytest.raises(ResumeError, match="format 3, and this version knows those up to 2"):
        run([], resume=tmp_path / "new.pt")


def test_a_finished_run_stays_finished_and_a_longer_one_goes_on(tmp_path):
    """Resuming trains no epoch again; with more epochs it goes on behind the last."""
    before, _ = run([often(tmp_path)])
    again, _ = run([often(tmp_path)], resume="auto")
    assert again.history == before.history
    longer, _ = run([often(tmp_path)], resume="auto", epochs=4)
    straight, _ = run([], epochs=4)
    assert losses(longer) == losses(straight)


def test_a_run_that_was_stopped_stays_stopped(tmp_path):
    """Whoever stopped it: early stopping, or a callback that says nothing."""
    stopping = EarlyStopping(monitor="loss", min_delta=9.0, patience=1)
    first, _ = run([often(tmp_path / "a"), stopping], epochs=5)
    assert len(first.history) == 2
    again, _ = run(
        [often(tmp_path / "a"), EarlyStopping(monitor="loss", min_delta=9.0, patience=1)],
        epochs=5,
        resume="auto",
    )
    assert again.history == first.history
    more = EarlyStopping(monitor="loss", min_delta=9.0, patience=2)
    longer, _ = run([often(tmp_path / "a"), more], epochs=5, resume="auto")
    assert len(longer.history) == 3

    def stop(epoch, logs):
        callback.model.stop_training = True

    callback = LambdaCallback(on_epoch_end=stop)
    run([often(tmp_path / "b"), callback], epochs=5)
    stopped, _ = run([often(tmp_path / "b")], epochs=5, resume="auto")
    assert len(stopped.history) == 1


def test_a_damaged_file_is_passed_over_and_told_of(tmp_path, caplog):
    """The one before is gone on from; when all are damaged, that is the end."""
    straight, _ = run([often(tmp_path / "straight")])
    interrupted(tmp_path / "run", 9)
    old, newest = sorted((tmp_path / "run").iterdir())
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    resumed, _ = run([often(tmp_path / "run")], resume="auto")
    assert losses(resumed) == losses(straight)
    assert f"going back to {str(old)!r}" in caplog.text
    for path in (tmp_path / "run").iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(RuntimeError, match="none is good"):
        run([often(tmp_path / "run")], resume="auto")


def test_another_network_is_refused_by_what_differs(tmp_path):
    """Names and shapes are told, and nothing is changed."""
    run([often(tmp_path)], epochs=1)
    with pytest.raises(ResumeError, match=r"'0.weight' has the shape \(5, 3\), and \(4, 3\) in"):
        run([often(tmp_path)], resume="auto", parts=make(5))
    other = nn.Sequential(nn.Linear(3, 4))
    optimizer = torch.optim.Adam(other.parameters())
    before = other[0].weight.clone()
    with pytest.raises(ResumeError, match=r"'2.weight', '2.bias' are not in the network"):
        run([often(tmp_path)], resume="auto", parts=(other, optimizer))
    assert torch.equal(other[0].weight, before)
    network, _ = make()
    halves = [{"params": network[0].parameters()}, {"params": network[2].parameters()}]
    with pytest.raises(ResumeError, match=r"another optimizer.*\[4\].*\[2, 2\]"):
        run([often(tmp_path)], resume="auto", parts=(network, torch.optim.Adam(halves)))


def test_changed_callbacks_are_told_of_or_refused(tmp_path, caplog):
    """What is new and what is gone is in the log; `strict` refuses."""
    stopping = EarlyStopping(monitor="loss", patience=9)
    interrupted(tmp_path, 9, [stopping])
    delayed = DelayCallback(EarlyStopping(monitor="loss", patience=9), epoch_delay=1)
    with pytest.raises(ResumeError, match=r"'DelayCallback' is new.*'EarlyStopping' is gone"):
        run([often(tmp_path), delayed], resume="auto", strict=True)
    interrupted(tmp_path / "b", 9, arguments={"batch_size": 4})
    with pytest.raises(ResumeError, match="`batch_size` was 4 and is 8 now"):
        run([often(tmp_path / "b")], resume="auto", strict=True, arguments={"batch_size": 8})
    with caplog.at_level(logging.INFO):
        resumed, _ = run([often(tmp_path), delayed], resume="auto")
    assert len(resumed.history) == 3
    assert "matched network, optimizer" in caplog.text
    assert "the callback 'EarlyStopping' is gone, and its state is dropped" in caplog.text


def test_nested_callbacks_keep_their_keys_when_lists_are_put_around_them(tmp_path):
    """A list within a list, such as a display adds, changes no key."""
    patient = [EarlyStopping(monitor="loss", patience=number) for number in (8, 9)]
    interrupted(tmp_path, 12, patient)
    state = load_training(tmp_path)["callbacks"]
    assert {"EarlyStopping", "EarlyStopping#2"} <= state.keys()
    fresh = [EarlyStopping(monitor="loss", patience=number) for number in (8, 9)]
    nested = CallbackList([often(tmp_path), *fresh])
    run([CallbackList([]), nested], resume="auto", strict=True)
    assert fresh[1].best < float("inf")


def test_a_path_is_loaded_without_a_saver_and_from_another_folder(tmp_path):
    """A file or a folder; what is not there or is no run is refused."""
    straight, _ = run([often(tmp_path / "a")])
    interrupted(tmp_path / "b", 9)
    assert losses(run([], resume=tmp_path / "b")[0]) == losses(straight)
    kept = sorted((tmp_path / "b").iterdir())
    branched, _ = run([often(tmp_path / "c")], resume=kept[0])
    assert losses(branched) == losses(straight)
    assert sorted((tmp_path / "b").iterdir()) == kept
    with pytest.raises(ResumeError, match="there is no saved run at"):
        run([often(tmp_path / "d")], resume=tmp_path / "nothing")
    torch.save({"weight": torch.ones(1)}, tmp_path / "weights.pt")
    with pytest.raises(ResumeError, match="not that of a run"):
        run([], resume=tmp_path / "weights.pt")


def test_a_new_training_takes_the_place_of_an_old_one(tmp_path):
    """Its first file is newer than all of the old one, whatever their epochs, which then go."""
    run([often(tmp_path)], epochs=3)
    with pytest.raises(Stop):
        run([often(tmp_path, keep=Retention(last=9))], stop_at=8, epochs=1 + 3)
    state = load_training(tmp_path)
    assert len(unpacked(state["history"])) == 1
    assert all(path.name < "checkpoint-00003" for path in tmp_path.iterdir())


def test_further_objects_and_a_second_saver(tmp_path):
    """What is handed in besides is part of the state; two savers share no folder."""

    class Counter:
        count = 0

        def state_dict(self):
            return {"count": self.count}

        def load_state_dict(self, state):
            self.count = state["count"]

    counter, fresh = Counter(), Counter()
    counter.count = 5
    interrupted(tmp_path / "a", 9, also={"counter": counter})
    run([often(tmp_path / "a")], resume="auto", also={"counter": fresh})
    assert fresh.count == 5
    with pytest.raises(TypeError, match="must have state_dict"):
        run([], also={"counter": 5})
    with pytest.raises(FatalCallbackError, match="would both write"):
        run([TrainingCheckpoint(tmp_path / "b"), often(tmp_path / "b")])


def test_what_can_never_work_is_refused_at_once(tmp_path):
    """Wrong arguments when it is made, a missing loop when training begins."""
    with pytest.raises(ValueError, match="half done"):
        TrainingCheckpoint(tmp_path, trigger=EveryEpochs(1) | OnException())
    with pytest.raises(TypeError, match="must be a Retention"):
        TrainingCheckpoint(tmp_path, keep=None)
    with pytest.raises(FatalCallbackError, match="hooks that are called by hand"):
        play(TrainingCheckpoint(tmp_path), [{"loss": 1.0}])
    with pytest.raises(ValueError, match="add a TrainingCheckpoint"):
        run([], resume="auto")
    with pytest.raises(TypeError, match='must be "auto", a path or None'):
        run([], resume=True)


def test_a_shorter_loader_is_refused(tmp_path):
    """One that ends before the place where the run was saved is another loader."""
    interrupted(tmp_path, 5)
    shorter = [(torch.ones(1, 3), torch.ones(1, 1))] * 2
    with pytest.raises(ResumeError, match="has 2 batches, and 4 of them were done"):
        run([often(tmp_path)], resume="auto", batches=shorter)


def test_what_a_killed_process_was_writing_is_removed(tmp_path):
    """Though a file of its name may never be written again; what is not ours is left alone."""
    for name in ("checkpoint-00009.pt.tmp", "notes.tmp"):
        (tmp_path / name).write_bytes(b"half")
    network = torch.nn.Linear(2, 1)
    with TrainingLoop(network, callbacks=[TrainingCheckpoint(tmp_path)]) as loop:
        for epoch in loop.epochs(1):
            for _ in epoch.train([torch.ones(1, 2)]):
                loop.log(loss=0.5)
    names = os.listdir(tmp_path)
    assert "notes.tmp" in names
    assert [name for name in names if name.endswith(".pt.tmp")] == []
