# SPDX-License-Identifier: MIT
"""States that are saved in the background: what the file holds, and what training waits for."""

import copy
import errno
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import zipfile

import pytest
import torch
from torch import nn

from callbacks_checkpoint import load_checkpoint, save_checkpoint, verify_checkpoint
from callbacks_checkpoint.asynchronous import (
    AsynchronousSaver,
    ChangedTensorError,
    _archive,
    _copies,
    _early_sync,
    _snapshot,
    saver,
)
from callbacks_core import SimpleModel


@pytest.fixture
def held(monkeypatch):
    """An event that every write waits for; it is set at the end."""
    event = threading.Event()
    write = _snapshot.Snapshot.write

    def waiting(self, file, *, sync=True):
        assert event.wait(20)
        write(self, file, sync=sync)

    monkeypatch.setattr(_snapshot.Snapshot, "write", waiting)
    yield event
    event.set()


@pytest.fixture
def held_copies(monkeypatch):
    """An event that every late copy waits for; it is set at the end."""
    event = threading.Event()
    finish = _copies.Copies.finish

    def waiting(self):
        assert event.wait(20)
        finish(self)

    monkeypatch.setattr(_copies.Copies, "finish", waiting)
    yield event
    event.set()


@pytest.fixture
def model():
    """A network with weights that a step changes, and buffers that a forward pass does."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    return SimpleModel(network, torch.optim.Adam(network.parameters(), lr=0.1))


def step(model):
    model.optimizer.zero_grad()
    model.network(torch.randn(5, 4)).square().sum().backward()
    model.optimizer.step()


def state_of(model):
    return {"network": model.network.state_dict(), "optimizer": model.optimizer.state_dict()}


def kinds():
    long = torch.arange(20.0)
    return {
        "plain": torch.randn(3, 4),
        "view": long[3:9],
        "transposed": torch.arange(12).reshape(3, 4).t(),
        "expanded": torch.ones(1, 3).expand(4, 3),
        "0-dim": torch.tensor(2.5),
        "empty": torch.empty(0, 3),
        "bfloat16": torch.randn(5).bfloat16(),
        "float8": torch.randn(5).to(torch.float8_e4m3fn),
        "uint16": torch.tensor([1, 60_000], dtype=torch.uint16),
        "bool": torch.tensor([True, False]),
        "conjugate": torch.randn(3, dtype=torch.complex64).conj(),
        "parameter": nn.Parameter(torch.randn(2), requires_grad=False),
        "sparse": torch.eye(3).to_sparse(),
        "meta": torch.ones(2, device="meta"),
        "values": [1, 2.5, "x", None, (True, b"y"), {3: torch.Size([1, 2])}],
        "device": torch.device("cpu"),
        "dtype": torch.float16,
        "weights": nn.Linear(2, 2).state_dict(),
    }


def same(one, other):
    if isinstance(one, torch.Tensor):
        assert type(one) is type(other)
        assert one.dtype == other.dtype
        assert one.device == other.device
        assert one.layout == other.layout
        assert one.shape == other.shape
        assert one.requires_grad == other.requires_grad
        if one.is_meta or one.layout is not torch.strided:
            return one.is_meta or torch.equal(one.to_dense(), other.to_dense())
        assert one.stride() == other.stride()
        assert one.is_conj() == other.is_conj()
        return one.dtype == torch.float8_e4m3fn or torch.equal(one, other)
    if isinstance(one, dict):
        same_metadata = getattr(one, "_metadata", 0) == getattr(other, "_metadata", 0)
        return (
            same_metadata and list(one) == list(other) and all(same(one[k], other[k]) for k in one)
        )
    if isinstance(one, list | tuple):
        return type(one) is type(other) and all(
            same(*pair) for pair in zip(one, other, strict=True)
        )
    return one == other


@pytest.mark.parametrize("kind", sorted(kinds()))
@pytest.mark.parametrize("mmap", [False, True])
def test_the_file_holds_what_torch_save_would_have_written(tmp_path, kind, mmap):
    """Values, shapes, strides, types, sharing and order: `torch.load` gives back the same."""
    state = {kind: kinds()[kind], "again": kinds()["plain"]}
    torch.save(state, tmp_path / "plain.pt")
    background = AsynchronousSaver()
    background.save(state, tmp_path / "a.pt")
    background.close()
    assert verify_checkpoint(tmp_path / "a.pt").verdict == "whole"
    loaded = torch.load(tmp_path / "a.pt", weights_only=True, mmap=mmap)
    assert same(loaded, torch.load(tmp_path / "plain.pt", weights_only=True))
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        assert archive.testzip() is None


def test_memory_that_tensors_share_is_saved_once_and_stays_shared(tmp_path):
    """Tied weights are still tied, and a view still looks at what it is a view of."""
    weight = torch.randn(100, 100)
    state = {"encoder": weight, "decoder": weight.t(), "row": weight[7]}
    background = AsynchronousSaver()
    background.save(state, tmp_path / "a.pt")
    background.close()
    assert (tmp_path / "a.pt").stat().st_size < 1.2 * weight.nbytes
    loaded = load_checkpoint(tmp_path / "a.pt")
    loaded["encoder"][7, 3] = 42.0
    assert loaded["row"][3] == loaded["decoder"][3, 7] == 42.0


def test_a_large_file_is_whole(tmp_path):
    """Tensors of several blocks and odd sizes are in the file as they were."""
    state = {"a": torch.randn(3_000_001), "b": torch.randn(5), "c": torch.randn(1_500_000)}
    background = AsynchronousSaver()
    background.save(state, tmp_path / "a.pt")
    background.close()
    assert same(load_checkpoint(tmp_path / "a.pt"), state)


def test_archives_of_any_size_can_be_read(tmp_path, monkeypatch):
    """The 64-bit fields, which a file of more than 4 GiB needs, are what zip readers expect."""
    monkeypatch.setattr(_archive, "_LARGE", 1000)
    state = {"a": torch.randn(10), "b": torch.randn(1000), "c": torch.randn(3)}
    background = AsynchronousSaver()
    background.save(state, tmp_path / "a.pt")
    background.close()
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        assert archive.testzip() is None
        assert archive.getinfo("archive/data/1").file_size == 4000
        assert archive.getinfo("archive/data/2").extra[:2] == b"\1\0"
    assert same(load_checkpoint(tmp_path / "a.pt"), state)
    assert same(torch.load(tmp_path / "a.pt", weights_only=True, mmap=True), state)


@pytest.mark.parametrize("while_saving", ["wait", "skip", "latest"])
def test_what_changes_after_a_save_is_not_in_it(tmp_path, held, while_saving):
    """Tensors, containers and numbers are those of the moment of the call."""
    state = {"weight": torch.zeros(3), "epoch": 1, "list": [1]}
    background = AsynchronousSaver(while_saving=while_saving)
    assert background.save(state, tmp_path / "a.pt")
    state["weight"].fill_(7.0)
    state["epoch"] = 2
    state["list"].append(2)
    state["new"] = torch.ones(2)
    held.set()
    background.close()
    expected = {"weight": torch.zeros(3), "epoch": 1, "list": [1]}
    assert same(load_checkpoint(tmp_path / "a.pt"), expected)


def test_a_step_waits_for_the_copy_beside_training(tmp_path, model, held_copies):
    """With `overlap` a step comes after the copy, and the file is from before the step."""
    step(model)
    before = copy.deepcopy(state_of(model))
    background = AsynchronousSaver()
    background.save(state_of(model), tmp_path / "a.pt", overlap=model)
    stepping = threading.Thread(target=model.optimizer.step)
    stepping.start()
    stepping.join(0.1)
    assert stepping.is_alive()
    held_copies.set()
    stepping.join(20)
    assert not stepping.is_alive()
    background.close()
    assert not same(state_of(model)["network"], before["network"])
    assert same(load_checkpoint(tmp_path / "a.pt"), before)


def test_a_forward_pass_goes_on_beside_the_copy_and_changes_nothing_in_it(
    tmp_path, model, held_copies
):
    """Buffers, which forward changes, are copied at once."""
    step(model)
    before = copy.deepcopy(state_of(model))
    background = AsynchronousSaver()
    background.save(state_of(model), tmp_path / "a.pt", overlap=model)
    model.network(torch.randn(5, 4)).sum().backward()
    held_copies.set()
    background.close()
    after = state_of(model)["network"]
    assert not torch.equal(after["1.running_mean"], before["network"]["1.running_mean"])
    assert same(load_checkpoint(tmp_path / "a.pt"), before)


def test_loading_into_the_network_waits_for_the_copy(tmp_path, model, held_copies):
    """The best weights may be brought back right after a save."""
    before = copy.deepcopy(model.network.state_dict())
    others = {name: torch.zeros_like(value) for name, value in before.items()}
    background = AsynchronousSaver()
    background.save(model.network.state_dict(), tmp_path / "a.pt", overlap=model)
    loading = threading.Thread(target=model.network.load_state_dict, args=(others,))
    loading.start()
    loading.join(0.1)
    assert loading.is_alive()
    held_copies.set()
    loading.join(20)
    background.close()
    assert same(load_checkpoint(tmp_path / "a.pt"), before)


def test_a_change_behind_every_step_is_noticed(tmp_path, model, held_copies):
    """Weights that were changed by hand beside the copy are not saved; the old file stays."""
    save_checkpoint({"old": 1}, tmp_path / "a.pt")
    background = AsynchronousSaver()
    background.save(model.network.state_dict(), tmp_path / "a.pt", overlap=model)
    with torch.no_grad():
        model.network[0].weight.zero_()
    held_copies.set()
    with pytest.raises(ChangedTensorError, match="not by an optimizer's step") as caught:
        background.close()
    assert "a.pt" in caught.value.__notes__[0]
    assert load_checkpoint(tmp_path / "a.pt") == {"old": 1}
    assert os.listdir(tmp_path) == ["a.pt"]


def test_other_memory_beside_a_save_is_noticed(tmp_path, model, held_copies):
    """A tensor whose memory was exchanged is not saved half old, half new."""
    weights = model.network.state_dict()
    background = AsynchronousSaver()
    background.save(weights, tmp_path / "a.pt", overlap=model)
    weights["0.weight"].data = torch.zeros(3, 4)
    held_copies.set()
    with pytest.raises(ChangedTensorError, match="other memory"):
        background.close()


def test_no_hook_stays_behind(tmp_path, model):
    """Once it is closed, steps and loads are as cheap as before."""
    from torch.optim.optimizer import _global_optimizer_pre_hooks as hooks

    before = len(hooks)
    background = AsynchronousSaver()
    for _ in range(3):
        background.save(state_of(model), tmp_path / "a.pt", overlap=model)
        step(model)
    assert len(hooks) == before + 1
    background.close()
    assert len(hooks) == before
    assert not model.network._load_state_dict_pre_hooks


def test_skip_leaves_a_save_out_while_another_is_written(tmp_path, held):
    """And takes the next one once the disk is free."""
    background = AsynchronousSaver(while_saving="skip")
    assert background.save({"n": 1}, tmp_path / "1.pt")
    assert not background.save({"n": 2}, tmp_path / "2.pt")
    assert background.is_saving
    held.set()
    background.wait()
    assert background.save({"n": 3}, tmp_path / "3.pt")
    background.close()
    assert sorted(os.listdir(tmp_path)) == ["1.pt", "3.pt"]


def test_latest_writes_the_newest_of_those_that_waited(tmp_path, held):
    """Those in between are left out."""
    background = AsynchronousSaver(while_saving="latest")
    for n in range(1, 5):
        assert background.save({"n": torch.tensor(n)}, tmp_path / f"{n}.pt")
    held.set()
    background.close()
    assert sorted(os.listdir(tmp_path)) == ["1.pt", "4.pt"]
    assert load_checkpoint(tmp_path / "4.pt")["n"] == 4


def test_wait_writes_them_all(tmp_path):
    """In their order, one after the other."""
    background = AsynchronousSaver()
    for n in range(5):
        background.save({"n": torch.tensor(n)}, tmp_path / f"{n}.pt")
    background.close()
    assert [load_checkpoint(tmp_path / f"{n}.pt")["n"] for n in range(5)] == list(range(5))


def test_an_error_comes_with_the_next_call(tmp_path):
    """It names the file; nothing new is begun, and it is raised once."""
    (tmp_path / "file").write_text("in the way")
    background = AsynchronousSaver()
    background.save({"n": 1}, tmp_path / "file" / "1.pt")
    background.drain(20)
    with pytest.raises(FileExistsError) as caught:
        background.save({"n": 2}, tmp_path / "2.pt")
    assert "1.pt' in the background" in caught.value.__notes__[0]
    assert sorted(os.listdir(tmp_path)) == ["file"]
    assert background.save({"n": 2}, tmp_path / "2.pt")
    background.close()
    assert load_checkpoint(tmp_path / "2.pt") == {"n": 2}


def test_close_raises_the_last_error(tmp_path):
    """So that no failed save goes unnoticed."""
    (tmp_path / "file").write_text("in the way")
    background = AsynchronousSaver()
    background.save({"n": 1}, tmp_path / "file" / "1.pt")
    with pytest.raises(FileExistsError):
        background.close()
    background.close()


def test_how_saves_ended_can_be_asked(tmp_path):
    """Whoever asks deals with the errors himself."""
    (tmp_path / "file").write_text("in the way")
    background = AsynchronousSaver()
    background.save({"n": 1}, tmp_path / "1.pt")
    background.drain(20)
    background.save({"n": 2}, tmp_path / "file" / "2.pt")
    background.drain(20)
    ended = list(background.ended())
    assert [os.path.basename(saved.path) for saved in ended] == ["1.pt", "2.pt"]
    assert ended[0].error is None
    assert isinstance(ended[1].error, FileExistsError)
    background.close()


def test_a_wait_can_have_an_end(tmp_path, held):
    """A disk that hangs does not hang whoever waits for it; the save goes on."""
    background = AsynchronousSaver()
    background.save({"n": 1}, tmp_path / "1.pt")
    with pytest.raises(TimeoutError, match=r"1\.pt' was not on disk after 0\.01 seconds"):
        background.wait(0.01)
    held.set()
    background.close()
    assert load_checkpoint(tmp_path / "1.pt") == {"n": 1}


def test_tensors_that_look_at_the_same_bytes_as_other_types_are_refused(tmp_path):
    """The file format has no place for them; `torch.save` refuses them as well."""
    tensor = torch.ones(4)
    background = AsynchronousSaver()
    background.save({"a": tensor, "b": tensor.view(torch.int32)}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match=r"as torch\.int32 and as torch\.float32"):
        background.close()
    assert os.listdir(tmp_path) == []


WITHOUT_NUMPY = "ignore:Failed to initialize NumPy"  # which is a supported install of torch


def run(code, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", WITHOUT_NUMPY, "-c", textwrap.dedent(code)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def test_a_large_file_comes_to_disk_while_it_is_written(tmp_path, monkeypatch):
    """An error of that is not lost: the system tells it only once."""
    monkeypatch.setattr(_early_sync, "_EVERY", 1 << 20)
    synced = []
    monkeypatch.setattr(_early_sync, "_sync", synced.append)
    background = AsynchronousSaver()
    state = {"a": torch.randn(2_000_000)}
    background.save(state, tmp_path / "a.pt")
    background.wait()
    assert synced
    assert same(load_checkpoint(tmp_path / "a.pt"), state)

    def failing(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(_early_sync, "_sync", failing)
    background.save({"a": torch.randn(2_000_000)}, tmp_path / "a.pt")
    with pytest.raises(OSError, match="Input/output error"):
        background.close()
    assert os.listdir(tmp_path) == ["a.pt"]
    assert same(load_checkpoint(tmp_path / "a.pt"), state)


def test_a_large_file_finds_room_before_it_is_written(tmp_path, monkeypatch):
    """A full disk is noticed at once; a file system that sets no room aside does without."""
    monkeypatch.setattr(_early_sync, "_EVERY", 1 << 20)
    asked, error = [], errno.ENOSPC

    def reserve(descriptor, start, size):
        asked.append((start, size))
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "posix_fallocate", reserve, raising=False)
    background = AsynchronousSaver()
    background.save({"a": torch.randn(1_000_000)}, tmp_path / "a.pt")
    with pytest.raises(OSError, match="No space left"):
        background.wait()
    assert asked == [(0, 4_000_000)]
    assert os.listdir(tmp_path) == []
    error = errno.EOPNOTSUPP
    background.save({"a": torch.ones(1_000_000)}, tmp_path / "a.pt")
    background.close()
    assert load_checkpoint(tmp_path / "a.pt")["a"].sum() == 1_000_000


def test_a_process_that_ends_finishes_its_file(tmp_path):
    """Even when nobody has waited for it."""
    code = """
        import torch
        from callbacks_checkpoint.asynchronous import AsynchronousSaver
        AsynchronousSaver().save({"a": torch.ones(5_000_000)}, "a.pt")
    """
    run(code, tmp_path)
    assert load_checkpoint(tmp_path / "a.pt")["a"].sum() == 5_000_000
    assert os.listdir(tmp_path) == ["a.pt"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_leaves_its_parents_save_alone(tmp_path):
    """It has a background of its own, and waits for nothing that it has not begun."""
    code = """
        import os, sys, warnings, torch
        from callbacks_checkpoint.asynchronous import AsynchronousSaver
        warnings.simplefilter("ignore")
        saver = AsynchronousSaver()
        saver.save({"a": torch.ones(5_000_000)}, "parent.pt")
        child = os.fork()
        if child == 0:
            assert not saver.is_saving
            saver.save({"a": torch.ones(3)}, "child.pt")
            sys.exit(0)
        print(os.waitpid(child, 0)[1])
    """
    assert run(code, tmp_path) == "0\n"
    assert load_checkpoint(tmp_path / "parent.pt")["a"].sum() == 5_000_000
    assert load_checkpoint(tmp_path / "child.pt")["a"].sum() == 3


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("way", ["synchronous", "wait", "latest"])
def test_two_hundred_saves_cost_no_more_memory_than_two(tmp_path, way):
    """Nor more file descriptors, threads or files."""
    state = {"a": torch.ones(500_000), "b": [torch.ones(10) for _ in range(20)]}
    background = AsynchronousSaver(while_saving=way if way != "synchronous" else "wait")

    def save():
        if way == "synchronous":
            save_checkpoint(state, tmp_path / "a.pt", durability="rename")
        else:
            background.save(state, tmp_path / "a.pt", durability="rename")

    def used():
        background.drain(20)
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd"))

    for _ in range(20):
        save()
    memory, descriptors = used()
    for _ in range(200):
        save()
    more_memory, more_descriptors = used()
    background.close()
    assert more_descriptors == descriptors
    assert more_memory - memory < 2 * state["a"].nbytes
    assert os.listdir(tmp_path) == ["a.pt"]


def test_prepared_memory_is_used(tmp_path):
    """The first save needs no new memory, nor does any later one of that size."""
    state = {"a": torch.ones(100_000)}
    background = AsynchronousSaver()
    background.prepare(state)
    address = background._free[0].tensor(0, 1).data_ptr()
    for _ in range(3):
        background.save(state, tmp_path / "a.pt")
        background.wait()
        assert background._free[0].tensor(0, 1).data_ptr() == address


def test_a_saver_is_copied_and_pickled_without_what_it_is_doing(tmp_path, held):
    """A copy has the settings alone."""
    background = AsynchronousSaver(while_saving="skip")
    background.save({"a": torch.ones(3)}, tmp_path / "a.pt")
    for twin in (copy.deepcopy(background), pickle.loads(pickle.dumps(background))):
        assert twin.while_saving == "skip"
        assert not twin.is_saving


def test_bad_arguments_are_refused(tmp_path):
    """With the near miss."""
    with pytest.raises(ValueError, match="did you mean 'latest'"):
        AsynchronousSaver(while_saving="last")
    with pytest.raises(TypeError, match="`path` must be a str or a path, not 3"):
        AsynchronousSaver().save({}, 3)


def test_the_processs_end_waits_for_every_saver(tmp_path, held):
    """What is registered to be called then finds those that are still at work."""
    background = AsynchronousSaver()
    background.save({"n": 1}, tmp_path / "a.pt")
    threading.Timer(0.05, held.set).start()
    saver._finish_all()
    assert not background.is_saving
    assert load_checkpoint(tmp_path / "a.pt") == {"n": 1}


@pytest.mark.gpu
@pytest.mark.parametrize("overlapping", [False, True])
def test_tensors_on_a_device_are_saved_from_before_the_next_step(tmp_path, overlapping):
    """Through pinned memory, and beside the step that changes them."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2000, 2000), nn.BatchNorm1d(2000), nn.Linear(2000, 9)).cuda()
    model = SimpleModel(network, torch.optim.Adam(network.parameters(), lr=0.1))
    x = torch.randn(64, 2000, device="cuda")
    background = AsynchronousSaver()
    for n in range(4):
        before = copy.deepcopy(state_of(model))
        path = tmp_path / f"{n}.pt"
        background.save(state_of(model), path, overlap=model if overlapping else None)
        model.optimizer.zero_grad()
        network(x).square().sum().backward()
        model.optimizer.step()
        background.wait()
        assert same(torch.load(path, weights_only=True), before)
    assert not same(state_of(model)["network"], before["network"])
    background.close()


@pytest.mark.gpu
def test_a_change_on_a_device_behind_every_step_is_noticed(tmp_path, held_copies):
    """Weights on a device that were changed by hand beside the copy are not saved."""
    network = nn.Linear(2000, 2000).cuda()
    model = SimpleModel(network, torch.optim.SGD(network.parameters(), lr=0.1))
    background = AsynchronousSaver()
    background.save(network.state_dict(), tmp_path / "a.pt", overlap=model)
    with torch.no_grad():
        network.weight.zero_()
    held_copies.set()
    with pytest.raises(ChangedTensorError):
        background.close()
