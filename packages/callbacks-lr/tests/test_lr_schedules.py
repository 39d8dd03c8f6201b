# SPDX-License-Identifier: MIT
import copy
import inspect
import io
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

import callbacks_lr
from callbacks_core import (
    Callback,
    CallbackList,
    DelayCallback,
    MissingMetricError,
    NotAttachedError,
    SimpleModel,
    TrainingLoop,
)
from callbacks_core.testing import play
from callbacks_lr import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRSchedulerCallback,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
    Warmup,
    WarmupStableDecay,
)


def halve_at_two(step_on):
    return StepLR(2, gamma=0.5, step_on=step_on)


def decay_at_three(step_on):
    return StepLR(3, step_on=step_on)


def plateau_of_minima(step_on):
    return ReduceLROnPlateau(factor=0.5, patience=1, cooldown=1, monitor="loss", step_on=step_on)


def plateau_of_maxima(step_on):
    return ReduceLROnPlateau("max", 0.3, 0, monitor="loss", step_on=step_on)


class Halved:
    """A function that is an object, and knows how often it was called."""

    def __init__(self):
        self.calls = 0

    def __call__(self, step):
        self.calls += 1
        return 0.5**step * (1 + self.calls / 100)


def warm_cosine(step_on):
    parts = [LinearLR(total_iters=3), CosineAnnealingLR(6)]
    return SequentialLR(parts, [3], step_on=step_on)


def nested(step_on):
    chain = ChainedScheduler([ConstantLR(0.5, 2), ExponentialLR(0.9)])
    inner = SequentialLR([chain, StepLR(2, 0.5)], [2])
    return SequentialLR([LinearLR(total_iters=2), inner, PolynomialLR(5)], [3, 8], step_on=step_on)


def chain_of_chain(step_on):
    chain = ChainedScheduler([ConstantLR(0.5, 4), MultiplicativeLR(lambda step: 0.9)])
    return ChainedScheduler([chain, LinearLR(total_iters=3)], step_on=step_on)


BY_NAME = {
    "halve_at_two": halve_at_two,
    "decay_at_three": decay_at_three,
    "plateau_of_minima": plateau_of_minima,
    "plateau_of_maxima": plateau_of_maxima,
    "a_lambda": lambda step_on: LambdaLR(lambda step: 1 / (1 + step), step_on=step_on),
    "a_callable_object": lambda step_on: LambdaLR(Halved(), step_on=step_on),
    "a_builtin": lambda step_on: LambdaLR(math.cos, step_on=step_on),
    "multiplicative": lambda step_on: MultiplicativeLR(
        lambda step: 1 - step / 100, step_on=step_on
    ),
    "multi_step": lambda step_on: MultiStepLR([2, 5, 5, 9], 0.5, step_on=step_on),
    "exponential": lambda step_on: ExponentialLR(0.9, step_on=step_on),
    "cosine": lambda step_on: CosineAnnealingLR(7, 0.01, step_on=step_on),
    "warm_restarts": lambda step_on: CosineAnnealingWarmRestarts(3, 2, 0.01, step_on=step_on),
    "linear": lambda step_on: LinearLR(0.1, total_iters=6, step_on=step_on),
    "constant": lambda step_on: ConstantLR(0.5, 4, step_on=step_on),
    "polynomial": lambda step_on: PolynomialLR(9, 2.0, step_on=step_on),
    "cyclic": lambda step_on: CyclicLR(0.01, 0.1, 3, 2, step_on=step_on),
    "cyclic_scaled": lambda step_on: CyclicLR(0.01, 0.1, 3, scale_fn=math.exp, step_on=step_on),
    "one_cycle": lambda step_on: OneCycleLR(0.1, 13, step_on=step_on),
    "three_phases": lambda step_on: OneCycleLR(
        0.1, 14, three_phase=True, cycle_momentum=False, step_on=step_on
    ),
    "warm_cosine": warm_cosine,
    "warm_plateau": lambda step_on: Warmup(then=plateau_of_minima(step_on), steps=3),
    "warm_cycle": lambda step_on: Warmup(then=OneCycleLR(0.1, 9, step_on=step_on), steps=3),
    "warm_nested": lambda step_on: Warmup(then=nested(step_on), steps=2, start_factor=0.0),
    "warm_inside": lambda step_on: SequentialLR(
        [StepLR(2), Warmup(then=ExponentialLR(0.5), steps=3)], [4], step_on=step_on
    ),
    "stable": lambda step_on: WarmupStableDecay(
        warmup_steps=3, decay_steps=4, total_steps=11, shape="sqrt", step_on=step_on
    ),
    "nested": nested,
    "chain_of_chain": chain_of_chain,
}
SCHEDULES = list(BY_NAME.values())
every_schedule = pytest.mark.parametrize("make", SCHEDULES, ids=list(BY_NAME))
LOSSES = [3.0, 2.0, 2.0, 2.5, 2.6, 1.0, 1.0, 1.0, 0.5, 0.6, 0.7, 0.8]


