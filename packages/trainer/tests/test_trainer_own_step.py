# SPDX-License-Identifier: MIT
import copy
import io

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

from callbacks_core import Callback, LambdaCallback, OptimizerSteps
from callbacks_core.testing import Recorder
from callbacks_trainer import CombinedOptimizer, Model, accuracy


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def batches(count=5):
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(6, 4, generator=generator), torch.randint(0, 3, (6,), generator=generator))
        for _ in range(count)
    ]


def fit(model, data=None, **options):
    return model.fit_generator(data or batches(), **{"epochs": 2, "verbose": False, **options})


def weights(model):
    return [parameter.tolist() for parameter in model.network.parameters()]


def own_step(model, batch):
    x, y = batch
    y_pred = model.network(x)
    return {"loss": cross_entropy(y_pred, y), **model.measure(y_pred, y)}


class Overriding(Model):
    def training_step(self, batch):
        return own_step(self, batch)


@pytest.mark.parametrize("batches_per_step", [1, 2])
@pytest.mark.parametrize("overriding", [True, False])
def test_a_step_of_ones_own_gives_the_numbers_of_the_built_in_one(overriding, batches_per_step):
    """Overridden or passed, with accumulation too: weights and logs are equal, bit for bit."""
    plain = Model(network(), "sgd", cross_entropy, batch_metrics=["accuracy"])
    expected = fit(plain, batches_per_step=batches_per_step)
    if overriding:
        own = Overriding(network(), "sgd", None, batch_metrics=["accuracy"])
    else:
        own = Model(network(), "sgd", None, batch_metrics=["accuracy"], training_step=own_step)
    found = fit(own, batches_per_step=batches_per_step)
    for epoch in (*expected, *found):
        epoch.pop("time")
    assert found == expected
    assert weights(own) == weights(plain)


def test_every_hook_is_called_as_ever():
    """Callbacks see no difference between a step of one's own and the built-in one."""
    seen = []
    for model in (
        Model(network(), "sgd", cross_entropy),
        Model(network(), "sgd", None, training_step=own_step),
    ):
        recorder = Recorder()
        fit(model, callbacks=[recorder])
        seen.append([call.hook for call in recorder.calls])
    assert seen[0] == seen[1]


def test_a_batch_may_be_of_any_structure():
    """A mapping, three parts: the step takes it apart."""
    model = Model(
        network(),
        "sgd",
        None,
        training_step=lambda model, batch: cross_entropy(model.network(batch["x"]), batch["y"]),
    )
    data = [{"x": x, "y": y} for x, y in batches()]
    history = fit(model, data)
    assert history[1]["loss"] < history[0]["loss"]


def test_values_are_averaged_over_the_examples():
    """Whatever the step returns beside the loss is in the logs, weighted."""
    model = Model(
        network(),
        "sgd",
        None,
        training_step=lambda model, batch: {
            "loss": cross_entropy(model.network(batch[0]), batch[1]),
            "examples": float(len(batch[0])),
        },
    )
    data = [*batches(1), (torch.randn(2, 4), torch.tensor([0, 1]))]
    assert fit(model, data)[0]["examples"] == pytest.approx((6 * 6 + 2 * 2) / 8)


