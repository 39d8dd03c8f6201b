# SPDX-License-Identifier: MIT
import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import Callback, SimpleModel, TrainingLoop
from callbacks_policies import ClipNorm, Freeze, GradualUnfreezing

BATCHES = list(torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(1)))


class Net(torch.nn.Module):
    """A body of two layers with batch normalization, and a head."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.ModuleDict(
            {"low": torch.nn.Linear(3, 4), "norm": torch.nn.BatchNorm1d(4)}
        )
        self.high = torch.nn.Linear(4, 4)
        self.head = torch.nn.Linear(4, 1)

    def forward(self, x):
        return self.head(self.high(self.body["norm"](self.body["low"](x))).tanh())


BODY = {"body.low.weight", "body.low.bias", "body.norm.weight", "body.norm.bias"}
STATISTICS = {"body.norm.running_mean", "body.norm.running_var", "body.norm.num_batches_tracked"}
HIGH = {"high.weight", "high.bias"}
HEAD = {"head.weight", "head.bias"}


def sgd(network):
    return torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)


class Moves(Callback):
    """Tells for each epoch which tensors of the network have changed."""

    def __init__(self):
        self.moved = []

    def on_epoch_begin(self, epoch_number, logs):
        self.before = copy.deepcopy(self.model.network.state_dict())

    def on_epoch_end(self, epoch_number, logs):
        after = self.model.network.state_dict()
        self.moved.append({k for k in after if not torch.equal(after[k], self.before[k])})


def train(callbacks, network, optimizer, *, epochs=3, first=1, batches=BATCHES):
    losses = []
    with TrainingLoop(network, optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(epochs, initial_epoch=first):
            for x in epoch.train(batches):
                loss = network(x).square().mean()
                loss.backward()
                loop.backward_end()
                optimizer.step()
                optimizer.zero_grad(set_to_none=False)
                losses.append(loss.item())
    return losses


@pytest.mark.parametrize("make", [sgd, lambda n: torch.optim.AdamW(n.parameters())], ids=["s", "a"])
def test_what_is_frozen_does_not_move(make):
    """Neither by weight decay nor by momentum, and statistics stay; then it is trained again."""
    network, moves = Net(), Moves()
    train([Freeze("body", until_epoch=3), moves], network, make(network))
    assert moves.moved == [HIGH | HEAD, HIGH | HEAD, BODY | STATISTICS | HIGH | HEAD]
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("pattern", "frozen"),
    [
        ("*.bias", {"body.low.bias", "body.norm.bias", "high.bias", "head.bias"}),
        ("h??d.weight", {"head.weight"}),
        (["high", "head.bias"], HIGH | {"head.bias"}),
        ("body.[ln]*", BODY | STATISTICS),
    ],
    ids=["ends", "letters", "several", "sets"],
)
def test_patterns_are_of_qualified_names(pattern, frozen):
    """Of parameters, or of modules that have them; without an end it is for the whole run."""
    network, moves = Net(), Moves()
    train([Freeze(pattern), moves], network, sgd(network), epochs=2)
    assert moves.moved == [(BODY | STATISTICS | HIGH | HEAD) - frozen] * 2


def test_statistics_can_go_on_moving():
    """On request, batch normalization stays in training mode."""
    network, moves = Net(), Moves()
    train([Freeze("body", batch_norm=False), moves], network, sgd(network), epochs=1)
    assert moves.moved == [STATISTICS | HIGH | HEAD]


def test_layers_join_one_after_the_other():
    """The first pattern counts, so that the last one can be of the rest."""
    network, moves = Net(), Moves()
    gradual = GradualUnfreezing(["high", "*.norm", "body"], every=2)
    train([gradual, moves], network, sgd(network), epochs=7)
    norm = {name for name in BODY | STATISTICS if "norm" in name}
    assert moves.moved == [
        *[HEAD] * 2,
        *[HEAD | HIGH] * 2,
        *[HEAD | HIGH | norm] * 2,
        HEAD | HIGH | BODY | STATISTICS,
    ]


def test_a_frozen_parameter_has_no_gradient_and_is_not_in_its_norm():
    """A clipper that comes later in the list measures what is trained."""
    network, clip = Net(), None
    clip = ClipNorm(network.parameters(), 9.0)
    train([Freeze(["body", "high", "head.weight"]), clip], network, sgd(network), epochs=1)
    assert clip.total_norm > 0
    assert [name for name, p in network.named_parameters() if p.grad is not None] == ["head.bias"]


def test_what_is_thawed_begins_like_new():
    """The optimizer has forgotten what it knew of it in a training before."""
    network = Net()
    optimizer = sgd(network)
    train([], network, optimizer, epochs=1)
    known = set(optimizer.state)

    class Looks(Callback):
        def on_epoch_begin(self, epoch_number, logs):
            assert set(optimizer.state) == known - set(network.body.parameters())

    train([Freeze("body", until_epoch=3), Looks()], network, optimizer, epochs=3)
    assert set(optimizer.state) == known


@pytest.mark.parametrize("break_with", [RuntimeError("broken"), KeyboardInterrupt()])
def test_everything_is_as_before_when_a_run_breaks(break_with):
    """What could be trained can be trained, and what could not cannot; modes are put back."""

    class Breaks(Callback):
        def on_train_batch_end(self, batch_number, logs):
            raise break_with

    network = Net()
    network.high.bias.requires_grad_(False)
    with pytest.raises(type(break_with)):
        train([Freeze(["body", "high"]), Breaks()], network, sgd(network))
    frozen = [name for name, p in network.named_parameters() if not p.requires_grad]
    assert frozen == ["high.bias"]
    assert all(module.training for module in network.modules())


def test_each_training_freezes_anew_and_copies_do_too():
    """The same instance does the same to another network."""
    freeze = Freeze("body", until_epoch=2)
    for callback in (freeze, freeze, copy.deepcopy(freeze), pickle.loads(pickle.dumps(freeze))):
        network, moves = Net(), Moves()
        train([callback, moves], network, sgd(network), epochs=2)
        assert moves.moved[0] == HIGH | HEAD
        assert moves.moved[1] >= BODY


@given(after=st.integers(1, 5), gradual=st.booleans())
def test_a_resumed_run_is_the_uninterrupted_one(after, gradual):
    """After any epoch, with the network's and the optimizer's states alone."""

    def make():
        return (
            GradualUnfreezing(["high", "b*"], every=2) if gradual else Freeze("h*", until_epoch=4)
        )

    network = Net()
    whole = train(make(), network, sgd(network), epochs=6)
    network = Net()
    optimizer = sgd(network)
    losses = train(make(), network, optimizer, epochs=after)
    resumed = Net()
    resumed.load_state_dict(network.state_dict())
    again = sgd(resumed)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert losses + train(make(), resumed, again, epochs=6, first=after + 1) == whole


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Freeze("boddy"), "no parameter of the network matches 'boddy'; did you mean "
         "'body'?"),
        (lambda: Freeze(["body", "zzz"]), "no parameter of the network matches 'zzz'; it has "
         "'body.low.weight', 'body.low.bias', 'body.norm.weight', 'body.norm.bias', "
         "'high.weight', …"),
        (lambda: GradualUnfreezing(["high", "haed.bias"]),
         "no parameter of the network matches 'haed.bias'; did you mean 'head.bias'?"),
    ],
    ids=["near", "far", "later"],
)  # fmt: skip
def test_a_pattern_that_matches_nothing_is_told_before_the_first_epoch(make, message):
    """With the near miss, or with what there is."""
    network = Net()
    with pytest.raises(ValueError, match="no parameter") as caught:
        train(make(), network, sgd(network))
    assert str(caught.value) == message


def test_names_are_those_of_the_network_within_a_wrapper():
    """`torch.compile` and `DataParallel` add nothing to them."""
    network = Net()
    wrapped = torch.nn.DataParallel(torch.compile(network, backend="eager"))
    freeze = Freeze(["body", "high"])
    freeze.set_model(SimpleModel(wrapped, sgd(network)))
    freeze.on_train_begin({})
    freeze.on_epoch_begin(1, {})
    assert [n for n, p in network.named_parameters() if p.requires_grad] == sorted(HEAD)[::-1]


def test_something_must_be_left_to_train():
    """A backward pass through nothing that is trained would fail in torch's words."""
    network = Net()
    with pytest.raises(ValueError, match="every parameter of the network would be frozen"):
        train(GradualUnfreezing(["high", "*"]), network, sgd(network))