def make_optimizer(lr=0.1, groups=1, **options):
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(groups)]
    parts = [{"params": [weight], "lr": lr / (n + 1)} for n, weight in enumerate(weights)]
    return torch.optim.SGD(parts, lr=lr, **{"momentum": 0.5, **options})


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


def momenta(optimizer):
    return [group["momentum"] for group in optimizer.param_groups]


class Watcher(Callback):
    """Keeps the learning rates that each batch is trained with, and each epoch's logs' rates."""

    def __init__(self):
        self.batches = []
        self.momenta = []
        self.settled = []

    def on_backward_end(self, batch_number):
        self.batches.append(rates(self.model.optimizer))
        self.momenta.append(momenta(self.model.optimizer))

    def on_settled(self, epoch_number, logs):
        self.settled.append(rates(self.model.optimizer))


def train(callbacks, optimizer, losses, *, accumulate=1, announce=True):
    """Train with one epoch for each list of losses, one batch for each loss."""
    with TrainingLoop(torch.nn.Linear(1, 1), optimizer, callbacks=callbacks) as loop:
        for epoch, batches in zip(loop.epochs(len(losses)), losses, strict=False):
            for number, loss in enumerate(epoch.train(batches), 1):
                if number % accumulate == 0 or number == len(batches):
                    if announce:
                        loop.backward_end()
                    optimizer.step()
                loop.log(loss=loss, size=1)


def in_epochs(losses, batches=1):
    return [losses[start : start + batches] for start in range(0, len(losses), batches)]


def by_hand(schedule, optimizer, losses):
    """Return the rates before each step of torch's own scheduler, and those after the last."""
    scheduler = schedule.build(optimizer)
    curve = [rates(optimizer)]
    for loss in losses:
        optimizer.step()
        scheduler.step(*([loss] if schedule.monitor else []))
        curve.append(rates(optimizer))
    return curve


@every_schedule
@pytest.mark.parametrize("groups", [1, 2])
def test_a_schedule_per_epoch_is_torchs_own(make, groups):
    """The rate of every epoch is what torch's scheduler gives, driven by hand."""
    watcher, optimizer = Watcher(), make_optimizer(groups=groups)
    train([make("epoch"), watcher], optimizer, in_epochs(LOSSES))
    expected = by_hand(make("epoch"), make_optimizer(groups=groups), LOSSES)
    assert watcher.batches == expected[:-1]
    assert watcher.settled == expected[1:]


@every_schedule
def test_a_schedule_per_batch_is_torchs_own(make):
    """Stepping on batches moves the rate with every step of the optimizer."""
    watcher, optimizer = Watcher(), make_optimizer()
    train([make("batch"), watcher], optimizer, in_epochs(LOSSES, batches=4))
    expected = by_hand(make("batch"), make_optimizer(), LOSSES)
    assert watcher.batches == expected[:-1]
    assert rates(optimizer) == expected[-1]


@every_schedule
@pytest.mark.parametrize("rate", [0.1, torch.tensor(0.1)], ids=["number", "tensor"])
def test_a_step_leaves_in_the_scheduler_what_torchs_own_does(make, rate):
    """The quick way through many steps ends with the same counters and rates."""
    schedule, optimizers = make("batch"), [make_optimizer(), make_optimizer()]
    for optimizer in optimizers:
        optimizer.param_groups[0]["lr"] = copy.deepcopy(rate)
    train([schedule], optimizers[0], in_epochs(LOSSES, batches=4))
    scheduler = make("batch").build(optimizers[1])
    for loss in LOSSES:
        optimizers[1].step()
        scheduler.step(*([loss] if schedule.monitor else []))
    expected = make("batch")
    expected._scheduler = scheduler
    assert schedule.state_dict()["scheduler"] == expected.state_dict()["scheduler"]
    assert rates(optimizers[0]) == rates(optimizers[1])


