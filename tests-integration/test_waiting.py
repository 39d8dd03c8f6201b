# SPDX-License-Identifier: MIT
"""The steps of a training wait for no device, with the callbacks that most trainings have."""

from contextlib import ExitStack

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from callboard import CSVLogger, EarlyStopping, Model, ModelCheckpoint


class Scalars(TorchDispatchMode):
    """Counts the numbers that are read, by whomever."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


class Wholes(TorchFunctionMode):
    """Counts the tensors that are read as a whole."""

    count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.count += getattr(function, "__name__", "") in ("tolist", "numpy", "__array__")
        return function(*args, **(kwargs or {}))


class Watched:
    """Batches between the third of which and the end whatever waits for a GPU raises."""

    def __init__(self, batches):
        self.batches = batches
        self.finished = 0

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        try:
            for number, batch in enumerate(self.batches):
                if number == 2:  # what is set up once may wait
                    torch.cuda.set_sync_debug_mode("error")
                yield batch
            self.finished += 1
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.fixture
def train(tmp_path, capsys):
    """Trains with a progress display, a CSV file, early stopping and checkpoints."""

    def fit(batches, device=None, **options):
        torch.manual_seed(0)
        network = torch.nn.Sequential(
            torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2)
        )
        model = Model(
            network,
            {"optim": "sgd", "lr": 0.1, "momentum": 0.9},
            "cross_entropy",
            batch_metrics=["accuracy"],
            device=device,
        )
        history = model.fit_generator(
            batches,
            epochs=2,
            callbacks=[
                CSVLogger(tmp_path / "log.csv"),
                EarlyStopping(monitor="loss", patience=5),
                ModelCheckpoint(tmp_path / "best.pt", monitor="loss", save_best_only=True),
            ],
            **options,
        )
        assert "Epoch: 2/2" in capsys.readouterr().out  # which is no terminal
        return history

    return fit


def examples(count):
    x = torch.randn(count, 8, generator=torch.Generator().manual_seed(0))
    return TensorDataset(x, (x.sum(1) > 0).long())


@pytest.mark.parametrize("options", [{}, {"batches_per_step": 3}], ids=["plain", "accumulating"])
def test_no_step_reads_a_value(train, options):
    """An epoch of many steps reads no more values than an epoch of a few."""

    def reads(steps):
        with ExitStack() as stack:
            modes = [stack.enter_context(Scalars()), stack.enter_context(Wholes())]
            train(list(DataLoader(examples(4 * steps), 4)), **options)
        return sum(mode.count for mode in modes)

    few = reads(3)
    assert few > 0  # at the epochs' ends
    assert reads(150) == few


@pytest.mark.gpu
@pytest.mark.parametrize("options", [{}, {"batches_per_step": 3}], ids=["plain", "accumulating"])
@pytest.mark.parametrize("where", ["on the GPU", "in pinned memory"])
def test_no_step_waits_for_a_gpu(train, where, options):
    """CUDA's own watch sees no wait in a step, be the batches there already or on their way."""
    pinned = where == "in pinned memory"
    batches = DataLoader(examples(256), 4, pin_memory=pinned)
    if not pinned:
        batches = [(x.cuda(), y.cuda()) for x, y in batches]
    watched = Watched(batches)
    history = train(watched, device="cuda", **options)
    assert watched.finished == len(history) == 2
