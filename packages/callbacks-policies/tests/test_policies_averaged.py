# SPDX-License-Identifier: MIT
import copy
import io
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.swa_utils import (
    AveragedModel,
    get_ema_multi_avg_fn,
    get_swa_multi_avg_fn,
    update_bn,
)

from callbacks_core import Callback, CallbackList, DelayCallback, SimpleModel, TrainingLoop
from callbacks_policies import EMA, SWA

BATCHES = list(torch.randn(5, 6, 3, generator=torch.Generator().manual_seed(1)))
BOTH = pytest.mark.parametrize(
    "make", [EMA, lambda **options: SWA(1, **options)], ids=["ema", "swa"]
)


def network_with(*, norm=False):
    torch.manual_seed(0)
    middle = torch.nn.BatchNorm1d(4) if norm else torch.nn.Tanh()
    return torch.nn.Sequential(
        torch.nn.Linear(3, 4), middle, torch.nn.Dropout(0.3), torch.nn.Linear(4, 1)
    )


def optimizer_of(network):
    return torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)


def weights_of(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


class Seen(Callback):
    """Keeps the weights as they are at some hooks."""

    def __init__(self):
        self.trained, self.validated, self.ended, self.tested = [], [], [], []

    def _keep(self, place):
        place.append(weights_of(self.model.network))

    def on_train_batch_end(self, batch_number, logs):
        self._keep(self.trained)

    def on_valid_batch_end(self, batch_number, logs):
        self._keep(self.validated)

    def on_epoch_end(self, epoch_number, logs):
        self._keep(self.ended)

    def on_test_batch_end(self, batch_number, logs):
        self._keep(self.tested)


def train(
    callbacks, *, network, optimizer=None, epochs=3, first=1, batches=BATCHES, valid=True, by=1
):
    optimizer = optimizer or optimizer_of(network)
    with TrainingLoop(network, optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(epochs, initial_epoch=first):
            for number, x in enumerate(epoch.train(batches), 1):
                loss = network(x).square().mean()
                loss.backward()
                if number % by == 0 or number == len(batches):
                    loop.backward_end()
                    optimizer.step()
                    optimizer.zero_grad()
                loop.log(loss=loss)
            if valid:
                for x in epoch.valid(batches[:1]):
                    loop.log(loss=network(x).square().mean())
    return loop


def averages_by_hand(trained, multi_avg_fn, **options):
    """Return torch's average after each of the weights."""
    source = network_with(norm=any("running_mean" in name for name in trained[0]))
    model = AveragedModel(source, multi_avg_fn=multi_avg_fn, **options)
    found = []
    for weights in trained:
        source.load_state_dict(weights)
        model.update_parameters(source)
        found.append(weights_of(model.module))
    return found


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("use_buffers", [False, True])
def test_validation_is_under_the_average_that_torch_works_out(norm, use_buffers):
    """EMA's averages are those of an `AveragedModel` that is updated after each step."""
    seen = Seen()
    train([EMA(0.7, use_buffers=use_buffers), seen], network=network_with(norm=norm))
    expected = averages_by_hand(seen.trained, get_ema_multi_avg_fn(0.7), use_buffers=use_buffers)
    assert len(seen.validated) == 3
    for weights, averages in zip(seen.validated, expected[4::5], strict=True):
        assert same(weights, averages)


def test_swa_is_the_mean_over_the_ends_of_epochs():
    """From its first epoch on, as torch works it out; before, the weights are the network's."""
    seen = Seen()
    train([SWA(2), seen], network=network_with(), epochs=4)
    ends = seen.trained[4::5]
    assert same(seen.validated[0], ends[0])
    expected = averages_by_hand(ends[1:], get_swa_multi_avg_fn())
    for weights, averages in zip(seen.validated[1:], expected, strict=True):
        assert same(weights, averages)


def test_swa_can_count_steps_of_the_optimizer():
    """With accumulation, every second step is not every second batch."""
    seen, swa = Seen(), SWA(2, every=2)
    train([swa, seen], network=network_with(), epochs=3, by=2)
    assert swa.steps == 6
    ends = [seen.trained[batch] for batch in (8, 11, 14)]  # after steps 2, 4 and 6
    expected = averages_by_hand(ends, get_swa_multi_avg_fn())
    assert same(seen.validated[1], expected[0])
    assert same(seen.validated[2], expected[2])


def test_buffers_can_be_averaged_but_for_whole_numbers():
    """A mean of statistics is one; a mean of counts of batches is not, and torch fails on it."""
    seen = Seen()
    train([SWA(1, use_buffers=True), seen], network=network_with(norm=True), epochs=2)
    ends = seen.trained[4::5]
    mean = torch.lerp(ends[0]["1.running_mean"], ends[1]["1.running_mean"], 0.5)
    assert torch.equal(seen.validated[1]["1.running_mean"], mean)
    assert seen.validated[1]["1.num_batches_tracked"] == 10


def test_the_warm_up_forgets_the_first_weights():
    """The decay rises from 2/11 to what it is to be."""
    ema = EMA(0.9, warmup=True)
    assert [ema.decay_at(n) for n in (1, 2, 1000)] == [2 / 11, 3 / 12, 0.9]
    seen = Seen()
    train([ema, seen], network=network_with(), epochs=1)
    average = seen.trained[0]["0.weight"]
    for n, weights in enumerate(seen.trained[1:], 1):
        average = torch.lerp(average, weights["0.weight"], 1 - (1 + n) / (10 + n))
    assert torch.equal(seen.validated[0]["0.weight"], average)


def test_ema_waits_for_its_first_step_and_its_turns():
    """Steps before the first do not count, and those between turns only move the network."""
    seen = Seen()
    train([EMA(0.5, start_step=1, every=2), seen], network=network_with(), epochs=2)
    expected = averages_by_hand([seen.trained[n] for n in (2, 4, 6, 8)], get_ema_multi_avg_fn(0.5))
    assert same(seen.validated[0], expected[1])
    assert same(seen.validated[1], expected[3])


def test_before_the_first_average_the_network_is_evaluated_as_it_is():
    """There is nothing to swap."""
    seen = Seen()
    train([EMA(start_step=100), seen], network=network_with(), epochs=1)
    assert same(seen.validated[0], seen.trained[-1])


@pytest.mark.parametrize(
    "make",
    [
        lambda: EMA(0.5, use_buffers=True),
        lambda: SWA(1, loader=BATCHES),
        lambda: SWA(1, every=1, use_buffers=True),
    ],
    ids=["ema", "swa", "steps"],
)
def test_training_is_not_touched(make):
    """With dropout and batch normalization, the trained weights are the same bit for bit."""
    alone, seen = Seen(), Seen()
    train(alone, network=network_with(norm=True))
    train([make(), seen], network=network_with(norm=True))
    assert all(map(same, alone.trained, seen.trained))
    assert all(map(same, alone.ended, seen.ended))
    assert not all(map(same, alone.validated, seen.validated))


def test_the_statistics_are_those_of_the_averaged_weights():
    """As `update_bn` works them out on the loader."""
    seen, network = Seen(), network_with(norm=True)
    train([SWA(2, loader=BATCHES[1:3]), seen], network=network, epochs=3)
    twin = network_with(norm=True)
    expected = averages_by_hand(seen.trained[9::5], get_swa_multi_avg_fn())
    twin.load_state_dict(expected[-1])
    update_bn(BATCHES[1:3], twin)
    assert same(seen.validated[-1], weights_of(twin))
    assert network[1].momentum == 0.1
    assert network.training


def test_the_statistics_are_worked_out_once_for_an_average():
    """A second evaluation uses them again."""

    class Counted(list):
        passes = 0

        def __iter__(self):
            Counted.passes += 1
            return super().__iter__()

    swa, network = SWA(3, loader=Counted(BATCHES)), network_with(norm=True)
    loop = train(swa, network=network, valid=False)
    assert Counted.passes == 0
    with loop:
        for _ in range(2):
            for _ in loop.test(BATCHES):
                pass
    assert Counted.passes == 1


@BOTH
@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_an_exception_while_validating_leaves_the_trained_weights(make, error):
    """Whoever catches it finds the weights that were trained."""

    class Breaks(Callback):
        def on_valid_batch_end(self, batch_number, logs):
            raise error

    seen, network = Seen(), network_with()
    with pytest.raises(type(error)):
        train([make(), seen, Breaks()], network=network, epochs=1)
    assert same(weights_of(network), seen.trained[-1])
    assert len(seen.validated) == 1
    assert not same(seen.validated[0], seen.trained[-1]) or make is not EMA


def test_a_loader_that_breaks_leaves_the_network_as_it_was():
    """Weights, statistics, momentum and mode."""

    class Broken:
        def __iter__(self):
            yield BATCHES[0]
            raise OSError("the disk is gone")

    seen, network = Seen(), network_with(norm=True)
    with pytest.raises(OSError, match="the disk is gone"):
        train([SWA(1, loader=Broken()), seen], network=network, epochs=1)
    assert same(weights_of(network), seen.trained[-1])
    assert network[1].momentum == 0.1


def test_an_empty_loader_is_told():
    """Statistics of nothing would be those of a new network."""
    with pytest.raises(ValueError, match="`loader` has no batch to work out the statistics"):
        train(SWA(1, loader=[]), network=network_with(norm=True), epochs=1)


@BOTH
def test_swapped_at_the_end_for_good(make):
    """On request the trained network has the averaged weights."""
    networks = [network_with(), network_with()]
    for network, swap_at_end in zip(networks, (False, True), strict=True):
        callback = make(swap_at_end=swap_at_end)
        train(callback, network=network)
        kept = weights_of(network)
        with callback.applied():
            averaged = weights_of(network)
        assert same(kept, averaged) == swap_at_end
        assert same(kept, weights_of(network))


def test_the_weights_that_were_validated_can_be_saved():
    """Until its own end of the epoch a callback leaves the averaged ones in the network."""
    before, after = Seen(), Seen()
    train([before, EMA(until_epoch_end=True), after], network=network_with())
    assert all(map(same, before.ended, before.validated))
    assert all(map(same, after.ended, after.trained[4::5]))


@BOTH
def test_a_test_is_under_the_average_when_the_callback_is_there(make):
    """After training, and in a new process that has loaded the state."""
    callback, seen, network = make(), Seen(), network_with()
    train(callback, network=network)
    fresh = make()
    fresh.load_state_dict(callback.state_dict())
    with callback.applied():
        averaged = weights_of(network)
    for used in (callback, fresh):
        with TrainingLoop(network, optimizer_of(network), callbacks=[used, seen]) as loop:
            for _ in loop.test(BATCHES[:1]):
                pass
            for _ in loop.predict(BATCHES[:1]):
                assert same(weights_of(network), averaged)
    assert [same(weights, averaged) for weights in seen.tested] == [True, True]
    assert not same(weights_of(network), averaged)


MADE = [
    lambda: EMA(0.8),
    lambda: EMA(0.9, warmup=True, every=2, start_step=3, use_buffers=True),
    lambda: SWA(1, every=3, loader=BATCHES[:2]),
    lambda: SWA(2, use_buffers=True),
]


@given(make=st.sampled_from(MADE), after=st.integers(1, 9), by=st.integers(1, 2))
def test_a_resumed_run_is_the_uninterrupted_one(make, after, by):
    """Stopped after any batch that settles and resumed, weights and averages are the same."""

    class Cut(Callback):
        file = None

        def on_batch_settled(self, batch_number, logs):
            self.batches = getattr(self, "batches", 0) + 1
            if self.batches == after:
                Cut.file = io.BytesIO()
                states = [listed.state_dict(), network.state_dict(), optimizer.state_dict()]
                torch.save([*states, torch.get_rng_state(), batch_number], Cut.file)
                Cut.epoch = epoch[0]
                raise KeyboardInterrupt

    class Counts(Callback):
        def on_epoch_begin(self, epoch_number, logs):
            epoch[:] = [epoch_number]

    epoch, whole = [], Seen()
    network = network_with(norm=True)
    last = make()
    train([last, whole], network=network, by=by)
    network = network_with(norm=True)
    optimizer = optimizer_of(network)
    listed = CallbackList([make(), Cut(), Counts()])
    try:
        train(listed, network=network, optimizer=optimizer, by=by)
    except KeyboardInterrupt:
        pass
    else:
        assert after > 3 * math.ceil(5 / by)  # fewer steps than that
        return
    Cut.file.seek(0)
    states, weights, slots, random, batch = torch.load(Cut.file, weights_only=True)
    network, rest, again = network_with(norm=True), Seen(), make()
    optimizer = optimizer_of(network)
    network.load_state_dict(weights)
    optimizer.load_state_dict(slots)
    torch.set_rng_state(random)
    resumed = CallbackList([again, rest])
    resumed.load_state_dict(states)
    with TrainingLoop(network, optimizer, callbacks=resumed) as loop:
        for running in loop.epochs(3, initial_epoch=Cut.epoch):
            left = list(enumerate(BATCHES, 1))
            if running.number == Cut.epoch:
                left = left[batch:]
            for number, x in running.train(left) if left else ():
                network(x).square().mean().backward()
                if number % by == 0 or number == len(BATCHES):
                    loop.backward_end()
                    optimizer.step()
                    optimizer.zero_grad()
            for x in running.valid(BATCHES[:1]):
                network(x)
    count = len(rest.trained)
    assert all(map(same, rest.trained, whole.trained[len(whole.trained) - count :]))
    assert all(map(same, rest.validated, whole.validated[-len(rest.validated) :]))
    assert flat(again.state_dict()) == flat(last.state_dict())


def flat(state):
    averaged = state["averaged"]
    return {**state, "averaged": averaged and flat_average(averaged)}


def flat_average(averaged):
    return averaged["updates"], [tensor.tolist() for tensor in averaged["tensors"]]


@BOTH
def test_averaging_does_not_wait_for_the_device(make):
    """On the meta device there is nothing to read, and reading raises."""
    callback = make()
    network = torch.nn.Linear(2, 2, device="meta")
    callback.set_model(SimpleModel(network, optimizer_of(network)))
    for _ in range(3):
        callback.average_now()
    with callback.applied():
        assert network.weight.device.type == "meta"


def test_each_training_begins_anew_and_copies_do_too():
    """Nothing is left of the averages before."""
    ema = EMA(0.5)
    results = []
    for callback in (ema, ema, copy.deepcopy(ema), pickle.loads(pickle.dumps(ema))):
        seen = Seen()
        train([callback, seen], network=network_with(), epochs=1)
        results.append(seen.validated[0])
    assert all(same(results[0], result) for result in results)


def test_a_delayed_average_begins_when_it_is_heard():
    """Steps under a delay are none of its own."""
    ema = EMA()
    train([DelayCallback(ema, epoch_delay=1)], network=network_with(), epochs=2)
    assert ema.steps == 5


def test_nothing_is_left_on_the_optimizer():
    """After training nobody counts the optimizer's steps any more."""
    network = network_with()
    optimizer = optimizer_of(network)
    train([EMA(), SWA(1)], network=network, optimizer=optimizer, epochs=1)
    assert not optimizer._optimizer_step_post_hooks


def test_a_state_of_another_network_is_refused():
    """When training begins, with what differs."""
    ema = EMA()
    train(ema, network=network_with(), epochs=1)
    fresh = EMA()
    fresh.load_state_dict(ema.state_dict())
    with pytest.raises(
        ValueError,
        match=r"are those of another network: 4 tensors of 21 numbers, where this one has 2 .* 4 ",
    ):
        train(fresh, network=torch.nn.Linear(3, 1))


def test_batch_normalization_asks_for_a_way_to_its_statistics():
    """Before the first batch, with both ways."""
    with pytest.raises(ValueError, match=r"pass SWA the `loader` .*, or `use_buffers=True`"):
        train(SWA(1), network=network_with(norm=True))


def test_without_an_optimizer_there_are_no_steps_to_average_after():
    """A model that is only evaluated has none."""
    network = network_with()
    with (
        pytest.raises(ValueError, match="EMA needs an optimizer, and the model has none"),
        TrainingLoop(network, callbacks=EMA()) as loop,
    ):
        next(loop.epochs(1))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: EMA(1.5), ValueError, "`decay` must be from 0 to 1, not 1.5"),
        (lambda: EMA(math.nan), ValueError, "`decay` must be from 0 to 1, not nan"),
        (lambda: EMA("0.9"), TypeError, "`decay` must be a number, not '0.9'"),
        (lambda: EMA(warmup=3), TypeError, "`warmup` must be True or False, not 3"),
        (lambda: EMA(start_step=-1), ValueError, "`start_step` must be at least 0, not -1"),
        (lambda: EMA(every=0), ValueError, "`every` must be at least 1, not 0"),
        (lambda: EMA(use_buffers=1), TypeError, "`use_buffers` must be True or False, not 1"),
        (lambda: SWA(0), ValueError, "`start_epoch` must be at least 1, not 0"),
        (lambda: SWA(0.75), TypeError, "`start_epoch` must be a whole number, not 0.75"),
        (lambda: SWA(1, every=0), ValueError, "`every` must be at least 1, not 0"),
        (lambda: SWA(1, loader=3), TypeError,
         "`loader` must be batches that can be gone through again, not 3"),
        (lambda: SWA(1, loader=BATCHES, use_buffers=True), ValueError,
         "pass either `loader` or `use_buffers=True`: buffers are either worked out anew or"
         " averaged"),
        (lambda: SWA(1, swap_at_end=None), TypeError,
         "`swap_at_end` must be True or False, not None"),
    ],
    ids=range(13),
)  # fmt: skip
def test_a_wrong_argument_is_refused(make, error, message):
    """Each message says what was expected and what came."""
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_an_iterator_is_no_loader_to_come_back_to():
    """It would be used up after the first evaluation."""
    with pytest.raises(TypeError, match="`loader` must be batches that can be gone through again"):
        SWA(1, loader=iter(BATCHES))