def test_what_is_to_be_trained_later_must_be_known_to_the_optimizer():
    """One that was made of the head's parameters would never move the others."""
    network = Net()
    optimizer = torch.optim.SGD(network.head.parameters(), lr=0.1)
    train(Freeze(["body", "high"]), network, optimizer, epochs=1)
    with pytest.raises(
        ValueError, match=r"'body.low.weight' is to be trained from epoch 2 on, but"
    ):
        train(Freeze("body", until_epoch=2), network, optimizer)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Freeze(3), TypeError, "`pattern` must be a pattern of names or several, not 3"),
        (lambda: Freeze(["a", 3]), TypeError,
         "`pattern` must be a pattern of names or several, not 3"),
        (lambda: Freeze([]), ValueError, "`pattern` must have a pattern of names, not []"),
        (lambda: Freeze(""), ValueError, "`pattern` must have a pattern of names, not ''"),
        (lambda: Freeze("a", until_epoch=1), ValueError, "`until_epoch` must be at least 2, not 1"),
        (lambda: Freeze("a", until_epoch="2"), TypeError,
         "`until_epoch` must be a whole number, not '2'"),
        (lambda: Freeze("a", batch_norm=1), TypeError, "`batch_norm` must be True or False, not 1"),
        (lambda: GradualUnfreezing("a"), TypeError, "`stages` must be a list of patterns, not 'a'"),
        (lambda: GradualUnfreezing([]), ValueError, "`stages` must hold at least one pattern"),
        (lambda: GradualUnfreezing(["a", []]), ValueError,
         "`stages[1]` must have a pattern of names, not []"),
        (lambda: GradualUnfreezing(["a"], every=0), ValueError,
         "`every` must be at least 1, not 0"),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_wrong_argument_is_refused(make, error, message):
    """Each message says what was expected and what came."""
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message
