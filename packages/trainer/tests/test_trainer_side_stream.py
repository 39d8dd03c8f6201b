# SPDX-License-Identifier: MIT
from collections import namedtuple
from contextlib import contextmanager

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, TensorDataset

from callbacks_trainer import Model, transfers
from callbacks_trainer.transfers import SideStream, transfer_to

Named = namedtuple("Named", "first second")


@pytest.fixture
def told(monkeypatch):
    """What CUDA would be told, in order, on a machine that has none."""
    told = []

    class Stream:
        def __init__(self, device):
            self.name = "side"

        def wait_stream(self, other):
            told.append(f"{self.name} waits for {other.name}")

    current = Stream(None)
    current.name = "current"

    @contextmanager
    def on(stream):
        told.append(f"on {stream.name}")
        yield
        told.append(f"off {stream.name}")

    to_tensors = transfers.to_tensors

    def counted(value, device):
        if device is not None and isinstance(value, torch.Tensor):
            told.append("copy")
        return to_tensors(value, device)

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: current)
    monkeypatch.setattr(
        torch.Tensor, "record_stream", lambda self, stream: told.append(f"kept for {stream.name}")
    )
    monkeypatch.setattr(transfers, "to_tensors", counted)
    return told


def test_a_copy_goes_beside_the_work(told):
    """It is made on a stream of its own, which the work waits for, and its memory is kept."""
    x, y = torch.ones(2), torch.zeros(3)
    moved = SideStream(torch.device("cpu"))((x, y))
    assert [value.tolist() for value in moved] == [[1, 1], [0, 0, 0]]
    assert told == [
        "on side",
        "copy",
        "copy",
        "off side",
        "current waits for side",
        "kept for current",
        "kept for current",
    ]


def test_any_structure_is_moved(told):
    """Nests keep their kinds, arrays become tensors, and a packed sequence is kept whole."""
    packed = pack_sequence([torch.ones(3), torch.ones(2)])
    batch = {"a": [torch.ones(1), "text"], "b": Named(packed, torch.ones(2).numpy())}
    moved = SideStream(torch.device("cpu"))(batch)
    assert moved["a"][1] == "text"
    assert isinstance(moved["b"], Named)
    assert torch.equal(moved["b"].first.data, packed.data)
    assert isinstance(moved["b"].second, torch.Tensor)
    assert told.count("kept for current") == 3


def test_no_stream_without_a_gpu(told):
    """On the CPU, and where batches stay where they are, nothing of this happens."""
    for device in (None, torch.device("cpu")):
        transfer_to(device)((torch.ones(2), torch.ones(2)))
    assert told == []


def test_memory_is_pinned_for_a_gpu_only(monkeypatch, make_model, batches):
    """A loader that the model makes pins its memory where that helps, and as it is told else."""
    made = []

    class Noted(DataLoader):
        def __init__(self, *arguments, **options):
            made.append(options["pin_memory"])
            super().__init__(*arguments, **{**options, "pin_memory": False})

    monkeypatch.setattr("callbacks_trainer.data.DataLoader", Noted)
    x, y = batches[0]
    model = make_model()

    def use(**options):
        model.fit(x, y, epochs=1, verbose=False, **options)
        model.evaluate(x, y, verbose=False, **options)
        model.predict(x, verbose=False, **options)
        pinned = made.copy()
        made.clear()
        return pinned

    assert use() == [False] * 3
    model.to("cpu")
    assert use() == [False] * 3
    monkeypatch.setattr(Model, "pins_memory", True)
    assert use() == [True] * 3
    assert use(dataloader_kwargs={"pin_memory": False}) == [False] * 3


@pytest.mark.gpu
def test_batches_arrive_whole_on_a_gpu():
    """Whatever else the GPU is at, the network sees the numbers that the loader gave."""
    x = torch.arange(64 * 2**16, dtype=torch.float32).reshape(64, -1)
    seen = []

    class Sums(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))

        def forward(self, batch):
            torch.cuda._sleep(10_000_000)  # a copy that does not wait overtakes this
            seen.append(batch.double().sum(1))
            return batch.mean(1, keepdim=True) * self.weight

    model = Model(Sums(), "sgd", "mse_loss", device="cuda")
    loader = DataLoader(TensorDataset(x, torch.zeros(64, 1)), 4, pin_memory=True)
    model.fit_generator(loader, epochs=2, verbose=False)
    found = torch.cat(seen).cpu()
    assert torch.equal(found, x.double().sum(1).repeat(2))
