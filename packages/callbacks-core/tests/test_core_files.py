# SPDX-License-Identifier: MIT
import errno
import os
import stat
from pathlib import Path

import pytest

from callbacks_core import (
    FatalCallbackError,
    HopelessPathError,
    as_path,
    durable_open,
    make_folder,
    probe,
    sync_folder,
)


@pytest.fixture
def syscalls(monkeypatch):
    """Write down what reaches the disk, in order: ("fsync", inode) and ("replace", names)."""
    calls = []
    fsync, replace = os.fsync, os.replace

    def recording_fsync(descriptor):
        calls.append(("fsync", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def recording_replace(source, target):
        calls.append(("replace", os.path.basename(source), os.path.basename(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "replace", recording_replace)
    return calls


def inode(path):
    return os.stat(path).st_ino


def names(folder):
    return sorted(os.listdir(folder))


def fail(code):
    def failing(*arguments, **options):
        raise OSError(code, os.strerror(code))

    return failing


def test_the_bytes_come_before_the_name_and_the_folder_comes_last(tmp_path, syscalls):
    """Write, sync the file, rename it, sync the folder: in this order and no other."""
    with durable_open(tmp_path / "a.ckpt") as file:
        file.write(b"new")
    target = tmp_path / "a.ckpt"
    assert target.read_bytes() == b"new"
    assert syscalls == [
        ("fsync", inode(target)),
        ("replace", "a.ckpt.tmp", "a.ckpt"),
        ("fsync", inode(tmp_path)),
    ]


def test_what_was_written_is_complete_when_it_is_synced(tmp_path, monkeypatch):
    """Nothing waits in a buffer of ours when the file is synced."""
    sizes = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    with durable_open(tmp_path / "a") as file:
        file.write(b"0123456789")
    assert sizes[0] == 10


def test_new_folders_are_synced_into_their_parents(tmp_path, syscalls):
    """Each folder that had to be made is entered durably in the one above."""
    with durable_open(tmp_path / "x" / "y" / "a") as file:
        file.write(b"new")
    x, y = tmp_path / "x", tmp_path / "x" / "y"
    assert set(syscalls[:2]) == {("fsync", inode(tmp_path)), ("fsync", inode(x))}
    assert syscalls[2:] == [
        ("fsync", inode(y / "a")),
        ("replace", "a.tmp", "a"),
        ("fsync", inode(y)),
    ]


def test_a_folder_that_a_probe_makes_is_there_after_a_power_cut(tmp_path, syscalls):
    """Nobody else brings its entry to disk: whoever writes into it later finds it there."""
    probe(tmp_path / "run" / "a.ckpt")
    assert syscalls == [("fsync", inode(tmp_path))]


def test_rename_durability_syncs_nothing(tmp_path, syscalls):
    """On a slow network disk one may leave the syncs out; the file is still replaced at once."""
    with durable_open(tmp_path / "x" / "a", durability="rename") as file:
        file.write(b"new")
    assert syscalls == [("replace", "a.tmp", "a")]
    assert (tmp_path / "x" / "a").read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError("no")])
def test_an_error_in_the_block_leaves_the_old_file(tmp_path, error):
    """The old bytes are there, the temporary file is not, and the error comes out."""
    target = tmp_path / "a"
    target.write_bytes(b"old")

    def save():
        with durable_open(target) as file:
            file.write(b"half of the n")
            raise error

    with pytest.raises(type(error)) as caught:
        save()
    assert caught.value is error
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_disk_error_leaves_the_old_file(tmp_path, monkeypatch, name):
    """A sync or a rename that fails leaves the old file and no temporary one."""
    target = tmp_path / "a"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, name, fail(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left"), durable_open(target) as file:
        file.write(b"new")
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_the_old_file_stays_until_the_block_ends(tmp_path):
    """Who reads in the middle of a save reads the old file whole."""
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with durable_open(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


def test_a_stale_temporary_file_is_overwritten(tmp_path):
    """What a killed process has left does not get in the way, and does not stay."""
    (tmp_path / "a.tmp").write_bytes(b"left by a process that was killed")
    with durable_open(tmp_path / "a") as file:
        file.write(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def test_text_is_utf8_wherever_it_is_written(tmp_path, monkeypatch):
    """The locale has no say; *encoding* and *newline* have."""
    monkeypatch.setenv("LC_ALL", "C")
    with durable_open(tmp_path / "a", "w") as file:
        file.write("Übung → 100 %")
    assert (tmp_path / "a").read_bytes() == "Übung → 100 %".encode()
    with durable_open(tmp_path / "b", "w", encoding="latin-1", newline="") as file:
        file.write("ü\r\n")
    assert (tmp_path / "b").read_bytes() == b"\xfc\r\n"


def test_the_temporary_file_can_be_put_elsewhere(tmp_path, syscalls):
    """A path of one's own for the temporary file is used, and cleaned up after an error."""
    temporary = tmp_path / "staged"
    with durable_open(tmp_path / "a", temporary=temporary) as file:
        assert temporary.exists()
        file.write(b"new")
    assert ("replace", "staged", "a") in syscalls
    assert names(tmp_path) == ["a"]
    with pytest.raises(ValueError, match="no"), durable_open(tmp_path / "a", temporary=temporary):
        raise ValueError("no")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("path", ["a", "x/a", "x/../a"])
def test_relative_paths_are_those_of_the_working_directory(tmp_path, monkeypatch, path):
    """A plain str without a folder will do."""
    monkeypatch.chdir(tmp_path)
    with durable_open(path) as file:
        file.write(b"new")
    assert Path(path).read_bytes() == b"new"


def test_a_folder_that_cannot_be_synced_is_let_be(tmp_path, monkeypatch):
    """Some file systems cannot sync a folder; other errors of theirs come out."""
    monkeypatch.setattr(os, "fsync", fail(errno.EINVAL))
    sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", fail(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)


def test_syncing_folders_leaks_no_descriptor(tmp_path, monkeypatch):
    """The folder is closed again, synced or not."""
    opened, closed = [], []
    real_open, real_close = os.open, os.close

    def recording_open(*arguments, **options):
        opened.append(real_open(*arguments, **options))
        return opened[-1]

    def recording_close(descriptor):
        closed.append(descriptor)
        real_close(descriptor)

    monkeypatch.setattr(os, "open", recording_open)
    monkeypatch.setattr(os, "close", recording_close)
    sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", fail(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)
    assert len(opened) == 2
    assert closed == opened


@pytest.mark.parametrize("mode", ["a", "r", "rb", "x", "r+b"])
def test_a_mode_that_does_not_write_anew_is_refused(tmp_path, mode):
    """Appending to a file that is replaced as a whole makes no sense."""
    with (
        pytest.raises(ValueError, match=r"^`mode` must be one of 'wb', .*, not "),
        durable_open(tmp_path / "a", mode),
    ):
        pass
    assert names(tmp_path) == []


def test_an_unknown_durability_is_refused(tmp_path):
    """The message names the two there are."""
    with (
        pytest.raises(
            ValueError, match=r"^`durability` must be one of 'fsync', 'rename', not 'no'"
        ),
        durable_open(tmp_path / "a", durability="no"),
    ):
        pass


def test_a_folder_that_is_there_is_no_error(tmp_path):
    """Making a folder twice is making it once; a file in its place is an error."""
    make_folder(tmp_path / "x" / "y")
    make_folder(tmp_path / "x" / "y")
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file")


@pytest.mark.parametrize("name", ["a", "x/y/a"])
def test_a_probe_makes_the_folder_and_leaves_nothing_else(tmp_path, name):
    """A path that can be written is found to be so, and no file is left there."""
    target = tmp_path / name
    probe(str(target))
    assert names(target.parent) == []


def test_a_probe_leaves_a_file_as_it_is(tmp_path):
    """An existing file keeps its bytes and its time."""
    target = tmp_path / "a"
    target.write_bytes(b"old")
    os.utime(target, (1, 1))
    probe(target)
    assert target.read_bytes() == b"old"
    assert target.stat().st_mtime == 1
    assert names(tmp_path) == ["a"]


def test_a_probe_removes_a_stale_temporary_file(tmp_path):
    """What a killed process has left is gone after a probe."""
    (tmp_path / "a.tmp").write_bytes(b"stale")
    probe(tmp_path / "a")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "it is a folder"),
        ("file/a", "'{folder}/file' is a file where a folder should be"),
        ("file/x/a", "Not a directory"),
        ("n" * 300, "File name too long"),
        ("m" * 300 + "/a", "File name too long"),
        ("occupied", "Is a directory"),
    ],
)
def test_a_hopeless_path_is_refused(tmp_path, name, reason):
    """A folder, a file in the place of a folder, a name too long: the reason and path are told."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "occupied.tmp").mkdir()
    (tmp_path / "file").touch()
    before = names(tmp_path)
    with pytest.raises(HopelessPathError) as caught:
        probe(tmp_path / name)
    assert caught.value.strerror == f"cannot be written ({reason.format(folder=tmp_path)})"
    assert caught.value.filename == str(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert names(tmp_path) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_found_by_a_probe(tmp_path):
    """A disk without room for one byte is refused, and the trial file is gone."""
    (tmp_path / "a.tmp").symlink_to("/dev/full")
    with pytest.raises(HopelessPathError, match=r"cannot be written \(No space left on device\)"):
        probe(tmp_path / "a")
    assert names(tmp_path) == []


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that takes no files")
def test_a_folder_that_takes_no_files_is_refused():
    """Where nobody may write, not even root, the probe says so."""
    with pytest.raises(HopelessPathError, match="cannot be written"):
        probe("/proc/self/callbacks/a")


def test_a_hopeless_path_is_fatal_and_an_os_error():
    """No failure policy swallows it, and `except OSError` catches it."""
    assert issubclass(HopelessPathError, FatalCallbackError)
    assert issubclass(HopelessPathError, OSError)


@pytest.mark.parametrize("value", ["a/b.csv", Path("a/b.csv")])
def test_a_path_is_a_str_or_a_path(value):
    """Both become a `Path`."""
    assert as_path("filename", value) == Path("a/b.csv")


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (None, TypeError, "`filename` must be a str or a path, not None"),
        (3, TypeError, "`filename` must be a str or a path, not 3"),
        (b"a", TypeError, "`filename` must be a str or a path, not b'a'"),
        ("", ValueError, "`filename` must not be empty"),
    ],
)
def test_what_is_no_path_is_refused(value, kind, message):
    """The message names the argument."""
    with pytest.raises(kind, match=f"^{message}$"):
        as_path("filename", value)


def test_a_bytes_path_is_refused():
    """A path object made of bytes is no text."""

    class Bytes(os.PathLike):
        def __fspath__(self):
            return b"a"

    with pytest.raises(TypeError, match="`filename` must be a str path, not bytes"):
        as_path("filename", Bytes())


def test_a_new_file_has_ordinary_permissions(tmp_path):
    """A file that was written durably can be read by those who can read any new file."""
    with durable_open(tmp_path / "a") as file:
        file.write(b"new")
    (tmp_path / "b").touch()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "b").stat().st_mode
    )
