# SPDX-License-Identifier: MIT
import copy
import math
import random
import sys

import pytest
import torch
from torch.nn.functional import mse_loss

from callbacks_core import SimpleModel
from callbacks_lr import LRCurve, LRFinder


class Noisy(torch.nn.Module):
    """A network with weights, dropout, running statistics, and a buffer that is in no state."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(3, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.Dropout(0.2),
            torch.nn.Linear(8, 1),
        )
        self.register_buffer("seen", torch.zeros(1), persistent=False)

    def forward(self, x):
        self.seen = self.seen + 1
        random.random()
        return self.layers(x)


def make(kind=torch.optim.AdamW, **options):
    torch.manual_seed(3)
    network = Noisy()
    x = torch.randn(64, 3)
    y = x.sum(1, keepdim=True)
    optimizer = kind(network.parameters(), **{"lr": 0.01, **options})
    generator = torch.Generator().manual_seed(1)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(x, y), batch_size=16, shuffle=True, generator=generator
    )
    return SimpleModel(network, optimizer), loader


def train(model, loader, steps=6):
    """Train a little, and return the losses, in which every random state shows."""
    losses = []
    model.network.train()
    while len(losses) < steps:
        for x, y in loader:
            loss = mse_loss(model.network(x), y) * (1 + random.random())
            model.optimizer.zero_grad()
            loss.backward()
            model.optimizer.step()
            losses.append(loss.item())
    return losses


def everything(model):
    network, optimizer = model.network, model.optimizer
    return copy.deepcopy(
        [
            list(network.parameters()),
            [weight.grad for weight in network.parameters()],
            list(network.buffers()),
            [module.training for module in network.modules()],
            optimizer.state_dict(),
            torch.get_rng_state(),
            random.getstate(),
        ]
    )


def same(first, second):
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop])
@pytest.mark.parametrize("begun", [True, False])
def test_everything_is_put_back_bit_for_bit(kind, begun):
    """A training with a test in its midst is the one without, and nothing shows it was there."""
    courses = []
    for tested in (False, True):
        random.seed(1)
        model, loader = make(kind)
        if begun:
            train(model, loader)
        model.network.layers[1].eval()
        if tested:
            before = everything(model)
            curve = LRFinder(steps=30).find(model, loader, mse_loss)
            assert len(curve.rates) > 3
            assert same(before, everything(model))
        courses.append(train(model, loader))
    assert courses[0] == courses[1]


def test_an_error_puts_everything_back_too():
    """What the loss raises is raised, after that."""
    model, loader = make()
    train(model, loader)
    before = everything(model)
    calls = iter(range(5))

    def breaking(output, target):
        if next(calls) == 4:
            raise RuntimeError("the loss broke")
        return mse_loss(output, target)

    with pytest.raises(RuntimeError, match="the loss broke"):
        LRFinder(steps=10).find(model, loader, breaking)
    assert same(before, everything(model))


def test_numpys_random_state_is_put_back():
    """If NumPy is loaded; it is not imported for that."""
    numpy = pytest.importorskip("numpy")
    assert "numpy" in sys.modules
    model, loader = make()
    numpy.random.seed(2)
    expected = numpy.random.RandomState(2).random_sample(4).tolist()

    def drawing(output, target):
        numpy.random.random_sample()
        return mse_loss(output, target)

    LRFinder(steps=5).find(model, loader, drawing)
    assert numpy.random.random_sample(4).tolist() == expected


def test_a_loader_with_a_state_is_put_back():
    """Its position is what it was."""

    class Counting(list):
        position = 7

        def __iter__(self):
            for batch in list.__iter__(self):
                self.position += 1
                yield batch

        def state_dict(self):
            return {"position": self.position}

        def load_state_dict(self, state):
            self.position = state["position"]

    model, loader = make()
    counting = Counting(loader)
    LRFinder(steps=9).find(model, counting, mse_loss)
    assert counting.position == 7


def test_precise_states_and_rates_that_are_tensors_keep_their_kind():
    """States wider than the weights are not cast, and a rate stays the tensor it was."""
    rate = torch.tensor(0.01)
    model, loader = make(lr=rate)
    train(model, loader)
    for state in model.optimizer.state.values():
        state["exp_avg"] = state["exp_avg"].double() + 1e-12
    before = everything(model)
    calls = []
    with pytest.raises(RuntimeError, match="stop"):
        LRFinder(steps=5).find(model, loader, lambda output, target: stop(calls))
    assert same(before, everything(model))
    assert model.optimizer.param_groups[0]["lr"] is rate
    assert next(iter(model.optimizer.state.values()))["exp_avg"].dtype == torch.float64


def stop(calls):
    raise RuntimeError("stop")


def test_rates_rise_by_a_factor_and_the_test_ends_when_the_loss_runs_away():
    """Groups keep their proportion; a loss that is not a number ends the test as well."""
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    network = torch.nn.Module()
    network.first, network.second = weights
    optimizer = torch.optim.SGD(
        [{"params": weights[:1], "lr": 0.2}, {"params": weights[1:], "lr": 0.1}]
    )
    network.forward = lambda x: x * weights[0] + weights[1]
    seen = []

    def loss(output, target):
        seen.append([group["lr"] for group in optimizer.param_groups])
        return mse_loss(output, target)

    batches = [(torch.ones(4, 1), torch.full((4, 1), 5.0))]
    finder = LRFinder(start_lr=1e-3, end_lr=1e3, steps=61, smoothing=0.0)
    curve = finder.find(SimpleModel(network, optimizer), batches, loss)
    assert curve.diverged
    assert 3 < len(curve.rates) < 61
    assert curve.rates[:2] == pytest.approx([1e-3, 1e-3 * 10**0.1])
    assert all(second == pytest.approx(first / 2) for first, second in seen)
    assert curve.losses == curve.smoothed
    nan = LRFinder(steps=9).find(
        SimpleModel(network, optimizer), batches, lambda output, target: output.sum() * math.nan
    )
    assert nan == LRCurve([], [], [], diverged=True)


def valley():
    """A curve flat up to 1e-4, falling to 1e-2, and rising from there."""
    rates = [10 ** (-6 + index / 4) for index in range(21)]
    losses = [1.0 - max(0.0, min(index, 16) - 8) / 10 for index in range(21)]
    losses = [*losses[:16], 0.2, 0.5, 0.9, 1.2, 1.5]
    return LRCurve(rates, losses, losses, diverged=False)


def test_suggestions():
    """Where it falls the fastest, half-way down, and a tenth of where it is lowest."""
    curve = valley()
    assert curve.suggestion("minimum") == pytest.approx(1e-3)
    assert 1e-4 < curve.suggestion("steepest") < 1e-2
    assert 1e-4 <= curve.suggestion() < 1e-2
    trained = LRFinder(steps=50).find(*make(), mse_loss)
    for method in ("steepest", "valley", "minimum"):
        assert 1e-7 < trained.suggestion(method) < 10


def test_a_curve_is_drawn():
    """With its suggestions, on a logarithmic axis."""
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    axes = valley().plot()
    assert axes.get_xscale() == "log"
    labels = [text.get_text().split(":")[0] for text in axes.get_legend().get_texts()]
    assert labels == ["loss", "smoothed", "steepest", "valley", "minimum"]
    assert valley().plot(ax=axes) is axes
    pyplot.close(axes.figure)


@pytest.mark.parametrize(
    ("make_it", "error", "message"),
    [
        (lambda: LRFinder(start_lr=0), ValueError, "`start_lr` must be more than 0, not 0"),
        (lambda: LRFinder(end_lr=1e-9), ValueError, "`end_lr` must be more than `start_lr`, 1e-07"),
        (lambda: LRFinder(steps=2), ValueError, "`steps` must be at least 3, not 2"),
        (lambda: LRFinder(diverge=1), ValueError, "`diverge` must be more than 1, not 1"),
        (lambda: LRFinder(smoothing=1), ValueError, "`smoothing` must be less than 1"),
        (
            lambda: LRFinder().find(make()[0], iter([]), mse_loss),
            TypeError,
            "`loader` must be one that can be gone through again, not list_iterator",
        ),
        (
            lambda: LRFinder().find(make()[0], [], mse_loss),
            ValueError,
            "`loader` has no batch: list is empty",
        ),
        (
            lambda: LRFinder().find(make()[0], [torch.ones(3)], mse_loss),
            TypeError,
            "a batch must be (input, target), not Tensor",
        ),
        (
            lambda: LRFinder().find(SimpleModel(Noisy()), [], mse_loss),
            ValueError,
            "LRFinder needs an optimizer, and the model has none",
        ),
        (
            lambda: LRCurve([1], [1], [1], diverged=True).suggestion(),
            ValueError,
            "a suggestion needs at least 3 losses, not 1: start from a lower learning rate",
        ),
        (
            lambda: valley().suggestion("valey"),
            ValueError,
            "`method` must be one of 'steepest', 'valley', 'minimum', not 'valey'; did you mean",
        ),
    ],
)
def test_a_wrong_use_of_the_finder_is_refused(make_it, error, message):
    """With what was wrong, what was expected and what came."""
    with pytest.raises(error) as caught:
        make_it()
    assert str(caught.value).startswith(message)
