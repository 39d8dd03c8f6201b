# SPDX-License-Identifier: MIT
import io
import math
import os
import pickle
import random
import threading
import zipfile
import zlib
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_checkpoint import (
    DamagedCheckpointError,
    UnsafeCheckpointError,
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
    verify_checkpoint,
    write_checkpoint,
)
from callbacks_checkpoint._checksum import Checksum, checksum_of_end
from callbacks_checkpoint._follower import Follower
from callbacks_checkpoint.sealing import SealingWriter

STATE = {"weight": torch.arange(300.0), "deep": [{"epoch": 3, "name": "λ"}, (None, True, 0.5)]}


def sealed(state=STATE):
    file = io.BytesIO()
    write_checkpoint(state, file)
    return file.getvalue()


def plain(state=STATE, **options):
    file = io.BytesIO()
    torch.save(state, file, **options)
    return file.getvalue()


def same(first, second):
    return torch.equal(first["weight"], second["weight"]) and first["deep"] == second["deep"]


def test_what_is_saved_is_loaded(tmp_path):
    """In a folder that is made, by a str or a path, and with nothing beside it."""
    path = tmp_path / "new" / "state.pt"
    save_checkpoint(STATE, path)
    assert same(load_checkpoint(str(path)), STATE)
    assert verify_checkpoint(path).verdict == "whole"
    assert os.listdir(path.parent) == ["state.pt"]


@pytest.mark.parametrize("mmap", [False, True])
def test_torch_alone_reads_it(tmp_path, mmap):
    """The seal is a comment of the zip archive, which other readers skip."""
    path = tmp_path / "state.pt"
    save_checkpoint(STATE, path)
    assert same(torch.load(path, weights_only=True, mmap=mmap), STATE)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.comment.startswith(b"callbacks-checkpoint {} crc32 ")


def test_a_seal_tells_what_the_file_is(tmp_path):
    """Whatever the text; even that of the mark which readers of archives look for."""
    about = {"epoch": 3, "value": 0.25, "name": "λ PK\5\6", "nothing": math.inf}
    path = tmp_path / "state.pt"
    save_checkpoint(STATE, path, about=about)
    assert verify_checkpoint(path) == ("whole", about)
    assert same(torch.load(path, weights_only=True), STATE)
    with pytest.raises(ValueError, match="`about` is too long for a seal: 70011 bytes"):
        save_checkpoint(STATE, path, about={"long": 70_000 * "x"})
    assert same(load_checkpoint(path), STATE)


def test_a_seal_adds_only_itself():
    """The archive before it is byte for byte that of `torch.save`, but for the comment's length."""
    content, expected = sealed(), plain()
    assert content[: len(expected) - 2] == expected[:-2]
    assert len(content) == len(expected) + len(b"callbacks-checkpoint {} crc32 ") + 8


def test_every_flipped_byte_is_noticed():
    """Wherever in the file: headers, weights, directory, seal."""
    content = sealed()
    dice = random.Random(0)
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << dice.randrange(8)
        with pytest.raises(DamagedCheckpointError):
            read_checkpoint(io.BytesIO(damaged))


def test_every_truncation_is_noticed():
    """To whatever length, none included."""
    content = sealed()
    for length in range(len(content)):
        with pytest.raises(DamagedCheckpointError):
            read_checkpoint(io.BytesIO(content[:length]))


def test_a_torn_page_is_noticed():
    """A block that was never written, or stems from another file, or comes twice."""
    content = sealed({**STATE, "weight": torch.randn(20_000)})
    for start in range(0, len(content) - 4096, 4096):
        rest = content[start + 4096 :]
        for block in (bytes(4096), os.urandom(4096), b"", 2 * content[start : start + 4096]):
            with pytest.raises(DamagedCheckpointError):
                read_checkpoint(io.BytesIO(content[:start] + block + rest))


