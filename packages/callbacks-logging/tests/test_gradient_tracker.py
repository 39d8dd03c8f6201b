# SPDX-License-Identifier: MIT
import copy
import io
import pickle

import pytest

from callbacks_core import HopelessPathError, LambdaCallback, SimpleModel, TrainingLoop
from callbacks_core.testing import play
from callbacks_logging import TensorBoardGradientTracker

torch = pytest.importorskip("torch")


class Writer:
    """A writer that remembers."""

    def __init__(self):
        self.scalars = []
        self.flushed = 0

    def add_scalars(self, main_tag, tag_scalar_dict, global_step):
        self.scalars.append((main_tag, tag_scalar_dict, global_step))

    def flush(self):
        self.flushed += 1


class Weights(torch.nn.Module):
    """Two weights, one of which is rarely used, and a bias."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))
        self.rare = torch.nn.Parameter(torch.zeros(2))
        self.layer_bias = torch.nn.Parameter(torch.zeros(1))


def give(network, script):
    """Before each step, give the parameters their gradients from the script."""

    def backward(batch_number):
        for name, weight in network.named_parameters():
            values = script.get(name, [])
            value = values[(batch_number - 1) % len(values)] if values else None
            weight.grad = None if value is None else torch.tensor(value)

    return LambdaCallback(on_backward_end=backward)


def track(script, epochs=1, batches=2, keep_bias=False, **options):
    """Train with gradients from a script; return the calls of the writer."""
    network, writer = Weights(), Writer()
    tracker = TensorBoardGradientTracker(writer, keep_bias)
    callbacks = [give(network, script), tracker]
    play(callbacks, [{}] * epochs, batches=batches, model=SimpleModel(network), **options)
    return writer.scalars


def test_each_statistic_is_a_call_of_its_own():
    """Order, tags, curves and step are the reference's; the extremes are those of the epoch."""
    script = {"weight": [[2.0, -3.0, 1.0], [4.0, 8.0, -6.0]], "layer_bias": [[7.0]]}
    mean, std = 4.0, 8**0.5  # of 2 and 6
    assert track(script, initial_epoch=3) == [
        ("gradient_distributions/weight", {"mean": mean}, 3),
        ("gradient_distributions/weight", {"mean_std_dev_up": pytest.approx(mean + std)}, 3),
        ("gradient_distributions/weight", {"mean_std_dev_down": pytest.approx(mean - std)}, 3),
        ("other_gradient_stats/weight", {"min": -6.0}, 3),
        ("other_gradient_stats/weight", {"max": 8.0}, 3),
    ]


def test_extremes_need_not_lie_on_both_sides_of_zero():
    """Gradients that are all positive have a positive minimum."""
    calls = track({"weight": [[2.0, 3.0, 4.0]]})
    assert [curve for _, curve, _ in calls[3:]] == [{"min": 2.0}, {"max": 4.0}]


@pytest.mark.parametrize(("keep_bias", "names"), [(True, ["layer_bias", "weight"]), (False, [])])
def test_a_bias_is_known_by_its_name(keep_bias, names):
    """It is shown where it is asked for."""
    tags = {tag for tag, *_ in track({"layer_bias": [[1.0]], "weight": [None]}, 1, 2, keep_bias)}
    shown = {tag.partition("/")[2] for tag in tags}
    assert shown == ({"layer_bias"} if keep_bias else set())
    assert keep_bias or names == []


def test_batches_without_a_gradient_are_left_out():
    """A parameter that is rarely used has the mean of those batches in which it was."""
    script = {"rare": [None, [1.0, -1.0], None, [3.0, -3.0]], "weight": [[1.0, 1.0, 1.0]]}
    values = {(tag, name): v for tag, row, _ in track(script, 1, 4) for name, v in row.items()}
    assert values["gradient_distributions/rare", "mean"] == 2.0
    assert values["other_gradient_stats/rare", "max"] == 3.0
    assert values["gradient_distributions/weight", "mean_std_dev_up"] == 1.0


def test_each_epoch_begins_anew():
    """What one epoch had does not count in the next."""
    network, writer = Weights(), Writer()
    scale = iter([8.0, 1.0])
    script = {}
    change = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: script.update(weight=[[next(scale)] * 3])
    )
    callbacks = [change, give(network, script), TensorBoardGradientTracker(writer)]
    play(callbacks, [{}] * 2, model=SimpleModel(network))
    maxima = [row["max"] for _, row, _ in writer.scalars if "max" in row]
    assert maxima == [8.0, 1.0]


def test_it_trains_networks_of_other_sizes_one_after_the_other():
    """The parameters are found anew, and nothing of the first training stays."""
    writer = Writer()
    tracker = TensorBoardGradientTracker(writer)
    for size in (2, 4):
        network = torch.nn.Linear(size, 1)
        network.weight.grad = torch.full((1, size), float(size))
        play(tracker, [{}], model=SimpleModel(network))
    assert [row["mean"] for _, row, _ in writer.scalars if "mean" in row] == [2.0, 4.0]
    assert tracker._observed is None


def test_weights_that_are_frozen_are_not_shown():
    """Though a gradient of earlier may still be there."""
    network, writer = Weights(), Writer()
    network.weight.grad = torch.ones(3)
    network.weight.requires_grad_(False)
    play(TensorBoardGradientTracker(writer), [{}], model=SimpleModel(network))
    assert writer.scalars == []
    assert writer.flushed == 1


