# SPDX-License-Identifier: MIT
import errno
import logging
import math
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callbacks_checkpoint import (
    EveryBatches,
    EveryEpochs,
    PeriodicSaveCallback,
    Retention,
    SavedFile,
    SaveFailedError,
)
from callbacks_checkpoint._links import point
from callbacks_core import Callback, HopelessPathError
from callbacks_core.testing import play


class Text(PeriodicSaveCallback):
    """Writes the epoch; remembers what was restored."""

    restored = None

    def save_file(self, fd, epoch_number, logs):
        fd.write(str(epoch_number).encode())

    def restore(self, fd):
        self.restored = fd.read()


def losses(*values):
    return [{"val_loss": value} for value in values]


def names(folder):
    return sorted((path.name for path in Path(folder).iterdir()), key=lambda n: (len(n), n))


def series(*values):
    return [SavedFile(str(epoch), epoch, None, value) for epoch, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("rule", "mode", "expected"),
    [
        (Retention(best=2), "min", [2, 4]),
        (Retention(best=2), "max", [1, 6]),
        (Retention(best=99), "min", [1, 2, 4, 5, 6]),
        (Retention(last=2), "min", [5, 6]),
        (Retention(every=3), "min", [3, 6]),
        (Retention(pinned={1, 77}), "min", [1]),
        (Retention(best=1, last=1, every=5, pinned=[3]), "min", [2, 3, 5, 6]),
    ],
    ids=range(7),
)
def test_a_file_stays_if_any_rule_wants_it(rule, mode, expected):
    """Of equal values the older is better; NaN is never among the best."""
    files = series(9, 1, math.nan, 1, 5, 9)
    assert [file.epoch for file in rule.kept(files, mode)] == expected


def test_what_was_saved_within_an_epoch_is_neither_in_turn_nor_pinned():
    """The end of the epoch is meant."""
    files = [SavedFile("a", 2, 5), SavedFile("b", 2), SavedFile("c", 4, 1)]
    assert Retention(every=2, pinned={4}).kept(files, "min") == [files[1]]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (Retention(best=2), ["3", "5"]),
        (Retention(last=2), ["5", "6"]),
        (Retention(best=1, last=1, every=4, pinned=[2]), ["2", "4", "5", "6"]),
    ],
    ids=range(3),
)
def test_what_is_not_wanted_is_removed(tmp_path, keep, expected):
    """After the training there is what the rules want, and nothing else."""
    play(Text(tmp_path / "{epoch}", keep=keep), losses(6, 5, 3, 4, 2, 7))
    assert names(tmp_path) == expected


def test_only_the_best_are_saved_and_only_some_of_them_kept(tmp_path):
    """The rules go with `save_best_only`."""
    saver = Text(tmp_path / "{epoch}", keep=Retention(best=2), save_best_only=True)
    play(saver, losses(5, 4, 9, 3, 2, 6))
    assert names(tmp_path) == ["4", "5"]


def test_the_old_goes_when_the_new_is_there_and_the_epoch_over(tmp_path):
    """Within an epoch, after the next save."""
    seen = []

    class Look(Callback):
        def on_batch_settled(self, batch_number, logs):
            seen.append(names(tmp_path))

        def on_settled(self, epoch_number, logs):
            seen.append(names(tmp_path))

    trigger = EveryBatches(1) | EveryEpochs()
    saver = Text(tmp_path / "{epoch}-{batch}", trigger=trigger, keep=Retention(last=1))
    play([saver, Look()], losses(1, 1), batches=2)
    assert seen == [["1-1"], ["1-2"], ["1-2"], ["2-1"], ["2-2"], ["2-2"]]
    seen.clear()
    saver = Text(tmp_path / "{epoch}", keep=Retention(last=1))
    play([saver, Look()], losses(1, 1), batches=1)
    assert [[name for name in there if "-" not in name] for there in seen] == [
        [],
        ["1"],
        ["1"],
        ["1", "2"],
    ]


def test_the_last_file_stays_whatever_the_rules_say(tmp_path):
    """Rules that want none of what there is would leave nothing to go on from."""
    play(Text(tmp_path / "{epoch}", keep=Retention(every=10)), losses(3, 2, 1))
    assert names(tmp_path) == ["3"]
    play(Text(tmp_path / "n{epoch}", keep=Retention(best=1)), losses(math.nan, math.nan))
    assert names(tmp_path) == ["3", "n2"]


