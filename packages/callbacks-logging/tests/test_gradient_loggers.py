# SPDX-License-Identifier: MIT
import csv
import math

import pytest

from callbacks_core import LambdaCallback, SimpleModel, TrainingLoop
from callbacks_core.testing import play
from callbacks_logging import (
    AtomicCSVGradientLogger,
    CSVGradientLogger,
    MemoryGradientLogger,
    TensorBoardGradientLogger,
)

torch = pytest.importorskip("torch")

FILES = pytest.mark.parametrize("logger", [CSVGradientLogger, AtomicCSVGradientLogger])
STATISTICS = ["mean", "std", "var", "min", "max", "abs_min", "abs_max", "l1", "l2", "linf"]


def train(*callbacks, first=1, epochs=2, batches=3, seed=0, zero=False):
    """Train a small network in a loop by hand; the gradients differ from batch to batch."""
    torch.manual_seed(seed)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    data = [torch.randn(5, 3) for _ in range(batches)]
    with TrainingLoop(network, optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(epochs, initial_epoch=first, steps=batches):
            for x in epoch.train(data):
                network(x).square().mean().backward()
                loop.backward_end()
                optimizer.step()
                optimizer.zero_grad()
    return network


def rows(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


def places(path):
    return [(row["epoch"], row["batch"], row["parameter"]) for row in rows(path)]


@FILES
def test_there_is_a_row_for_each_step_and_parameter(tmp_path, logger):
    """Though the gradients are gone when the batch ends."""
    memory = MemoryGradientLogger()
    train(logger(tmp_path / "log.csv"), memory)
    found = rows(tmp_path / "log.csv")
    assert list(found[0]) == ["epoch", "batch", "parameter", *STATISTICS]
    expected = [
        (str(epoch), str(batch), name)
        for epoch in (1, 2)
        for batch in (1, 2, 3)
        for name in ("0.weight", "1.weight")
    ]
    assert places(tmp_path / "log.csv") == expected
    for name, kept in memory.history.items():
        written = [row for row in found if row["parameter"] == name]
        assert [float(row["l2"]) for row in written] == [row["l2"] for row in kept]
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


@FILES
def test_a_file_for_each_parameter(tmp_path, logger):
    """The parameter's name takes the place of the braces, as readers of the reference expect."""
    train(logger(tmp_path / "{}.csv", separator=";", keep_bias=True))
    names = ["0.bias", "0.weight", "1.bias", "1.weight"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.csv" for name in names]
    for name in names:
        found = rows(tmp_path / f"{name}.csv", ";")
        assert list(found[0]) == ["epoch", "batch", *STATISTICS]
        assert len(found) == 6


@FILES
@pytest.mark.parametrize("name", ["log.csv", "{}.csv"])
def test_a_resumed_training_leaves_neither_duplicate_nor_gap(tmp_path, logger, name):
    """Rows of epochs that are trained again are dropped, with a state and without."""
    whole = tmp_path / "whole"
    train(logger(whole / name), epochs=4)
    for folder, with_state in ((tmp_path / "a", False), (tmp_path / "b", True)):
        states = {}
        before = logger(folder / name)
        save = LambdaCallback(
            on_settled=lambda epoch, logs, states=states, before=before: states.update(
                {epoch: before.state_dict()}
            )
        )
        train(before, save, epochs=3)
        after = logger(folder / name, append=True)
        if with_state:
            after.load_state_dict(states[2])
            assert after.state_dict() == states[2]
        train(after, first=3, epochs=4)
        for file in whole.iterdir():
            places = [
                [(r["epoch"], r["batch"]) for r in rows(f / file.name)] for f in (folder, whole)
            ]
            assert places[0] == places[1]


def test_one_in_several_steps_is_looked_at():
    """The first step of an epoch among them; an epoch that is broken off keeps the rhythm."""
    logger = MemoryGradientLogger(every=3)
    train(logger, batches=7)
    found = [(row["epoch"], row["batch"]) for row in logger.history["0.weight"]]
    assert found == [(1, 1), (1, 4), (1, 7), (2, 1), (2, 4), (2, 7)]
    states = []
    save = LambdaCallback(on_batch_settled=lambda batch, logs: states.append(logger.state_dict()))
    train(logger, save, batches=2, epochs=1)
    logger.load_state_dict(states[-1])
    train(logger, batches=3, epochs=1)
    assert [row["batch"] for row in logger.history["0.weight"]] == [2]
    train(logger, batches=3, epochs=1)
    assert [row["batch"] for row in logger.history["0.weight"]] == [1]


def test_the_update_ratio_is_how_far_a_step_moves_a_weight():
    """For plain gradient descent it follows from the norms."""
    logger = MemoryGradientLogger(update_ratio=True)
    norms = []
    look = LambdaCallback(
        on_backward_end=lambda batch: norms.append(look.model.network[0].weight.norm().item())
    )
    train(look, logger)
    for row, norm in zip(logger.history["0.weight"], norms, strict=True):
        assert row["update_ratio"] == pytest.approx(0.1 * row["l2"] / norm, rel=1e-4)
    assert logger._update is None


def test_an_update_ratio_of_a_step_that_was_skipped_is_zero():
    """As mixed precision skips them."""
    network = torch.nn.Linear(2, 1)
    network.weight.grad = torch.full((1, 2), math.inf)
    logger = MemoryGradientLogger(update_ratio=True)
    play(logger, [{}], batches=1, model=SimpleModel(network))
    row = logger.history["weight"][0]
    assert (row["update_ratio"], row["l1"], row["l2"]) == (0.0, math.inf, math.inf)


def test_norms_of_any_order():
    """A single one too; the columns are named after them."""
    logger = MemoryGradientLogger(norm_type=2.5)
    network = torch.nn.Linear(3, 1)
    network.weight.grad = torch.tensor([[1.0, -2.0, 3.0]])
    play(logger, [{}], batches=1, model=SimpleModel(network))
    row = logger.history["weight"][0]
    norm = torch.linalg.vector_norm(network.weight.grad.double(), 2.5).item()
    assert row["l2.5"] == pytest.approx(norm)
    assert "l2" not in row


class Writer:
    """A writer that remembers."""

    def __init__(self):
        self.scalars = []

    def add_scalars(self, main_tag, tag_scalar_dict, global_step):
        self.scalars.append((main_tag, tag_scalar_dict, global_step))


def test_a_writer_gets_each_statistic_in_a_call_of_its_own():
    """Over the steps since training began."""
    writer, memory = Writer(), MemoryGradientLogger()
    train(TensorBoardGradientLogger(writer, 10), memory)
    first = memory.history["0.weight"][0]
    assert writer.scalars[: len(STATISTICS)] == [
        ("gradient_stats/0.weight", {name: first[name]}, 11) for name in STATISTICS
    ]
    assert {step for *_, step in writer.scalars} == set(range(11, 17))


def test_tensorboard_reads_a_folder(tmp_path):
    """Each statistic is a run; a step that is trained again is shown once."""
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    memory = MemoryGradientLogger()
    train(TensorBoardGradientLogger(tmp_path), epochs=2)
    train(TensorBoardGradientLogger(tmp_path), memory, first=2, epochs=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(STATISTICS)
    events = module.EventAccumulator(str(tmp_path / "l2"))
    events.Reload()
    found = events.Scalars("gradient_stats/1.weight")
    assert [event.step for event in found] == [1, 2, 3, 4, 5, 6]
    kept = [row["l2"] for row in memory.history["1.weight"]]
    assert [event.value for event in found[3:]] == pytest.approx(kept)


def test_a_full_disk_ends_no_training(tmp_path, monkeypatch, caplog):
    """It is told once, and the rows come when the disk takes them."""
    logger = CSVGradientLogger(tmp_path / "log.csv")
    original, failures = logger.write_gradients, [OSError(28, "No space left on device")]

    def write(*arguments):
        if failures:
            raise failures.pop()
        original(*arguments)

    monkeypatch.setattr(logger, "write_gradients", write)
    train(logger)
    assert len(places(tmp_path / "log.csv")) == 12
    assert caplog.text.count("No space left on device") <= 1


@pytest.mark.parametrize(
    ("cls", "arguments", "options", "error", "message"),
    [
        (MemoryGradientLogger, (), {"every": 0}, ValueError, "`every` must be at least 1, not 0"),
        (MemoryGradientLogger, (), {"norm_type": 0}, ValueError, "`norm_type` must be more than"),
        (MemoryGradientLogger, (), {"norm_type": "2"}, TypeError, "`norm_type` must be a number"),
        (
            MemoryGradientLogger,
            (),
            {"norm_type": [True]},
            TypeError,
            "`norm_type` must be a number",
        ),
        (
            MemoryGradientLogger,
            (),
            {"update_ratio": 1},
            TypeError,
            "`update_ratio` must be True or",
        ),
        (TensorBoardGradientLogger, ("a", -1), {}, ValueError, "`initial_step` must be at least 0"),
        (CSVGradientLogger, ("",), {}, ValueError, "`filename` must not be empty"),
        (
            CSVGradientLogger,
            ("a",),
            {"separator": "::"},
            ValueError,
            "`separator` must be a single",
        ),
        (
            AtomicCSVGradientLogger,
            ("a",),
            {"temporary_filename": "a"},
            ValueError,
            "`temporary_filename` must not be `filename` itself",
        ),
        (
            AtomicCSVGradientLogger,
            ("a{}",),
            {"temporary_filename": "b"},
            ValueError,
            "`temporary_filename` must have a {} where `filename` has one",
        ),
    ],
)
def test_bad_arguments_are_refused_at_once(cls, arguments, options, error, message):
    """The message says what is expected."""
    with pytest.raises(error) as caught:
        cls(*arguments, **options)
    assert message in str(caught.value)
