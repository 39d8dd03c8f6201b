# SPDX-License-Identifier: MIT
"""Everything that users of the reference's model know, row by row, and what it does."""

import inspect

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence
from torch.utils.data import DataLoader, Dataset

from callbacks_trainer import Model
from callbacks_trainer._evaluation import EvaluateOptions, PredictOptions
from callbacks_trainer._training import FitOptions

OPTIONS = {"fit": FitOptions, "evaluate": EvaluateOptions, "predict": PredictOptions}
SHOWING = "verbose progress_options callbacks"
TRAINING = (
    f"epochs steps_per_epoch validation_steps batches_per_step initial_epoch {SHOWING}".split()
)
TESTING = (
    f"steps return_pred return_ground_truth return_dict_format concatenate_returns "
    f"convert_to_numpy {SHOWING}".split()
)
PREDICTING = (
    f"steps has_ground_truth return_ground_truth concatenate_returns convert_to_numpy "
    f"{SHOWING}".split()
)
SURFACE = {
    "fit": ["x", "y", "validation_data", "batch_size", "dataloader_kwargs", *TRAINING],
    "fit_dataset": [
        *("train_dataset", "valid_dataset", "batch_size", "num_workers", "collate_fn"),
        *("dataloader_kwargs", *TRAINING),
    ],
    "fit_generator": ["train_generator", "valid_generator", *TRAINING],
    "train_on_batch": ["x", "y", "return_pred", "return_dict_format", "convert_to_numpy"],
    "evaluate": ["x", "y", "batch_size", "dataloader_kwargs", *TESTING],
    "evaluate_dataset": [
        *("dataset", "batch_size", "num_workers", "collate_fn", "dataloader_kwargs", *TESTING),
    ],
    "evaluate_generator": ["generator", *TESTING],
    "evaluate_on_batch": ["x", "y", "return_pred", "return_dict_format", "convert_to_numpy"],
    "predict": ["x", "batch_size", "dataloader_kwargs", *PREDICTING],
    "predict_dataset": [
        *("dataset", "batch_size", "num_workers", "collate_fn", "dataloader_kwargs", *PREDICTING),
    ],
    "predict_generator": ["generator", *PREDICTING],
    "predict_on_batch": ["x", "convert_to_numpy"],
    "load_weights": ["strict"],
    "save_weights": [],
    "get_weights": [],
    "get_weight_copies": [],
    "set_weights": ["weights", "strict"],
    "load_optimizer_state": [],
    "save_optimizer_state": [],
    "to": ["device"],
    "cuda": ["device"],
    "cpu": [],
}
DEFAULTS = {
    "batch_size": 32,
    "epochs": 1000,
    "batches_per_step": 1,
    "initial_epoch": 1,
    "verbose": True,
    "concatenate_returns": True,
    "convert_to_numpy": True,
    "return_pred": False,
    "return_ground_truth": False,
    "return_dict_format": False,
    "has_ground_truth": False,
    "strict": True,
    "num_workers": 0,
}


@pytest.mark.parametrize("method", SURFACE)
def test_arguments_and_defaults(method):
    """Each method has the arguments, by these names, with these defaults."""
    own = inspect.signature(getattr(Model, method)).parameters
    kind = method.partition("_")[0]
    shared = OPTIONS[kind].__annotations__ if "options" in own else {}
    described = inspect.signature(getattr(Model, f"{kind}_generator")) if shared else None
    for name in SURFACE[method]:
        assert name in own or name in shared
        parameter = own[name] if name in own else described.parameters[name]
        assert parameter.default == DEFAULTS.get(name, parameter.default)


def test_what_a_model_consists_of():
    """The parts are there under the names by which they were given."""
    network, loss, mine = nn.Linear(3, 2), nn.CrossEntropyLoss(), lambda y_pred, y: y_pred.mean()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    made = Model(
        network, optimizer, loss, batch_metrics=["acc", ("mine", mine)], epoch_metrics=["f1"]
    )
    assert made.network is network
    assert made.optimizer is optimizer
    assert made.loss_function is loss
    assert made.device is None
    assert made.stop_training is False
    assert made.metrics_names == ["acc", "mine", "fscore_macro"]
    assert made.batch_metrics[1] is mine
    assert [len(made.batch_metrics), len(made.epoch_metrics)] == [2, 1]
    assert made.get_batch_size(torch.zeros(4, 3), torch.zeros(4)) == 4