@pytest.mark.parametrize("announce", [True, False])
@pytest.mark.parametrize(("accumulate", "steps"), [(1, 10), (2, 6), (3, 4), (5, 2), (9, 2)])
def test_a_batch_step_is_an_optimizer_step(accumulate, steps, announce):
    """With accumulation the schedule moves once per step, announced to the loop or not."""
    optimizer = make_optimizer(lr=1.0)
    train(
        StepLR(1, gamma=0.5, step_on="batch"),
        optimizer,
        [LOSSES[:5], LOSSES[:5]],
        accumulate=accumulate,
        announce=announce,
    )
    assert rates(optimizer) == [0.5**steps]


def test_a_skipped_step_is_not_counted():
    """A batch whose step mixed precision skips does not move the schedule."""
    optimizer = make_optimizer(lr=1.0)
    with TrainingLoop(
        torch.nn.Linear(1, 1), optimizer, callbacks=StepLR(1, gamma=0.5, step_on="batch")
    ) as loop:
        for epoch in loop.epochs(1):
            for number in epoch.train([1, 2, 3, 4]):
                loop.backward_end()
                if number > 1:
                    optimizer.step()
                loop.log(loss=0.0, size=1)
    assert rates(optimizer) == [0.125]


def test_a_delayed_schedule_counts_from_when_it_is_heard():
    """Steps under a delay do not pile up."""
    optimizer = make_optimizer(lr=1.0)
    delayed = DelayCallback(StepLR(1, gamma=0.5, step_on="batch"), batch_delay=3)
    train(delayed, optimizer, [LOSSES[:5]])
    assert rates(optimizer) == [0.25]


@every_schedule
@pytest.mark.parametrize("step_on", ["epoch", "batch"])
def test_training_again_starts_from_the_first_rates(make, step_on):
    """The same instance takes the same course again, and does not decay twice."""
    schedule, optimizer = make(step_on), make_optimizer(groups=2)
    courses = []
    for _ in range(3):
        watcher = Watcher()
        train([schedule, watcher], optimizer, in_epochs(LOSSES))
        courses.append(watcher.batches)
    assert any(rates != courses[0][0] for rates in courses[0])
    assert courses[0] == courses[1] == courses[2]


def test_another_optimizer_brings_its_own_rates():
    """An instance that is used with a new optimizer starts from that one's rates."""
    schedule = StepLR(1, gamma=0.5)
    train(schedule, make_optimizer(lr=1.0), in_epochs(LOSSES))
    optimizer = make_optimizer(lr=8.0)
    train(schedule, optimizer, in_epochs(LOSSES[:3]))
    assert rates(optimizer) == [1.0]