class GAN(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.generator = nn.Linear(2, 4)
        self.critic = nn.Linear(4, 1)


def gan_step(model, batch):
    real, _ = batch
    fake = model.network.generator(torch.ones(len(real), 2))
    critic = model.network.critic
    ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
    critic_loss = binary_cross_entropy_with_logits(
        critic(real), ones
    ) + binary_cross_entropy_with_logits(critic(fake.detach()), zeros)
    model.optimize(critic_loss, "critic")
    loss = binary_cross_entropy_with_logits(critic(fake), ones)
    model.optimize(loss, "generator")
    return {"loss": loss, "critic_loss": critic_loss}


def gan():
    module = GAN()
    optimizers = {
        "generator": torch.optim.Adam(module.generator.parameters(), lr=0.01),
        "critic": torch.optim.SGD(module.critic.parameters(), lr=0.1, momentum=0.9),
    }
    return Model(module, optimizers, None, training_step=gan_step)


def test_two_optimizers_take_turns():
    """The weights are those of the same loop written by hand."""
    model = gan()
    history = fit(model)
    by_hand = GAN()
    generator = torch.optim.Adam(by_hand.generator.parameters(), lr=0.01)
    critic = torch.optim.SGD(by_hand.critic.parameters(), lr=0.1, momentum=0.9)

    class Hand:
        network = by_hand

        def optimize(self, loss, name):
            optimizer = {"generator": generator, "critic": critic}[name]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    for _ in range(2):
        for batch in batches():
            gan_step(Hand(), batch)
    assert weights(model) == [parameter.tolist() for parameter in by_hand.parameters()]
    assert {"loss", "critic_loss"} < history[0].keys()


def test_callbacks_see_one_optimizer():
    """A step counts once a batch, and the groups bear the names of their optimizers."""
    model, counts = gan(), []

    class Count(Callback):
        def on_train_begin(self, logs):
            self.steps = OptimizerSteps()
            self.steps.watch(self.model.optimizer)

        def on_train_batch_end(self, batch_number, logs):
            counts.append(self.steps.take())

    settled = []
    watch = LambdaCallback(on_batch_settled=lambda batch, logs: settled.append(batch))
    fit(model, callbacks=[Count(), watch], epochs=1)
    assert counts == [1] * 5
    assert settled == [1, 2, 3, 4, 5]
    assert [group["name"] for group in model.optimizer.param_groups] == ["generator", "critic"]


def test_a_torch_scheduler_moves_all_groups():
    """Torch's own schedulers take the combined optimizer for one, and do not complain."""
    model = gan()
    scheduler = torch.optim.lr_scheduler.StepLR(model.optimizer, 1, gamma=0.5)
    step = LambdaCallback(on_epoch_end=lambda epoch, logs: scheduler.step())
    fit(model, callbacks=[step])
    members = model.optimizer.optimizers
    assert members["generator"].param_groups[0]["lr"] == 0.0025
    assert members["critic"].param_groups[0]["lr"] == 0.025


def test_the_state_of_all_optimizers_is_saved_and_restored():
    """Training that goes on with it ends where one without a break ends."""
    straight = gan()
    fit(straight, epochs=3)
    first = gan()
    fit(first, epochs=1)
    file = io.BytesIO()
    torch.save([first.network.state_dict(), first.optimizer.state_dict()], file)
    file.seek(0)
    second = gan()
    network_state, optimizer_state = torch.load(file, weights_only=True)
    second.network.load_state_dict(network_state)
    second.optimizer.load_state_dict(optimizer_state)
    fit(second, epochs=3, initial_epoch=2)
    assert weights(second) == weights(straight)
    with pytest.raises(ValueError, match="the optimizers 'a', not of 'generator', 'critic'"):
        second.optimizer.load_state_dict({"a": {}})


def test_one_step_for_all_is_a_step_of_each():
    """Without names, a combined optimizer is an optimizer like any other."""
    module = network()
    separate = copy.deepcopy(module)
    combined = CombinedOptimizer(
        {
            "first": torch.optim.SGD(module[0].parameters(), lr=0.1),
            "last": torch.optim.Adam(module[2].parameters(), lr=0.01),
        }
    )
    optimizers = [
        torch.optim.SGD(separate[0].parameters(), lr=0.1),
        torch.optim.Adam(separate[2].parameters(), lr=0.01),
    ]
    fit(Model(module, combined, cross_entropy))
    for _ in range(2):
        for x, y in batches():
            separate.zero_grad()
            cross_entropy(separate(x), y).backward()
            for optimizer in optimizers:
                optimizer.step()
    assert [p.tolist() for p in module.parameters()] == [p.tolist() for p in separate.parameters()]
    assert combined.state[module[2].weight]["step"] == 10


MODULE = network()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: CombinedOptimizer({}), ValueError, "must hold at least one optimizer"),
        (lambda: CombinedOptimizer([1]), TypeError, r"must be a mapping of names, not \[1\]"),
        (
            lambda: CombinedOptimizer({"a": "adam"}),
            TypeError,
            "must map names to optimizers, not 'a' to str",
        ),
        (
            lambda: CombinedOptimizer(
                {name: torch.optim.SGD(MODULE.parameters(), lr=0.1) for name in "ab"}
            ),
            ValueError,
            "'a' and 'b' train the same parameter",
        ),
        (
            lambda: Model(MODULE, "sgd", None, training_step=3),
            TypeError,
            "`training_step` must be a function of a model and a batch, not 3",
        ),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_made(make, error, message):
    """With what was expected."""
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("step", "options", "error", "message"),
    [
        (lambda model, batch: None, {}, TypeError, "must return the loss, or a mapping .*None"),
        (lambda model, batch: {"los": 1.0}, {}, ValueError, "called 'loss', not only 'los'"),
        (lambda model, batch: torch.ones(2), {}, ValueError, r"not a tensor of shape \(2,\)"),
        (lambda model, batch: {"loss": 1.0}, {}, ValueError, "nothing would be learnt"),
        (
            lambda model, batch: model.optimize(model.network(batch[0]).sum(), "generatr"),
            {},
            KeyError,
            "no optimizer 'generatr'.*a single one, without a name",
        ),
        (
            lambda model, batch: model.optimize(model.network(batch[0]).sum()),
            {"batches_per_step": 2},
            ValueError,
            "must return the loss, not minimize it by itself",
        ),
    ],
)
def test_a_step_that_cannot_work_is_told(step, options, error, message):
    """In the first batch, with what was expected."""
    model = Model(network(), "sgd", None, training_step=step)
    with pytest.raises(error, match=message):
        fit(model, **options)
    assert model.running_step is None


