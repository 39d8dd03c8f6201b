# SPDX-License-Identifier: MIT
import copy
import random

import numpy as np
import pytest
import torch
import torchmetrics
from torch import nn

from callbacks_trainer import Model, get_loss_function, get_optimizer, set_seeds
from callbacks_trainer.losses import _LOSSES

NETWORK = nn.Linear(3, 2)
OPTIMIZERS = ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "NAdam", "RAdam"]


@pytest.mark.parametrize("name", [*OPTIMIZERS, "RMSprop", "Rprop", "SGD"])
def test_optimizers_by_name(name):
    """An optimizer's name, in any case, makes it, with all of the network's parameters."""
    for spelt in (name, name.lower(), name.upper()):
        optimizer = get_optimizer(spelt, NETWORK)
        assert type(optimizer) is getattr(torch.optim, name)
        assert optimizer.param_groups[0]["params"] == list(NETWORK.parameters())
    optimizer = get_optimizer({"optim": name, "lr": 0.25}, NETWORK)
    assert optimizer.param_groups[0]["lr"] == 0.25


def test_sgd_has_a_learning_rate():
    """``"sgd"`` has a learning rate of 0.01 in every torch; settings are left as they were."""
    assert get_optimizer("sgd", NETWORK).param_groups[0]["lr"] == 0.01
    settings = {"optim": "sgd", "momentum": 0.9}
    assert get_optimizer(settings, NETWORK).param_groups[0]["momentum"] == 0.9
    assert settings == {"optim": "sgd", "momentum": 0.9}


def test_frozen_parameters_are_left_out():
    """An optimizer made by name trains what can be trained."""
    network = nn.Linear(3, 2)
    network.weight.requires_grad_(False)
    assert get_optimizer("adam", network).param_groups[0]["params"] == [network.bias]


def test_an_optimizer_is_taken_as_it_is():
    """An optimizer of the network, or of a part of it, is used; None is none."""
    optimizer = torch.optim.SGD([NETWORK.bias], lr=0.1)
    assert get_optimizer(optimizer, NETWORK) is optimizer
    assert get_optimizer(None, NETWORK) is None


@pytest.mark.parametrize(
    ("optimizer", "kind", "message"),
    [
        ("adamm", ValueError, "no optimizer 'adamm'.*did you mean 'adam'"),
        ("nonsense", ValueError, "those of torch.optim: .*sgd"),
        ({"lr": 0.1}, ValueError, "has no 'optim'"),
        ({"optim": torch.optim.SGD}, TypeError, "under 'optim', must be a str, not <class"),
        ({"optim": "adam", "lrr": 1}, TypeError, "lrr"),
        (torch.optim.Adam, TypeError, r"the class Adam.*Adam\(network.parameters\(\)\) or 'adam'"),
        (3, TypeError, "must be an optimizer, its name, a mapping with 'optim', or None, not 3"),
        (
            torch.optim.SGD(nn.Linear(5, 7).parameters(), lr=0.1),
            ValueError,
            r"2 of its 2 parameters are not the network's \(the first has the shape \(7, 5\)\)",
        ),
        (
            torch.optim.SGD([NETWORK.bias, *copy.deepcopy(NETWORK).parameters()], lr=0.1),
            ValueError,
            "2 of its 3 parameters.*replaced or copied",
        ),
    ],
)
def test_optimizers_that_are_refused(optimizer, kind, message):
    """What cannot train the network is refused when the model is made."""
    with pytest.raises(kind, match=message):
        Model(NETWORK, optimizer, "mse")


TARGETS = {
    "cross_entropy": torch.tensor([0, 1]),
    "multi_margin": torch.tensor([0, 1]),
    "multilabel_margin": torch.tensor([[0, -1], [1, -1]]),
    "nll": torch.tensor([0, 1]),
}


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")  # of kl_div, until torch changes it
@pytest.mark.parametrize("name", sorted(_LOSSES))
def test_losses_by_name(name):
    """Every loss that has a name is a function of prediction and truth, and torch's own."""
    y_pred, y_true = torch.full((2, 2), 0.5), TARGETS.get(name, torch.ones(2, 2))
    function = getattr(nn.functional, name, None) or getattr(nn.functional, f"{name}_loss")
    for spelt in (name, f"{name}_loss", name.upper()):
        assert get_loss_function(spelt) is function
    assert get_loss_function(name)(y_pred, y_true).shape == ()


def test_a_loss_is_taken_as_it_is():
    """Functions and modules are used; None is none."""
    for loss in (nn.MSELoss(), nn.functional.mse_loss, None):
        assert get_loss_function(loss) is loss