def through_a_file(state):
    """Return the state as it comes back from a file, where no code can hide."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


class Cut(Callback):
    """Keeps the states of the run after so many steps, and ends it there."""

    def __init__(self, after, step_on):
        self.left = after
        self.step_on = step_on
        self.callbacks = None
        self.states = None

    def on_batch_settled(self, batch_number, logs):
        self._count("batch")

    def on_settled(self, epoch_number, logs):
        self._count("epoch")

    def _count(self, what):
        if what != self.step_on:
            return
        self.left -= 1
        if self.left == 0:
            self.states = through_a_file(
                {
                    "callbacks": self.callbacks.state_dict(),
                    "optimizer": self.model.optimizer.state_dict(),
                }
            )
            self.model.stop_training = True


@settings(max_examples=500, deadline=None)
@given(
    make=st.sampled_from(SCHEDULES),
    step_on=st.sampled_from(["epoch", "batch"]),
    after=st.integers(1, len(LOSSES) - 1),
    with_optimizer_state=st.booleans(),
    second=st.sampled_from([None, "before", "after"]),
    accumulate=st.sampled_from([1, 2]),
)
def test_a_resumed_run_is_the_uninterrupted_one(
    make, step_on, after, with_optimizer_state, second, accumulate
):
    """Stopped after any step and resumed in a new process, all rates are exactly the same.

    That holds whether or not the optimizer's own state comes back, and with two schedules on one
    optimizer in either order.
    """

    def schedules():
        listed = [make(step_on)]
        if second is not None:
            listed.insert(second == "after", StepLR(4, gamma=0.9, step_on=step_on))
        return listed

    def in_loop(losses):
        repeated = [loss for loss in losses for _ in range(accumulate)]
        return [repeated] if step_on == "batch" else in_epochs(repeated, accumulate)

    def training(callbacks, optimizer, losses):
        train(callbacks, optimizer, in_loop(losses), accumulate=accumulate)

    whole, optimizer = Watcher(), make_optimizer(groups=2)
    training([*schedules(), whole], optimizer, LOSSES)
    expected, end = whole.batches, rates(optimizer)

    first, cut = Watcher(), Cut(after, step_on)
    cut.callbacks = CallbackList([*schedules(), first, cut])
    training(cut.callbacks, make_optimizer(groups=2), LOSSES)

    rest, optimizer = Watcher(), make_optimizer(groups=2)
    callbacks = CallbackList([*schedules(), rest])
    callbacks.load_state_dict(cut.states["callbacks"])
    if with_optimizer_state:
        optimizer.load_state_dict(cut.states["optimizer"])
    training(callbacks, optimizer, LOSSES[after:])

    assert first.batches + rest.batches == expected
    cycles = [BY_NAME[name] for name in ("cyclic", "one_cycle", "warm_cycle")]
    if with_optimizer_state or make in cycles:
        assert first.momenta + rest.momenta == whole.momenta
    assert rates(optimizer) == end


@pytest.mark.parametrize("schedule_first", [True, False])
def test_the_rates_come_back_whichever_was_saved_first(schedule_first):
    """An optimizer saved before the schedule stepped does not set the schedule back."""
    optimizer = make_optimizer(lr=1.0)
    schedule = StepLR(1, gamma=0.5)
    saved = {}

    class SaveOptimizer(Callback):
        def on_epoch_end(self, epoch_number, logs):
            saved.update(copy.deepcopy(self.model.optimizer.state_dict()))

    order = [schedule, SaveOptimizer()] if schedule_first else [SaveOptimizer(), schedule]
    train(order, optimizer, in_epochs(LOSSES[:3]))
    fresh, resumed = make_optimizer(lr=1.0), StepLR(1, gamma=0.5)
    fresh.load_state_dict(saved)
    resumed.load_state_dict(through_a_file(schedule.state_dict()))
    watcher = Watcher()
    train([resumed, watcher], fresh, in_epochs(LOSSES[:2]))
    assert watcher.batches == [[0.125], [0.0625]]


def test_a_state_goes_to_a_file_and_back(tmp_path):
    """`save_state` and `load_state` take a str, a path and an open file."""
    schedule = StepLR(1, gamma=0.5)
    train(schedule, make_optimizer(lr=1.0), in_epochs(LOSSES[:2]))
    expected = schedule.state_dict()
    path = tmp_path / "made" / "state.pt"
    schedule.save_state(path)
    with open(tmp_path / "open.pt", "wb") as file:
        schedule.save_state(file)
    for source in (path, str(path), tmp_path / "open.pt"):
        loaded = StepLR(1, gamma=0.5)
        loaded.load_state(source)
        assert loaded.state_dict() == expected
    with open(path, "rb") as file:
        loaded.load_state(file)
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["state.pt"]


def test_loading_a_state_while_training_takes_effect_at_once():
    """The next step goes on from the state loaded, and the next training starts anew."""
    optimizer = make_optimizer(lr=1.0)
    schedule = StepLR(2, gamma=0.5)
    model = SimpleModel(torch.nn.Linear(1, 1), optimizer)
    play(schedule, [{}, {}, {}], model=model)
    state = schedule.state_dict()
    play(schedule, [{}, {}, {}, {}], model=model)
    schedule.load_state_dict(state)
    assert rates(optimizer) == [0.5]
    schedule.on_epoch_end(4, {})
    assert rates(optimizer) == [0.25]
    play(schedule, [{}], model=model)
    assert rates(optimizer) == [1.0]


def test_a_state_before_training_is_empty_and_one_loaded_stays():
    """Nothing is learnt before the first training; a loaded state is kept until it is used."""
    schedule = StepLR(2)
    assert schedule.state_dict() == {}
    schedule.load_state_dict({})
    play(schedule, [{}], model=SimpleModel(torch.nn.Linear(1, 1), make_optimizer()))
    other = StepLR(2)
    other.load_state_dict(schedule.state_dict())
    assert other.state_dict() == schedule.state_dict()


def test_a_copy_starts_anew_without_the_optimizer():
    """Copies and pickles keep the arguments; a state that waits to be used is kept as well."""
    schedule = StepLR(2, gamma=0.5)
    play(schedule, [{}] * 3, model=SimpleModel(torch.nn.Linear(1, 1), make_optimizer()))
    for copied in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert copied.state_dict() == {}
        optimizer = make_optimizer(lr=1.0)
        play(copied, [{}] * 2, model=SimpleModel(torch.nn.Linear(1, 1), optimizer))
        assert rates(optimizer) == [0.5]
    schedule.load_state_dict(schedule.state_dict())
    assert copy.deepcopy(schedule).state_dict() == schedule.state_dict() != {}


def test_a_rate_that_is_a_tensor_stays_one():
    """The tensor of a capturable optimizer is written into, not replaced."""
    rate = torch.tensor(1.0)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=rate)
    schedule = StepLR(1, gamma=0.5)
    for _ in range(2):
        train(schedule, optimizer, in_epochs(LOSSES[:3]))
        assert optimizer.param_groups[0]["lr"] is rate
        assert rate.item() == 0.125
    assert through_a_file(schedule.state_dict())["rates"] == [0.125]


@every_schedule
def test_no_warning_of_torch_leaks(make, recwarn):
    """An epoch in which no step was taken is nothing to warn of."""
    optimizer = make_optimizer()
    with TrainingLoop(
        torch.nn.Linear(1, 1), optimizer, callbacks=[make("epoch"), make("batch")]
    ) as loop:
        for epoch in loop.epochs(3):
            for _ in epoch.train([1]):
                loop.log(loss=1.0, size=1)
    assert [str(warning.message) for warning in recwarn] == []


def test_nothing_is_left_on_the_optimizer():
    """After training nobody counts the optimizer's steps any more."""
    optimizer = make_optimizer()
    train(StepLR(1, step_on="batch"), optimizer, in_epochs(LOSSES))
    assert not optimizer._optimizer_step_post_hooks