def test_the_near_miss_of_an_optimizers_name_is_suggested():
    """The names there are, too."""
    model = gan()
    model._training_step = lambda model, batch: model.optimize(batch[0].sum(), "generatr")
    with pytest.raises(KeyError, match=r"did you mean 'generator'.*the model has 'generator', 'cr"):
        fit(model)


def test_optimizing_is_for_a_running_step():
    """Anywhere else it is an error, and so is train_on_batch with a step of one's own."""
    model = Model(network(), "sgd", cross_entropy, training_step=own_step)
    with pytest.raises(RuntimeError, match="is for a training step, while it runs"):
        model.optimize(torch.zeros(()))
    with pytest.raises(ValueError, match="not with the model's own training step"):
        model.train_on_batch(*batches(1)[0])


def regression():
    x = torch.linspace(-1, 1, 40).reshape(-1, 1).expand(40, 4)
    return [(x, x.sum(1, keepdim=True) * 2 + 1)]


@pytest.mark.parametrize("by_name", [True, False])
def test_lbfgs_trains(by_name):
    """Its steps are torch's own, and what is logged is of the weights before each."""
    torch.manual_seed(0)
    module = nn.Linear(4, 1)
    by_hand = copy.deepcopy(module)
    optimizer = "lbfgs" if by_name else torch.optim.LBFGS(module.parameters())
    recorder = Recorder()
    history = fit(Model(module, optimizer, "mse"), regression(), epochs=4, callbacks=[recorder])
    own, losses = torch.optim.LBFGS(by_hand.parameters()), []
    for _ in range(4):
        ((x, y),) = regression()

        def closure(x=x, y=y):
            own.zero_grad()
            loss = mse_loss(by_hand(x), y)
            loss.backward()
            return loss

        losses.append(own.step(closure).item())
    assert [epoch["loss"] for epoch in history] == losses
    assert module.weight.tolist() == by_hand.weight.tolist()
    assert [call.hook for call in recorder.calls].count("on_backward_end") == 4
    assert losses[-1] < 1e-6


def test_lbfgs_takes_a_single_batch_and_no_accumulation():
    """`train_on_batch` works; several batches for a step cannot."""
    model = Model(nn.Linear(4, 1), "lbfgs", "mse", batch_metrics=[("l1", nn.L1Loss())])
    first = model.train_on_batch(*regression()[0])
    assert model.train_on_batch(*regression()[0])[0] < first[0]
    with pytest.raises(ValueError, match="cannot accumulate: `batches_per_step` must be 1, not 2"):
        fit(model, regression(), batches_per_step=2)


def test_metrics_are_measured_in_a_step_of_ones_own():
    """The accuracy that `measure` adds is the one of the function."""
    model = Model(network(), "sgd", None, batch_metrics=[accuracy], training_step=own_step)
    x, y = batches(1)[0]
    expected = accuracy(model.network(x), y).item()
    assert fit(model, [(x, y)], epochs=1)[0]["accuracy"] == pytest.approx(expected)
