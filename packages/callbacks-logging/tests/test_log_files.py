# SPDX-License-Identifier: MIT
import errno
import os
import resource
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_logging.files import GrowingFile, SwappedFile


@pytest.fixture
def small_files():
    """Let no file of this process grow beyond 10 bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    limit(10)
    yield lambda: limit(before[0])
    limit(before[0])
    signal.signal(signal.SIGXFSZ, handler)


def test_what_the_disk_does_not_take_is_written_later(tmp_path, small_files):
    """No byte is lost, none is there twice."""
    file = GrowingFile(tmp_path / "log")
    file.open(anew=True)
    file.write(b"0123456")
    file.write(b"789abc")  # of which three fit: told by the next call
    with pytest.raises(OSError, match="File too large"):
        file.flush()
    with pytest.raises(OSError, match="File too large"):
        file.write(b"xyz")  # which is not taken
    small_files()
    file.write(b"def")
    file.close()
    assert (tmp_path / "log").read_bytes() == b"0123456789abcdef"


def swapped(folder):
    return SwappedFile(folder / "log", folder / "log.tmp")


@given(st.lists(st.lists(st.binary(max_size=9), max_size=4), max_size=6))
def test_a_swapped_file_holds_what_was_added(tmp_path_factory, parts):
    """After each flush the file holds all that was added; at the end it stands alone."""
    folder = tmp_path_factory.mktemp("swapped")
    file = swapped(folder)
    file.open(anew=True)
    content = b""
    for chunk in parts:
        for data in chunk:
            file.write(data)
            content += data
        file.flush()
        assert (folder / "log").read_bytes() == content
    file.close()
    assert os.listdir(folder) == ["log"]


def test_a_swapped_file_is_old_or_new_whatever_fails(tmp_path, monkeypatch):
    """Each system call of an addition may fail: the file is whole, and complete after the next."""
    calls = ("link", "replace", "fsync", "truncate")
    for call in calls[:3]:
        for number in (1, 2, 3):
            file = swapped(tmp_path)
            file.open(anew=True)
            file.write(b"one\n")
            file.flush()
            file.write(b"two\n")
            count = iter(range(1, 10**6))
            real = getattr(os, call)

            def failing(*arguments, real=real, count=count, number=number, **options):
                if next(count) == number:
                    raise OSError(errno.EIO, "the disk broke")
                return real(*arguments, **options)

            with monkeypatch.context() as patch:
                patch.setattr(os, call, failing)
                try:
                    file.flush()
                    failed = False
                except OSError:
                    failed = True
            assert (tmp_path / "log").read_bytes() in (b"one\n", b"one\ntwo\n")
            file.write(b"three\n")
            file.flush()
            assert (tmp_path / "log").read_bytes() == b"one\ntwo\nthree\n"
            file.close()
            assert os.listdir(tmp_path) == ["log"]
            assert failed or number > 2 or call == "link"


def test_a_file_system_without_links_gets_copies(tmp_path, monkeypatch):
    """There the file is whole at every instant too."""

    def refuse(*arguments, **options):
        raise OSError(errno.ENOTSUP, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    file = swapped(tmp_path)
    file.open(anew=True)
    for line in (b"one\n", b"two\n", b"three\n"):
        file.write(line)
        file.flush()
    file.close()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\nthree\n"
    assert os.listdir(tmp_path) == ["log"]


def test_each_addition_writes_as_much_as_it_adds(tmp_path, monkeypatch):
    """An addition costs the same however long the file is: what is new, and what was before it."""
    file = swapped(tmp_path)
    file.open(anew=True)
    written = []
    for number in range(200):
        before = os.stat(file._hidden).st_size
        file.write(b"0123456789")
        file.flush()
        written.append(os.stat(file.path).st_size - before)
        assert os.stat(file.path).st_size == 10 * (number + 1)
    file.close()
    assert set(written[1:]) == {20}


def test_what_a_killed_process_left_is_cleaned_up(tmp_path):
    """Names of an earlier process are taken over."""
    (tmp_path / "log").write_bytes(b"one\n")
    (tmp_path / "log.tmp").write_bytes(b"one\ntw")
    (tmp_path / "log.tmp~").write_bytes(b"one\n")
    file = swapped(tmp_path)
    file.open(anew=False)
    file.write(b"two\n")
    file.flush()
    file.close()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"
    assert os.listdir(tmp_path) == ["log"]