@pytest.mark.parametrize(
    ("step_on", "hook"), [("epoch", "on_epoch_end"), ("batch", "on_train_batch_end")]
)
def test_only_the_hook_that_steps_is_listened_to(step_on, hook):
    """A schedule per epoch costs nothing per batch; an override is heard all the same."""

    class Loud(StepLR):
        def on_epoch_begin(self, epoch_number, logs):
            super().on_epoch_begin(epoch_number, logs)

    both = {"on_epoch_end", "on_train_batch_end"}
    schedule = StepLR(1, step_on=step_on)
    assert {name for name in both if schedule.listens_to(name)} == {hook}
    assert Loud(1, step_on=step_on).listens_to("on_epoch_begin")


def public_schedules():
    listed = [getattr(callbacks_lr, name) for name in callbacks_lr.__all__]
    return [
        value
        for value in listed
        if inspect.isclass(value) and issubclass(value, LRSchedulerCallback)
        if value is not LRSchedulerCallback
    ]


@pytest.mark.parametrize(
    "schedule", [one for one in public_schedules() if hasattr(lr_scheduler, one.__name__)]
)
def test_arguments_are_those_of_torch(schedule):
    """Names, order and defaults are torch's without the optimizer; ours are keywords only."""
    torchs = inspect.signature(getattr(lr_scheduler, schedule.__name__)).parameters
    ours = inspect.signature(schedule).parameters
    keyword = [name for name, value in ours.items() if value.kind is value.KEYWORD_ONLY]
    assert set(keyword) - {"monitor"} == {"step_on"}
    expected = {
        name: value.default
        for name, value in torchs.items()
        if name not in ("optimizer", "verbose")  # the latter is deprecated, and gone in new ones
    }
    assert {n: v.default for n, v in ours.items() if n not in keyword} == expected
    assert [name for name in ours if name not in keyword] == list(expected)


@pytest.mark.parametrize("schedule", public_schedules())
@pytest.mark.parametrize("keyword", [True, False])
def test_an_optimizer_is_refused_with_the_fix(schedule, keyword):
    """Whoever writes torch's call is told what to leave out."""
    optimizer = make_optimizer()
    arguments = {"optimizer": optimizer} if keyword else {}
    with pytest.raises(ValueError, match=f"{schedule.__name__} takes no optimizer.*write "):
        schedule(*([] if keyword else [optimizer]), **arguments)


