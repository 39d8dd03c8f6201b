# SPDX-License-Identifier: MIT
import pytest

from callbacks_core import (
    Callback,
    DelayCallback,
    EarlyStopping,
    LambdaCallback,
    TerminateOnNaN,
    TrainingLoop,
)
from callbacks_core.testing import Recorder

torch = pytest.importorskip("torch")

from torch.overrides import TorchFunctionMode  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

READING_METHODS = [
    "__bool__", "__float__", "__int__", "__index__", "__array__", "__format__", "__repr__",
    "cpu", "item", "numpy", "tolist",
]  # fmt: skip
READING = {getattr(torch.Tensor, name) for name in READING_METHODS}


class Transfers(TorchFunctionMode):
    """Counts what would make a host wait for its device."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.dispatch = Dispatch(self)

    def __torch_function__(self, function, types, arguments=(), options=None):
        before = self.count
        result = function(*arguments, **(options or {}))
        if function in READING:
            self.count = before + 1  # whatever it did, it is one reading
        return result

    def __enter__(self):
        self.dispatch.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.dispatch.__exit__(*error)


class Dispatch(TorchDispatchMode):
    def __init__(self, transfers):
        super().__init__()
        self.transfers = transfers

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        self.transfers.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*arguments, **(options or {}))


def transfers_of(*callbacks, batches=300):
    """Return the transfers within the batches of two epochs, and all of them."""
    network = torch.nn.Linear(3, 1)
    # `foreach` and `fused` read nothing either; the plain one is the simplest to be sure of.
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    loader = [(torch.ones(2, 3), torch.ones(2, 1))] * batches
    within = 0
    with Transfers() as transfers, TrainingLoop(network, optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(2):
            before = transfers.count
            for x, y in epoch.train(loader):
                loss = torch.nn.functional.mse_loss(network(x), y)
                loss.backward()
                loop.backward_end()
                optimizer.step()
                optimizer.zero_grad()
                loop.log(loss=loss, twice=loss * 2)
            for x, y in epoch.valid(loader[:10]):
                loop.log(loss=torch.nn.functional.mse_loss(network(x), y))
            within += transfers.count - before
    assert len(loop.history) == 2
    return within, transfers.count


def test_the_count_sees_a_reading():
    """What reads a scalar in any of the ways is counted."""
    for method in ("item", "tolist", "__float__", "__bool__", "cpu", "numpy"):
        with Transfers() as transfers:
            getattr(torch.tensor(1.0), method)()
        assert transfers.count, method


IDLE = [Callback(), EarlyStopping(monitor="loss", patience=9), DelayCallback(Callback())]


@pytest.mark.parametrize(
    "callbacks",
    [
        [],
        IDLE,
        [Recorder(read_logs=False)],
        [LambdaCallback(on_train_batch_end=lambda batch, logs: (len(logs), "loss" in logs))],
    ],
    ids=["none", "idle", "recorder", "keys"],
)
def test_no_tensor_is_read_in_an_epoch_when_nobody_reads_one(callbacks):
    """Batches cost no transfer, and the end of an epoch costs one for all its values."""
    assert transfers_of(*callbacks) == (0, 2)


def test_one_reader_costs_one_transfer_a_batch_for_all():
    """Several readers of several values share it."""
    readers = [
        LambdaCallback(on_train_batch_end=lambda batch, logs: (logs["loss"], logs["twice"]))
        for _ in range(3)
    ]
    assert transfers_of(*readers, batches=50)[0] == 2 * 50


def test_who_reads_seldom_pays_seldom():
    """A reader of every tenth batch costs a tenth."""
    seldom = LambdaCallback(
        on_train_batch_end=lambda batch, logs: logs["loss"] if batch % 10 == 0 else None
    )
    assert transfers_of(seldom, batches=50)[0] == 2 * 5


def test_looking_for_nan_seldom_costs_little():
    """`TerminateOnNaN(every=n)` reads once in n batches, and at the end of an epoch."""
    assert transfers_of(TerminateOnNaN(every=20), batches=50)[0] == 2 * 3