def test_a_kept_file_that_somebody_removed_does_not_cost_the_last_one(tmp_path):
    """What is removed is decided by what is there."""

    class Lose(Callback):
        def on_settled(self, epoch_number, logs):
            if epoch_number == 3:
                (tmp_path / "1").unlink()

    play([Text(tmp_path / "{epoch}", keep=Retention(best=1)), Lose()], losses(1, 2, 3))
    assert names(tmp_path) == ["3"]


def test_the_best_of_those_that_were_kept_is_restored(tmp_path):
    """Saving every epoch and restoring the best need not exclude each other."""
    saver = Text(tmp_path / "{epoch}", keep=Retention(best=1, last=1), restore_best=True)
    play(saver, losses(3, 1, 2))
    assert saver.restored == b"2"
    assert (saver.best_filename, saver.current_best) == (str(tmp_path / "2"), 1)


def test_second_names_follow_the_best_and_the_newest(tmp_path):
    """They are files like any other, and stay when the file's own name goes."""
    seen = []

    class Look(Callback):
        def on_epoch_begin(self, epoch_number, logs):
            links = [tmp_path / name for name in ("best.pt", "last.pt")]
            seen.append([link.read_text() for link in links if link.exists()])

    saver = Text(
        tmp_path / "series" / "{epoch}",
        keep=Retention(last=1),
        best_link=tmp_path / "best.pt",
        last_link=str(tmp_path / "last.pt"),
    )
    play([saver, Look()], losses(3, 1, 2))
    assert seen == [[], ["1", "1"], ["2", "2"]]
    assert (tmp_path / "best.pt").read_text() == "2"
    assert (tmp_path / "last.pt").read_text() == "3"
    assert names(tmp_path / "series") == ["2", "3"]
    assert names(tmp_path) == ["series", "best.pt", "last.pt"]


@pytest.mark.parametrize("link", ["best_link", "last_link"])
def test_a_second_name_that_can_never_be_given_is_refused_before_the_first_batch(tmp_path, link):
    """Here a file stands where its folder should."""
    (tmp_path / "file").write_text("in the way")
    saver = Text(tmp_path / "{epoch}", **{link: tmp_path / "file" / "best"})
    with pytest.raises(HopelessPathError, match="cannot be written"):
        play(saver, losses(1))
    assert names(tmp_path) == ["file"]


def test_a_name_changes_over_at_a_stroke(tmp_path, monkeypatch):
    """Temporary link, replacement, sync of the folder; a failure leaves the old one."""
    for name in "ab":
        (tmp_path / name).write_text(name)
    link = tmp_path / "link"
    point(str(link), str(tmp_path / "a"))
    point(str(link), str(tmp_path / "a"))
    assert names(tmp_path) == ["a", "b", "link"]
    assert os.path.samefile(link, tmp_path / "a")

    def refuse(*arguments):
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(OSError, match="no"):
            point(str(link), str(tmp_path / "b"))
    assert names(tmp_path) == ["a", "b", "link"]
    assert link.read_text() == "a"
    (tmp_path / "link.tmp").write_text("left by a killed process")
    point(str(link), str(tmp_path / "b"))
    assert link.read_text() == "b"
    assert names(tmp_path) == ["a", "b", "link"]


def test_without_hard_links_the_second_name_is_a_copy(tmp_path, monkeypatch):
    """Such as on FAT."""

    def refuse(*arguments):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    saver = Text(tmp_path / "{epoch}", last_link=tmp_path / "last")
    play(saver, losses(1, 1))
    assert (tmp_path / "last").read_text() == "2"
    assert names(tmp_path) == ["1", "2", "last"]


def test_a_second_name_that_cannot_be_given_is_told_of_and_nothing_is_removed(
    tmp_path, monkeypatch, caplog
):
    """Training goes on, and the next epoch tries again."""
    real, refusals = os.replace, [1]

    def refuse_once(source, target):
        if refusals and str(target).endswith("best"):
            refusals.pop()
            raise OSError(errno.EIO, "cannot replace")
        real(source, target)

    monkeypatch.setattr(os, "replace", refuse_once)
    saver = Text(tmp_path / "{epoch}", keep=Retention(last=1), best_link=tmp_path / "best")
    play(saver, losses(3, 2, 1))
    assert "cannot replace" in caplog.text
    assert names(tmp_path) == ["3", "best"]