@pytest.mark.parametrize(
    ("loss", "kind", "message"),
    [
        ("cross_entrpy", ValueError, "no loss 'cross_entrpy'.*did you mean 'cross_entropy'"),
        ("nonsense", ValueError, "there are binary_cross_entropy, .*mse"),
        (nn.CrossEntropyLoss, TypeError, r"the class CrossEntropyLoss.*write CrossEntropyLoss\(\)"),
        (3, TypeError, "must be a function or a name, not 3"),
    ],
)
def test_losses_that_are_refused(loss, kind, message):
    """What is no loss is refused when the model is made."""
    with pytest.raises(kind, match=message):
        Model(NETWORK, "sgd", loss)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Linear, r"the class Linear, not an instance of it: write Linear\(\.\.\.\)"),
        (lambda x: x, "must be a torch.nn.Module, not function"),
        (None, "must be a torch.nn.Module, not NoneType"),
    ],
)
def test_what_is_no_network(network, message):
    """A class, or something else, is refused when the model is made."""
    with pytest.raises(TypeError, match=message):
        Model(network, "sgd", "mse")


def test_a_device_that_is_not_there():
    """The error says which device is missing, and how many there are."""
    with pytest.raises(RuntimeError, match=r"there is no device cuda:99: torch sees \d+ GPUs"):
        Model(nn.Linear(3, 2), "sgd", "mse", device="cuda:99")
    with pytest.raises(RuntimeError, match="there is no device cuda:99"):
        Model(nn.Linear(3, 2), "sgd", "mse").to("cuda:99")


def test_everything_moves_to_a_device():
    """The network, the loss and the metrics go along, and `to` can be chained."""
    loss = nn.CrossEntropyLoss(weight=torch.ones(2))
    metric = torchmetrics.classification.MulticlassAccuracy(num_classes=2)
    model = Model(nn.Linear(3, 2), None, loss, batch_metrics=[metric])
    assert model.device is None
    assert model.to("meta") is model
    assert model.device == torch.device("meta")
    moved = [*model.network.parameters(), loss.weight, metric.tp]
    assert {tensor.device.type for tensor in moved} == {"meta"}


def test_an_optimizer_that_is_left_behind(make_model):
    """Where a network gets new parameters, its optimizer would train nothing: an error says so."""
    with pytest.raises(ValueError, match="the optimizer does not belong to the network"):
        make_model("sgd").to("meta")


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_the_state_of_an_optimizer_moves_too(make_model, batches, name):
    """What an optimizer has gathered goes to the GPU and back with the network."""
    settings = {"optim": name, "lr": 0.1} | ({"momentum": 0.9} if name == "sgd" else {})
    model = make_model(settings)
    for device in ("cuda", "cpu"):
        model.fit_generator(batches, epochs=1, verbose=False)
        model.to(device)
        [state, *_] = model.optimizer.state.values()
        moments = [value for value in state.values() if getattr(value, "ndim", 0)]
        assert moments
        assert {tensor.device.type for tensor in moments} == {device}


def test_moving_to_where_it_is_changes_nothing(make_model, batches):
    """`cpu` on the CPU leaves weights and the optimizer's state, and training goes on alike."""
    settings = {"optim": "sgd", "lr": 0.1, "momentum": 0.9}
    one, other = make_model(settings), make_model(settings)
    for model in (one, other):
        model.fit_generator(batches, epochs=1, verbose=False)
    assert one.cpu().device == torch.device("cpu")
    for model in (one, other):
        model.fit_generator(batches, epochs=1, verbose=False)
    assert torch.equal(one.network.weight, other.network.weight)


def test_seeds_make_random_numbers_come_again():
    """Python, NumPy and torch repeat themselves after the same seed, and differ after another."""

    def numbers(seed):
        set_seeds(seed)
        return random.random(), np.random.random(), torch.rand(1).item()

    assert numbers(3) == numbers(3)
    assert all(one != other for one, other in zip(numbers(3), numbers(4), strict=True))
    assert numbers(0) == numbers(0)
    assert numbers(2**32 - 1) == numbers(2**32 - 1)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_out_of_range(seed):
    """A seed that NumPy would refuse is refused before any generator is touched."""
    state = random.getstate(), torch.get_rng_state()
    with pytest.raises(ValueError, match=f"from 0 to 2\\*\\*32 - 1, not {seed}"):
        set_seeds(seed)
    assert random.getstate() == state[0]
    assert torch.equal(torch.get_rng_state(), state[1])