@pytest.mark.parametrize("size", [100, 262_144, 300_000, 3_000_000])
def test_a_large_file_is_sealed_like_a_small_one(tmp_path, size):
    """The hash made beside the writing is that of the bytes, wherever the writes fall."""
    state = {"weight": torch.randn(size), "deep": [torch.randn(size // 2), torch.randn(3)]}
    path = tmp_path / "state.pt"
    save_checkpoint(state, path)
    assert verify_checkpoint(path).verdict == "whole"
    assert torch.equal(load_checkpoint(path)["weight"], state["weight"])
    content = bytearray(path.read_bytes())
    for place in (size, len(content) // 2, len(content) - 500):
        content[place] ^= 16
        path.write_bytes(content)
        with pytest.raises(DamagedCheckpointError, match="check sum"):
            verify_checkpoint(path)
        content[place] ^= 16


def test_the_hash_of_a_large_file_is_made_without_a_file_to_read_back():
    """A buffer in memory is sealed as well."""
    assert read_checkpoint(io.BytesIO(sealed({"a": torch.ones(400_000)})))["a"].sum() == 400_000


def test_short_writes_lose_nothing(tmp_path):
    """A raw file may take less than it is given."""

    class Short(io.FileIO):
        def write(self, data):
            return super().write(memoryview(data)[: max(1, len(data) // 2)])

    path = tmp_path / "state.pt"
    with Short(path, "wb") as file:
        write_checkpoint({"a": torch.ones(500_000)}, file)
    assert verify_checkpoint(path).verdict == "whole"


def test_a_failed_write_leaves_no_thread_and_no_descriptor(tmp_path):
    """Nor the file."""

    class Full(io.FileIO):
        def write(self, data):
            if self.tell() > 5_000_000:
                raise OSError(28, "No space left on device")
            return super().write(data)

    def descriptors():
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    threads, before = threading.active_count(), descriptors()
    state = [torch.ones(600_000) for _ in range(4)]
    with pytest.raises(OSError, match="No space"), Full(tmp_path / "state.pt", "wb") as file:
        write_checkpoint(state, file)
    assert threading.active_count() == threads
    assert descriptors() == before


@given(st.binary(max_size=200), st.binary(max_size=3000), st.integers(0, 300))
def test_the_check_sum_of_an_end_follows_from_those_of_the_whole(before, block, times):
    """Of however many bytes."""
    end = times * block
    whole = zlib.crc32(before + end)
    assert checksum_of_end(zlib.crc32(before), whole, len(end)) == zlib.crc32(end)


def test_what_cannot_be_read_back_is_an_error(tmp_path):
    """A file that somebody shortens while it is written gets no wrong seal."""
    path = tmp_path / "state.pt"
    path.write_bytes(bytes(10))
    follower = Follower(os.open(path, os.O_RDONLY), 0, Checksum())
    follower.written(100)
    with pytest.raises(OSError, match="the file ends at byte 10 of 100"):
        follower.finish()


def test_only_an_archive_can_be_sealed():
    """Anything else would carry the seal where its reader trips over it."""
    writer = SealingWriter(io.BytesIO())
    writer.write(b"text")
    with pytest.raises(ValueError, match="only a zip archive without a comment can be sealed"):
        writer.finish()


def test_a_file_of_plain_torch_is_loaded_unverified(tmp_path):
    """Of today's format or of the one before it."""
    path = tmp_path / "state.pt"
    for new in (True, False):
        path.write_bytes(plain(_use_new_zipfile_serialization=new))
        assert verify_checkpoint(path).verdict == "unverified"
        assert same(load_checkpoint(path), STATE)


def test_a_plain_file_without_check_sums_is_loaded(tmp_path):
    """torch can be told to leave them out."""
    path = tmp_path / "state.pt"
    torch.serialization.set_crc32_options(False)
    try:
        path.write_bytes(plain())
    finally:
        torch.serialization.set_crc32_options(True)
    assert same(load_checkpoint(path), STATE)


def test_a_flipped_bit_in_the_weights_of_a_plain_file_is_noticed():
    """torch.load would not; the check sums are in the archive all the same."""
    content = plain()
    weights = bytes(STATE["weight"].untyped_storage())
    start = content.index(weights)
    for place in range(start, start + len(weights), 7):
        damaged = bytearray(content)
        damaged[place] ^= 1
        with pytest.raises(DamagedCheckpointError, match="archive is broken: Bad CRC-32"):
            read_checkpoint(io.BytesIO(damaged))
    for length in range(1, len(content), 97):
        with pytest.raises(DamagedCheckpointError):
            read_checkpoint(io.BytesIO(content[:length]))


class Hostile:
    """Something that makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("write", [sealed, plain, pickle.dumps])
def test_nothing_that_is_loaded_can_run_code(tmp_path, write):
    """A seal says that a file is whole, not who wrote it."""
    target = tmp_path / "made by the file"
    path = tmp_path / "state.pt"
    path.write_bytes(write({"weight": Hostile(target)}))
    error = DamagedCheckpointError if write is pickle.dumps else UnsafeCheckpointError
    with pytest.raises(error) as caught:
        load_checkpoint(path)
    assert not target.exists()
    if error is UnsafeCheckpointError:
        assert str(caught.value) == (
            f"the checkpoint {str(path)!r} is not safe to load: it asks for "
            f"{os.mkdir.__module__}.mkdir"
        )


def test_an_error_names_the_file_and_what_is_wrong(tmp_path):
    """It survives being sent to another process."""
    path = tmp_path / "state.pt"
    path.write_bytes(b"")
    with pytest.raises(DamagedCheckpointError) as caught:
        load_checkpoint(path)
    assert str(caught.value) == f"the checkpoint {str(path)!r} is damaged: it is empty"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    path.write_bytes(b"epoch,loss\n1,0.5\n")
    with pytest.raises(DamagedCheckpointError, match="no checkpoint"):
        load_checkpoint(path)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "absent")


def test_tied_and_odd_tensors_come_back_as_they_were(tmp_path):
    """Shared storages stay shared; so do dtypes, strides, and tensors without elements."""
    table = torch.randn(4, 3)
    state = {
        "a": table,
        "b": table.t(),
        "empty": torch.empty(0, 2),
        "scalar": torch.tensor(3, dtype=torch.int8),
        "half": torch.randn(5).bfloat16(),
    }
    save_checkpoint(state, tmp_path / "state.pt")
    loaded = load_checkpoint(tmp_path / "state.pt")
    assert all(torch.equal(loaded[name], state[name]) for name in state)
    assert all(loaded[name].dtype == state[name].dtype for name in state)
    assert loaded["a"].data_ptr() == loaded["b"].data_ptr()
    assert loaded["b"].stride() == state["b"].stride()


def test_a_save_that_fails_leaves_the_old_file(tmp_path):
    """And nothing beside it."""
    path = Path(tmp_path) / "state.pt"
    save_checkpoint({"epoch": 1}, path)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        save_checkpoint({"epoch": lambda: 2}, path)
    assert load_checkpoint(path) == {"epoch": 1}
    assert os.listdir(tmp_path) == ["state.pt"]
