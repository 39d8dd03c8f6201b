# SPDX-License-Identifier: MIT
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from callbacks_core import Callback, EarlyStopping, LambdaCallback

READING = {
    torch.Tensor.item,
    torch.Tensor.tolist,
    torch.Tensor.numpy,
    torch.Tensor.cpu,
    torch.Tensor.__array__,
    torch.Tensor.__bool__,
    torch.Tensor.__float__,
    torch.Tensor.__index__,
    torch.Tensor.__int__,
    torch.Tensor.__contains__,
    torch.Tensor.nonzero,
}


class Methods(TorchFunctionMode):
    """Counts the calls of methods that wait for a device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += func in READING
        return func(*args, **(kwargs or {}))


class Operators(TorchDispatchMode):
    """Counts the reads of single values below all methods."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


class Reads:
    """Counts what is read, in both ways."""

    def __enter__(self):
        self.methods, self.operators = Methods(), Operators()
        self.operators.__enter__()
        self.methods.__enter__()
        return self

    def __exit__(self, *error):
        self.methods.__exit__(*error)
        self.operators.__exit__(*error)

    @property
    def count(self):
        return max(self.methods.count, self.operators.count)


@pytest.mark.parametrize(
    "read",
    [
        lambda tensor: tensor.item(),
        lambda tensor: tensor.tolist(),
        lambda tensor: tensor.cpu(),
        lambda tensor: tensor.numpy(),
        float,
        int,
        bool,
        lambda tensor: [0, 1][tensor],
        lambda tensor: f"{tensor:.3f}",
    ],
    ids=["item", "tolist", "cpu", "numpy", "float", "int", "bool", "index", "format"],
)
def test_a_read_is_counted(read):
    """What these tests count with sees every way to read a value."""
    with Reads() as reads:
        read(torch.ones((), dtype=torch.int64))
    assert reads.count == 1


class Listens(Callback):
    """Listens to every batch, and looks at nothing."""

    def on_train_batch_end(self, batch_number, logs):
        assert "loss" in logs
        assert len(logs) >= 4

    def on_valid_batch_end(self, batch_number, logs):
        assert "val_loss" in logs


class ReadsOne(Callback):
    """Reads one value of every batch, and then every other."""

    def on_train_batch_end(self, batch_number, logs):
        self.seen = logs["loss"]
        self.all = dict(logs)


def right(y_pred, y_true):
    return (y_pred.argmax(1) == y_true).sum() / len(y_true)


def means(y_pred, y_true):
    return [column.mean() for column in y_pred.unbind(1)]


@pytest.mark.parametrize(
    "callbacks",
    [
        lambda: None,
        Listens,
        lambda: [
            EarlyStopping(monitor="loss"),
            LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        ],
    ],
    ids=["nobody", "a listener", "of epochs"],
)
@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("batches_per_step", [1, 2])
@pytest.mark.parametrize("metrics", [[], ["accuracy", right, (["one", "two"], means)]], ids=len)
def test_an_epoch_is_read_once(
    make_model, batches, callbacks, validated, batches_per_step, metrics
):
    """Loss and metrics of training and validation come over together, when the epoch ends."""
    model = make_model(batch_metrics=metrics)
    model.network.weight.register_hook(lambda gradient: None)
    with Reads() as reads:
        history = model.fit_generator(
            batches,
            batches if validated else None,
            epochs=3,
            batches_per_step=batches_per_step,
            callbacks=callbacks(),
            verbose=False,
        )
    assert reads.count == 3
    assert len(history[0]) == (2 + len(["loss", *model.metrics_names]) * (1 + validated))


OF_CLASSES = ["accuracy", "top2", "f1", "precision_micro", "specificity_weighted", "kappa", "mcc"]
OF_NUMBERS = ["binary_accuracy", "bin_f1", "mae", "mse", "rmse", "mape", "r2"]


class OfScores(torch.nn.Linear):
    """A network with one score for each example."""

    def forward(self, x):
        return super().forward(x)[:, 0]


@pytest.mark.parametrize("argument", ["batch_metrics", "epoch_metrics"])
@pytest.mark.parametrize("names", [[*OF_CLASSES, "perplexity"], OF_NUMBERS], ids=["class", "real"])
def test_metrics_by_name_are_read_once(make_model, batches, argument, names):
    """Sums of all metrics stay where they are, too, labels that do not count included."""
    batches = [(x, y.where(torch.arange(len(y)) > 0, -100)) for x, y in batches]
    model = make_model(**{argument: names})
    if names is OF_NUMBERS:
        model.network, model.loss_function = OfScores(3, 1), torch.nn.functional.mse_loss
        model.optimizer = torch.optim.SGD(model.network.parameters(), lr=0.01)
        batches = [(x, x.sum(1)) for x, _ in batches]
    with Reads() as reads:
        history = model.fit_generator(batches * 30, batches, epochs=2, verbose=False)
    assert reads.count == 2
    assert len(history[0]) == 2 + 2 * (1 + len(names))


@pytest.mark.parametrize("batches_per_step", [1, 2])
def test_one_look_at_a_batch_is_one_transfer(make_model, batches, batches_per_step):
    """The first value that is read brings all the others along."""
    model = make_model(batch_metrics=["accuracy", right])
    with Reads() as reads:
        model.fit_generator(
            batches,
            epochs=2,
            batches_per_step=batches_per_step,
            callbacks=ReadsOne(),
            verbose=False,
        )
    assert reads.count == 2 * (5 + 1)


def test_a_test_is_read_once(make_model, batches):
    """A test's scores come over together."""
    model = make_model(batch_metrics=["accuracy", right])
    with Reads() as reads:
        model.evaluate_generator(batches, return_dict_format=True, verbose=False)
    assert reads.count == 1


def test_a_batch_is_read_once(make_model, batches):
    """`train_on_batch` returns numbers, which takes one transfer."""
    model = make_model(batch_metrics=["accuracy", right])
    with Reads() as reads:
        model.train_on_batch(*batches[0], return_dict_format=True)
    assert reads.count == 1


@pytest.mark.gpu
def test_a_gpu_is_not_waited_for(make_model, batches, acting):
    """CUDA's own watch over hidden waits sees none in the steps of an epoch."""

    def watch(level):
        return lambda *arguments: torch.cuda.set_sync_debug_mode(level)

    metrics = [*OF_CLASSES, "perplexity"]
    model = make_model(batch_metrics=metrics, epoch_metrics=metrics, device="cuda")
    on_device = [(x.cuda(), y.cuda()) for x, y in batches]
    model.fit_generator(on_device, epochs=1, verbose=False)  # what is set up once may wait
    callbacks = [
        acting("on_epoch_begin", watch("error")),
        acting("on_epoch_end", lambda *arguments: None),
        acting("on_valid_begin", watch("default")),
    ]
    try:
        history = model.fit_generator(
            on_device, on_device, epochs=2, callbacks=callbacks, verbose=False
        )
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len(history) == 2
