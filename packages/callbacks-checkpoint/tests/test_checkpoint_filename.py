# SPDX-License-Identifier: MIT
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_checkpoint import ModelCheckpoint, PeriodicSaveCallback
from callbacks_core import FatalCallbackError, HopelessPathError, MissingMetricError, SimpleModel
from callbacks_core.testing import play


class Text(PeriodicSaveCallback):
    """Writes the number of the epoch."""

    def save_file(self, fd, epoch_number, logs):
        fd.write(str(epoch_number).encode())


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("weights.{epoch:02d}-{val_loss:.2f}.txt", "weights.01-0.55.txt"),
        ("{epoch}/{val_loss:.1e}/{epoch}.pt", "1/5.5e-01/1.pt"),
        ("{{literal}}-{epoch}", "{literal}-1"),
        ("{val_loss!r:>6}", "  0.55"),
        ("{val_loss:.{epoch}f}", "0.6"),
        ("{a metric}", "7"),
        ("plain", "plain"),
    ],
)
def test_fields_are_filled_from_the_epoch_and_its_logs(tmp_path, filename, expected):
    """The whole format language works, in folders as well, and missing folders are made."""
    play(
        Text(tmp_path / filename),
        [{"val_loss": 0.554 if ".2f" in filename else 0.55, "a metric": 7}],
    )
    assert files(tmp_path) == [expected]


@pytest.mark.parametrize("kind", [str, Path])
def test_a_filename_is_a_str_or_a_path(tmp_path, kind):
    """Either makes the same file; the name is kept as it was given."""
    saver = Text(kind(tmp_path / "a" / "b.txt"))
    play(saver, [{}])
    assert (tmp_path / "a" / "b.txt").read_text() == "1"
    assert saver.filename == str(tmp_path / "a" / "b.txt")


@pytest.mark.parametrize(
    ("filename", "error", "message"),
    [
        ("", ValueError, "`filename` must not be empty"),
        (3, TypeError, "`filename` must be a str or a path, not 3"),
        (b"name", TypeError, "`filename` must be a str or a path, not b'name'"),
        ("a{", ValueError, "`filename` 'a{' is no valid template: "),
        ("a}", ValueError, "`filename` 'a}' is no valid template: "),
        ("{}", ValueError, "`filename` '{}' has a field without a name; write {epoch}, or"),
        ("{0}", ValueError, "`filename` '{0}' has a field without a name"),
        ("{loss:{}}", ValueError, "`filename` '{loss:{}}' has a field without a name"),
        (
            "{epoch.real}",
            ValueError,
            "`filename` '{epoch.real}' has the field 'epoch.real'; a field is the plain name",
        ),
        ("{loss[0]}", ValueError, "`filename` '{loss[0]}' has the field 'loss[0]'; a field is"),
        ("{loss:.2q}", ValueError, "`filename` '{loss:.2q}': no number fits the field 'loss': "),
        ("{loss!x}", ValueError, "`filename` '{loss!x}': no number fits the field 'loss': "),
    ],
)
def test_a_bad_filename_is_refused_at_once(filename, error, message):
    """What can be known at construction is said there."""
    with pytest.raises(error) as caught:
        ModelCheckpoint(filename)
    assert str(caught.value).startswith(message)


@given(st.text("{}epoch.![]:0d", max_size=12))
def test_a_template_is_refused_at_once_or_can_be_filled(filename):
    """No text made of braces passes the constructor and fails on the epochs."""
    from callbacks_checkpoint._filename import FilenameTemplate

    try:
        template = FilenameTemplate(filename)
    except ValueError:
        return
    logs = dict.fromkeys(template.fields, 1)
    assert isinstance(template.path(1, logs), str)
    assert isinstance(template.trial_path(), Path)


def test_a_missing_field_ends_the_run_with_its_near_miss(tmp_path):
    """At the first epoch, even one that would not be saved; the names there are are listed."""
    saver = Text(tmp_path / "{val_los}", period=5)
    with pytest.raises(
        MissingMetricError, match=r"field 'val_los', which.*'epoch'.*mean 'val_loss'\?"
    ):
        play(saver, [{"val_loss": 1.0}])


def test_a_value_that_does_not_fit_ends_the_run(tmp_path):
    """A format for whole numbers is right for some values only."""
    with pytest.raises(FatalCallbackError, match=r"cannot be filled with \{'loss': 0.5\}: Unknown"):
        play(Text(tmp_path / "{loss:d}"), [{"loss": 0.5}])


def hopeless_file_as_folder(folder):
    (folder / "file").write_text("")
    return folder / "file" / "{epoch}.pt"


def hopeless_folder_as_file(folder):
    (folder / "folder").mkdir()
    return folder / "folder"


def hopeless_long_name(folder):
    return folder / f"{'n' * 300}-{{epoch}}.pt"


@pytest.mark.parametrize(
    "make", [hopeless_file_as_folder, hopeless_folder_as_file, hopeless_long_name]
)
def test_a_hopeless_path_is_refused_before_the_first_batch(tmp_path, make):
    """The literal part of the name is tried when training begins."""
    path = make(tmp_path)
    before = files(tmp_path)
    saver = ModelCheckpoint(path)
    model = SimpleModel(torch.nn.Linear(1, 1))
    with pytest.raises(HopelessPathError, match="cannot be written"):
        play(saver, [{}], model=model)
    with pytest.raises(HopelessPathError, match="cannot be written"):
        play(Text(tmp_path / "fine", temporary_filename=str(path).format(epoch=1)), [{}])
    assert files(tmp_path) == before


@pytest.mark.parametrize("filename", ["a/b/{epoch}.pt", "a/{epoch}/w.pt", "{epoch}/a", "w.pt"])
def test_trying_a_path_leaves_nothing(tmp_path, filename):
    """No file is left by the trial, and none that is there is touched."""
    (tmp_path / "w.pt").write_text("mine")
    Text(tmp_path / filename).on_train_begin({})
    assert files(tmp_path) == ["w.pt"]
    assert (tmp_path / "w.pt").read_text() == "mine"
    assert not (tmp_path / "1").exists()