def test_torch_has_no_scheduler_that_we_lack():
    """When torch grows one, this says so."""
    assert set(lr_scheduler.__all__) - {"LRScheduler"} <= set(callbacks_lr.__all__)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: StepLR(0), ValueError, "`step_size` must be at least 1, not 0"),
        (lambda: StepLR(1.5), TypeError, "`step_size` must be a whole number, not 1.5"),
        (lambda: StepLR(1, -0.1), ValueError, "`gamma` must be at least 0, not -0.1"),
        (lambda: StepLR(1, float("nan")), ValueError, "`gamma` must be finite, not nan"),
        (lambda: StepLR(1, "0.1"), TypeError, "`gamma` must be a number, not '0.1'"),
        (lambda: StepLR(1, 0.1, -2), ValueError, "`last_epoch` must be at least -1, not -2"),
        (
            lambda: StepLR(1, step_on="epochs"),
            ValueError,
            "`step_on` must be one of 'epoch', 'batch', not 'epochs'; did you mean 'epoch'?",
        ),
        (
            lambda: ReduceLROnPlateau("mim"),
            ValueError,
            "`mode` must be one of 'min', 'max', not 'mim'; did you mean 'min'?",
        ),
        (lambda: ReduceLROnPlateau(factor=1.0), ValueError, "`factor` must be less than 1"),
        (lambda: ReduceLROnPlateau(factor=-1), ValueError, "`factor` must be at least 0, not -1"),
        (lambda: ReduceLROnPlateau(patience=-1), ValueError, "`patience` must be at least 0"),
        (lambda: ReduceLROnPlateau(threshold=-1), ValueError, "`threshold` must be at least 0"),
        (lambda: ReduceLROnPlateau(threshold_mode="a"), ValueError, "`threshold_mode` must be one"),
        (lambda: ReduceLROnPlateau(cooldown=0.5), TypeError, "`cooldown` must be a whole number"),
        (lambda: ReduceLROnPlateau(min_lr=[0, -1]), ValueError, "`min_lr` must be at least 0"),
        (lambda: ReduceLROnPlateau(eps=None), TypeError, "`eps` must be a number, not None"),
        (lambda: ReduceLROnPlateau(monitor=3), TypeError, "`monitor` must be the name of a value"),
    ],
)
def test_a_wrong_argument_is_refused_at_once(make, error, message):
    """Each message says what was wrong, what was expected and what came."""
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_a_missing_metric_ends_the_run_with_its_near_miss():
    """The names that the logs have are listed."""
    model = SimpleModel(torch.nn.Linear(1, 1), make_optimizer())
    with pytest.raises(MissingMetricError, match=r"no 'val_los' in .*'loss'.*mean 'val_loss'\?"):
        play(ReduceLROnPlateau(monitor="val_los"), [{"val_loss": 1.0}], model=model)


def test_rates_for_another_number_of_groups_are_refused():
    """A list of smallest rates must fit the optimizer."""
    model = SimpleModel(torch.nn.Linear(1, 1), make_optimizer(groups=3))
    with pytest.raises(ValueError, match="expected 3 min_lrs, got 2"):
        play(ReduceLROnPlateau(min_lr=[0.1, 0.2]), [{"val_loss": 1.0}], model=model)
    schedule = StepLR(1)
    play(schedule, [{}], model=model)
    other = StepLR(1)
    other.load_state_dict(schedule.state_dict())
    with pytest.raises(ValueError, match="rates for 3 parameter groups, but the optimizer has 1"):
        play(other, [{}], model=SimpleModel(torch.nn.Linear(1, 1), make_optimizer()))


def test_a_state_of_something_else_is_refused():
    """The state of torch's own scheduler lacks the rates."""
    optimizer = make_optimizer()
    with pytest.raises(ValueError, match=r"not the state of a StepLR callback: .* 'base_rates'"):
        StepLR(1).load_state_dict(lr_scheduler.StepLR(optimizer, 1).state_dict())


def test_without_an_optimizer_there_is_nothing_to_schedule():
    """A model that is only evaluated has none."""
    with pytest.raises(ValueError, match="StepLR needs an optimizer, and the model has none"):
        play(StepLR(1), [{}])


def test_a_step_before_training_is_an_error():
    """A hook called out of order says so."""
    with pytest.raises(NotAttachedError, match="StepLR steps in a training that has begun only"):
        StepLR(1).on_epoch_end(1, {})


def test_a_schedule_of_ones_own_needs_only_build():
    """Any scheduler of torch's becomes a callback by a class of four lines."""

    class Exponential(LRSchedulerCallback):
        def build(self, optimizer):
            return lr_scheduler.ExponentialLR(optimizer, 0.5)

    optimizer = make_optimizer(lr=1.0)
    train(Exponential(), optimizer, in_epochs(LOSSES[:3]))
    assert rates(optimizer) == [0.125]