NAMES = [
    *("adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "lbfgs", "nadam", "radam"),
    *("rmsprop", "rprop", "sgd", "sparseadam"),
]


@pytest.mark.parametrize("name", NAMES)
def test_thirteen_optimizers_train(name):
    """Each changes the weights in the direction of a lower loss."""
    torch.manual_seed(0)
    sparse = name == "sparseadam"
    network = nn.Sequential(nn.Embedding(9, 4, sparse=sparse), nn.Flatten())
    x, y = torch.arange(8)[:, None], torch.arange(8) % 4
    made = Model(network, name, "cross_entropy")
    history = made.fit(x, y, epochs=4, batch_size=8, verbose=False)
    assert history[-1]["loss"] < history[0]["loss"]


class Named(Dataset):
    """Examples whose inputs have names, with two targets each."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        left = torch.full((3,), float(index))
        return {"left": left, "more": {"right": -left}}, (left[:1], left[:2])


class Summing(nn.Module):
    """A network that takes inputs by their names, and returns outputs by names of its own."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, inputs):
        out = self.layer(inputs["left"] + inputs["more"]["right"])
        return {"one": out[:, :1], "both": [out]}


def test_batches_with_names_inside_and_out():
    """Mappings go through every method, nested ones too, and come back in their structure."""

    def loss(y_pred, y):
        one, both = y
        return (y_pred["one"] - one).square().mean() + (y_pred["both"][0] - both).square().mean()

    made = Model(Summing(), "sgd", loss)
    options = {"batch_size": 4, "verbose": False}
    [logs, other] = made.fit_dataset(Named(), Named(), epochs=2, **options)
    assert other["val_loss"] != logs["val_loss"]
    found, y_pred, y = made.evaluate_dataset(
        Named(), return_pred=True, return_ground_truth=True, **options
    )
    assert found == pytest.approx(other["val_loss"])
    assert [y_pred["one"].shape, y_pred["both"][0].shape] == [(6, 1), (6, 2)]
    assert [part.shape for part in y] == [(6, 1), (6, 2)]
    predicted = made.predict_dataset(Named(), has_ground_truth=True, **options)
    np.testing.assert_array_equal(predicted["one"], y_pred["one"])


def test_packed_sequences_in_every_method():
    """They are the network's one argument, and predictions of them are joined in a list."""

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.RNN(2, 1)

        def forward(self, x):
            return self.layer(x)[0]

    def loss(y_pred, y):
        return (pad_packed_sequence(y_pred)[0].sum(0).squeeze(1) - y).square().mean()

    x = pack_sequence([torch.ones(3, 2), torch.ones(2, 2)])
    batches = [(x, torch.zeros(2))] * 2
    made = Model(Recurrent(), "sgd", loss)
    options = {"verbose": False}
    history = made.fit_generator(batches, batches, epochs=3, **options)
    assert history[-1]["loss"] < history[0]["loss"]
    found, y_pred = made.evaluate_generator(batches, return_pred=True, **options)
    assert found == pytest.approx(history[-1]["val_loss"])
    assert [type(part) for part in y_pred] == [PackedSequence] * 2
    predicted = made.predict_generator([x, x], **options)
    assert torch.equal(predicted[1].data, y_pred[0].data)
    assert made.train_on_batch(x, torch.zeros(2)) == pytest.approx(found)


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_arguments_of_the_loader_go_through(method, monkeypatch):
    """Each method makes its loader with what ``dataloader_kwargs`` has, which goes first."""
    made, seen = Model(nn.Linear(3, 2), "sgd", "cross_entropy"), []
    before = DataLoader.__init__

    def noting(loader, dataset, **options):
        seen.append(options)
        before(loader, dataset, **options)

    monkeypatch.setattr(DataLoader, "__init__", noting)
    data = (
        (torch.zeros(6, 3),) if method == "predict" else (torch.zeros(6, 3), torch.zeros(6).long())
    )
    epochs = {"epochs": 1} if method == "fit" else {}
    kwargs = {"batch_size": 4, "drop_last": True}
    getattr(made, method)(*data, batch_size=3, dataloader_kwargs=kwargs, verbose=False, **epochs)
    [options] = seen
    assert (options["batch_size"], options["drop_last"]) == (4, True)
    assert options["shuffle"] is (method == "fit")


def test_workers_can_be_asked_for_everywhere():
    """`fit` takes the arguments of `fit_dataset`, though it seldom needs them."""
    made = Model(nn.Linear(3, 2), "sgd", "cross_entropy")
    x, y = torch.zeros(4, 3), torch.zeros(4).long()
    made.fit(x, y, epochs=1, num_workers=0, collate_fn=None, verbose=False)
    made.evaluate(x, y, num_workers=0, verbose=False)
    assert made.predict(x, num_workers=0, verbose=False).shape == (4, 2)