def test_an_epoch_that_is_broken_off_is_gone_on_with():
    """The state, through a file that may hold no code, leads to the same charts."""
    script = {"weight": [[2.0, -3.0, 1.0], [4.0, 8.0, -6.0], [1.0, 1.0, 1.0]], "rare": [None]}
    expected = track(script, batches=3)
    network, writer = Weights(), Writer()
    first, second = TensorBoardGradientTracker(Writer()), TensorBoardGradientTracker(writer)
    states = []
    save = LambdaCallback(on_train_batch_end=lambda batch, logs: states.append(first.state_dict()))
    play([give(network, script), first, save], [{}], batches=2, model=SimpleModel(network))
    torch.save(states[-1], file := io.BytesIO())
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert second.state_dict()
    rest = {name: values[2:] or values for name, values in script.items()}
    play([give(network, rest), second], [{}], batches=1, model=SimpleModel(network))
    assert [(t, pytest.approx(r), s) for t, r, s in writer.scalars] == expected


def test_copies_have_nothing_of_the_epoch_that_runs():
    """Neither the network nor what was measured."""
    network = Weights()
    network.weight.grad = torch.ones(3)
    tracker = TensorBoardGradientTracker(Writer())
    copies = []
    look = LambdaCallback(
        on_train_batch_end=lambda batch, logs: copies.append(pickle.loads(pickle.dumps(tracker)))
    )
    play([tracker, look], [{}], model=SimpleModel(network))
    assert [duplicate._observed for duplicate in copies] == [None, None]
    assert copy.deepcopy(tracker).state_dict() == {}


def test_other_ranks_write_nothing(monkeypatch, tmp_path):
    """And measure nothing that nobody needs."""
    monkeypatch.setenv("RANK", "1")
    network = Weights()
    network.weight.grad = torch.ones(3)
    tracker = TensorBoardGradientTracker(tmp_path / "runs")
    seen = []
    watch = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(tracker._running))
    play([tracker, watch], [{}], model=SimpleModel(network))
    assert seen == [None, None]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3,), "`writer` must have a method add_scalars"),
        ((Writer,), "`writer` is the class Writer, not an instance of it"),
        ((Writer(), "no"), "`keep_bias` must be True or False, not 'no'"),
    ],
)
def test_bad_arguments_are_refused_at_once(arguments, message):
    """The message says what is expected."""
    with pytest.raises(TypeError, match=message):
        TensorBoardGradientTracker(*arguments)


def test_a_hopeless_folder_is_refused_before_the_first_batch(tmp_path):
    """A file in the place of the folder can never become one."""
    (tmp_path / "runs").touch()
    with pytest.raises(HopelessPathError, match="cannot be written"):
        play(TensorBoardGradientTracker(tmp_path / "runs"), [{}], model=SimpleModel(Weights()))


def test_tensorboard_reads_a_folder(tmp_path):
    """Each statistic is a run, whose tags are the parameters; a resumed epoch is shown once."""
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    for first, epochs in ((1, 2), (2, 1)):
        tracker = TensorBoardGradientTracker(tmp_path / "runs")
        with TrainingLoop(network, callbacks=[tracker]) as loop:
            for epoch in loop.epochs(first + epochs - 1, initial_epoch=first):
                for x in epoch.train([torch.ones(2, 3)]):
                    network.zero_grad()
                    (network(x).sum() * first).backward()
                    loop.backward_end()
    assert len(list((tmp_path / "runs").iterdir())) == 5
    expected = (network[0].weight.grad.abs().mean().item(), network[0].weight.grad.min().item())
    for run, tag, value in (
        ("mean", "gradient_distributions/0.weight", expected[0]),
        ("min", "other_gradient_stats/0.weight", expected[1]),
    ):
        events = module.EventAccumulator(str(tmp_path / "runs" / run))
        events.Reload()
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        assert found == [(1, pytest.approx(value / 2)), (2, pytest.approx(value))]


def test_the_writer_of_torch_takes_it(tmp_path):
    """And stays open."""
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    network = torch.nn.Linear(2, 1)
    network.weight.grad = torch.ones(1, 2)
    with SummaryWriter(str(tmp_path / "runs")) as writer:
        play(TensorBoardGradientTracker(writer), [{}], model=SimpleModel(network))
        writer.add_scalar("still", 1.0)
    names = {path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()}
    assert "gradient_distributions_weight_mean_std_dev_up" in names


def test_a_look_reads_nothing():
    """Neither for a tensor nor for all of them: the numbers come over when the epoch ends."""
    from torch.overrides import TorchFunctionMode

    reads = []

    class Count(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            name = getattr(function, "__name__", "")
            if name in ("item", "tolist", "numpy", "cpu", "__float__", "__bool__", "__index__"):
                reads.append(name)
            return function(*args, **(kwargs or {}))

    network = torch.nn.ParameterList([torch.zeros(n % 7 + 1, 3) for n in range(100)])
    for weight in network:
        weight.grad = torch.ones_like(weight)
    writer = Writer()
    tracker = TensorBoardGradientTracker(writer)
    look = tracker.on_backward_end

    def counted(batch_number):
        with Count():
            look(batch_number)

    tracker.on_backward_end = counted
    play(tracker, [{}], batches=3, model=SimpleModel(network))
    assert reads == []
    assert len(writer.scalars) == 500