def test_a_second_name_that_is_wrong_at_the_end_is_an_error(tmp_path, monkeypatch):
    """And does not keep the best file from being restored."""
    real = os.replace

    def refuse(source, target):
        if str(target).endswith("best"):
            raise OSError(errno.EIO, "cannot replace", str(source), None, str(target))
        real(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    options = {"keep": Retention(best=1), "restore_best": True, "best_link": tmp_path / "best"}
    saver = Text(tmp_path / "{epoch}", **options)
    message = r"the last save failed: '.*best' could not be written at the end of training"
    with pytest.raises(SaveFailedError, match=message):
        play(saver, losses(3, 2))
    assert saver.restored == b"2"


def test_what_a_killed_run_saved_later_is_replaced_or_removed(tmp_path):
    """No orphans; files of other names, or of no number, are nobody's business."""
    options = {"keep": Retention(last=2), "trigger": EveryBatches(2)}
    first = Text(tmp_path / "w-{epoch}-{batch}", **options)
    states = {}

    class Keep(Callback):
        def on_settled(self, epoch_number, logs):
            states[epoch_number] = pickle.dumps(first.state_dict())

    play([first, Keep()], losses(1, 1, 1), batches=5)
    for stranger in ("w-9-x", "v-9-2", "w-9-2.bak", "w-1-1"):
        (tmp_path / stranger).write_text("not ours")
    (tmp_path / "w-9-2").write_text("left by a killed run")
    second = Text(tmp_path / "w-{epoch}-{batch}", **options)
    second.load_state_dict(pickle.loads(states[1]))
    play(second, losses(1), batches=5, initial_epoch=2)
    strangers = ["v-9-2", "w-1-1", "w-9-x", "w-9-2.bak"]
    assert names(tmp_path) == sorted([*strangers, "w-2-3", "w-2-5"], key=lambda n: (len(n), n))


def test_a_new_training_leaves_the_files_of_another_alone(tmp_path):
    """Only what is resumed takes over what it finds."""
    (tmp_path / "7").write_text("of another training")
    play(Text(tmp_path / "{epoch}", keep=Retention(last=1)), losses(1, 1))
    assert names(tmp_path) == ["2", "7"]


def test_a_best_file_that_is_gone_gives_way_to_the_best_of_the_rest(tmp_path, caplog):
    """Its value holds up nobody any more."""
    first = Text(tmp_path / "{epoch}", save_best_only=True)
    play(first, losses(1))
    (tmp_path / "1").unlink()
    second = Text(tmp_path / "{epoch}", save_best_only=True)
    second.load_state_dict(first.state_dict())
    assert second.current_best == 1
    play(second, losses(5), initial_epoch=2)
    assert names(tmp_path) == ["2"]
    assert second.current_best == 5
    assert f"the best checkpoint {str(tmp_path / '1')!r} is gone" in caplog.text


RULES = st.builds(
    lambda best, last, every, pinned: (
        Retention(best=best, last=last, every=every, pinned=pinned)
        if best or last or every or pinned
        else Retention(best=1)
    ),
    best=st.integers(0, 3),
    last=st.integers(0, 3),
    every=st.one_of(st.none(), st.integers(1, 3)),
    pinned=st.sets(st.integers(1, 9), max_size=2),
)
VALUES = st.one_of(st.floats(-5, 5), st.just(math.nan))


class Watch(Callback):
    """Insists that there is always something to go on from, and keeps every state."""

    def __init__(self, folder, saver, states, kill_after):
        self.folder, self.saver, self.states, self.kill_after = folder, saver, states, kill_after

    def look(self):
        there = any(path.name.isdecimal() for path in self.folder.iterdir())
        assert there or "some" not in self.states
        if there:
            self.states["some"] = True

    def on_epoch_begin(self, epoch_number, logs):
        self.look()

    def on_settled(self, epoch_number, logs):
        self.look()
        self.states[epoch_number] = pickle.dumps(self.saver.state_dict())
        if epoch_number == self.kill_after:
            raise KeyboardInterrupt

    def on_train_end(self, logs):
        self.look()


@pytest.fixture
def quiet():
    """No warnings of files that are gone: there are thousands."""
    logger = logging.getLogger("callbacks_checkpoint")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(VALUES, min_size=2, max_size=9),
    keep=RULES,
    mode=st.sampled_from(["min", "max"]),
    best_only=st.booleans(),
    data=st.data(),
)
def test_kills_and_old_states_cost_no_good_file(
    quiet, tmp_path_factory, values, keep, mode, best_only, data
):
    """Killed after any epoch, resumed from the state of any earlier one, any number of times: there
    is always a file; none is left over; the best name leads to the best of those in the books;
    and when each state is the newest, the end is that of the uninterrupted run."""
    folder = tmp_path_factory.mktemp("killed")
    options = {"keep": keep, "mode": mode, "save_best_only": best_only, "best_link": folder / "b"}
    states, start, newest_only = {}, 1, True
    for _ in range(data.draw(st.integers(0, 3), label="kills")):
        kill = data.draw(st.integers(start, len(values)), label="killed after")
        saver = Text(folder / "{epoch}", **options)
        if start > 1:
            saver.load_state_dict(pickle.loads(states[start - 1]))
        with pytest.raises(KeyboardInterrupt):
            play(
                [saver, Watch(folder, saver, states, kill)],
                losses(*values[start - 1 :]),
                initial_epoch=start,
            )
        resume = data.draw(st.integers(start, kill), label="resumed from")
        start = resume + 1
        if resume < kill:  # what is trained again need not come out the same
            newest_only = False
            again = len(values) - resume
            values[resume:] = data.draw(st.lists(VALUES, min_size=again, max_size=again))
        if start > len(values):
            break
    saver = Text(folder / "{epoch}", **options)
    if start > 1:
        saver.load_state_dict(pickle.loads(states[start - 1]))
    play(
        [saver, Watch(folder, saver, states, None)],
        losses(*values[start - 1 :]),
        initial_epoch=start,
    )
    there = {path.name for path in folder.iterdir() if path.name.isdecimal()}
    books = {os.path.basename(file.path) for file in saver._saves.ledger._files}
    assert there == books
    saved = not best_only or any(not math.isnan(value) for value in values)
    assert there or not saved
    valued = {n: values[int(n) - 1] for n in there if not math.isnan(values[int(n) - 1])}
    if saver.best_filename is not None:
        best = (min if mode == "min" else max)(valued.values())
        assert saver.current_best == best == values[int((folder / "b").read_text()) - 1]
    if newest_only:
        straight_folder = tmp_path_factory.mktemp("straight")
        options["best_link"] = straight_folder / "b"
        straight = Text(straight_folder / "{epoch}", **options)
        play(straight, losses(*values))
        assert {path.name for path in straight_folder.iterdir()} == {
            path.name for path in folder.iterdir()
        }


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Retention(), ValueError, "nothing would be kept: give `best`, `last`, `every`"),
        (lambda: Retention(best=-1), ValueError, "`best` must be at least 0, not -1"),
        (lambda: Retention(last=1.5), TypeError, "`last` must be a whole number, not 1.5"),
        (lambda: Retention(every=0), ValueError, "`every` must be at least 1, not 0"),
        (lambda: Retention(pinned=3), TypeError, "`pinned` must be a set of epoch numbers, not 3"),
        (lambda: Retention(pinned="3"), TypeError, "`pinned` must be a set of epoch numbers"),
        (lambda: Retention(pinned=["3"]), TypeError, "`pinned` must be a whole number, not '3'"),
        (lambda: Text("{epoch}", keep=3), TypeError, "`keep` must be a Retention, such as"),
        (lambda: Text("a", keep=Retention(last=1)), ValueError, "`keep` needs a field in"),
        (
            lambda: Text(
                "{epoch}", keep=Retention(last=1), save_best_only=True, keep_only_last_best=True
            ),
            ValueError,
            "give `keep_only_last_best` or `keep`, not both",
        ),
        (
            lambda: Text("{epoch}", keep=Retention(last=1), restore_best=True),
            ValueError,
            "`restore_best=True` needs `save_best_only=True`, or `keep=Retention(best=...)`",
        ),
        (lambda: Text("a", best_link="a"), ValueError, "`best_link` must not be `filename` itself"),
        (lambda: Text("a", last_link=3), TypeError, "`last_link` must be a str or a path, not 3"),
        (
            lambda: Text("a", last_link="b", atomic_write=False),
            ValueError,
            "`last_link` needs `atomic_write=True`: a file that is written in place",
        ),
    ],
    ids=range(14),
)
def test_rules_that_make_no_sense_are_refused_at_once(make, error, message):
    """Each message says what was wrong, what was expected and what came."""
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(message)
