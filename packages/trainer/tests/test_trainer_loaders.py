# SPDX-License-Identifier: MIT
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from callbacks_core.testing import Recorder


class Unmeasured:
    """A loader that can be started again and does not tell its length."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


@pytest.fixture
def numbers_of_batches(make_model):
    """Fits, and returns the sums of the targets that each epoch saw."""

    def run(loader, **options):
        seen = []

        def targets(y_pred, y_true):
            seen[-1].append(y_true.sum().item())
            return 0.0

        class Epochs(Recorder):
            def on_epoch_begin(self, epoch_number, logs):
                seen.append([])

        model = make_model(batch_metrics=[targets])
        model.fit_generator(loader, callbacks=Epochs(), verbose=False, **options)
        return seen

    return run


@pytest.fixture
def numbered():
    """Batches that can be told apart: the targets of number n are n ones."""
    return [(torch.ones(n, 3), torch.ones(n, dtype=torch.int64)) for n in (1, 2, 3, 4, 5)]


def test_an_epoch_is_what_the_loader_holds(numbers_of_batches, numbered):
    """With or without a length, each epoch goes through all batches."""
    whole = [[1, 2, 3, 4, 5]] * 2
    assert numbers_of_batches(numbered, epochs=2) == whole
    assert numbers_of_batches(Unmeasured(numbered), epochs=2) == whole


@pytest.mark.parametrize("batches_per_step", [1, 2])
def test_steps_cycle_through_a_loader(numbers_of_batches, numbered, batches_per_step):
    """More steps than batches start it again; fewer end before it does."""
    options = {"epochs": 2, "batches_per_step": batches_per_step}
    for loader in (numbered, Unmeasured(numbered)):
        assert (
            numbers_of_batches(loader, steps_per_epoch=7, **options) == [[1, 2, 3, 4, 5, 1, 2]] * 2
        )
        assert numbers_of_batches(loader, steps_per_epoch=2, **options) == [[1, 2]] * 2


def test_an_iterator_is_continued(numbers_of_batches, numbered):
    """An iterator goes on in the next epoch where the last one left it."""
    iterator = iter(numbered)
    found = numbers_of_batches(iterator, epochs=2, steps_per_epoch=2)
    assert found == [[1, 2], [3, 4]]
    assert len(next(iterator)[0]) == 5


@pytest.mark.parametrize("kind", ["training", "validation"])
@pytest.mark.parametrize("batches_per_step", [1, 2])
def test_an_iterator_that_runs_dry(make_model, batches, kind, batches_per_step):
    """An iterator too short for the steps is an error that says so, not an endless loop."""
    loaders = [iter(batches), batches] if kind == "training" else [batches, iter(batches)]
    name = "steps_per_epoch" if kind == "training" else "validation_steps"
    with pytest.raises(ValueError, match=f"the {kind} loader ran dry after 5 of 7 steps"):
        make_model().fit_generator(
            *loaders, epochs=1, batches_per_step=batches_per_step, verbose=False, **{name: 7}
        )


@pytest.mark.parametrize("kind", ["training", "validation"])
def test_an_iterator_for_two_epochs(make_model, batches, kind):
    """An iterator that is gone through once has nothing for the second epoch, and is told of."""
    loaders = [iter(batches), batches] if kind == "training" else [batches, iter(batches)]
    recorder = Recorder()
    with pytest.raises(ValueError, match=f"the {kind} loader had nothing left for epoch 2"):
        make_model().fit_generator(*loaders, epochs=2, callbacks=recorder, verbose=False)
    assert recorder.hooks.count("on_epoch_end") == 1
    assert recorder.hooks[-2:] == ["on_exception", "close"]


@pytest.mark.parametrize("empty", [[], (), iter(()), Unmeasured([])], ids=type)
@pytest.mark.parametrize("options", [{}, {"batches_per_step": 2}, {"steps": 3}], ids=str)
def test_an_empty_loader(make_model, batches, empty, options):
    """A loader without a batch is an error in every method, and never a loss of NaN."""
    model = make_model()
    fit = {"verbose": False, "epochs": 1}
    steps = options.get("steps")
    fit |= {"steps_per_epoch": steps} if steps else options
    empty = iter(()) if hasattr(empty, "__next__") else empty
    message = "the {} loader (has no batch|ran dry)"
    with pytest.raises(ValueError, match=message.format("training")):
        model.fit_generator(empty, **fit)
    with pytest.raises(ValueError, match=message.format("validation")):
        model.fit_generator(batches, empty, epochs=1, validation_steps=steps, verbose=False)
    with pytest.raises(ValueError, match=message.format("test")):
        model.evaluate_generator(empty, steps=steps, verbose=False)
    with pytest.raises(ValueError, match=message.format("prediction")):
        model.predict_generator(empty, steps=steps, verbose=False)


def test_a_dataset_smaller_than_a_batch(make_model):
    """When dropping the last batch leaves none, the error asks about that."""
    dataset = TensorDataset(torch.ones(3, 3), torch.ones(3, dtype=torch.int64))
    loader = DataLoader(dataset, batch_size=4, drop_last=True)
    with pytest.raises(ValueError, match="smaller than a batch, with drop_last=True"):
        make_model().fit_generator(loader, epochs=1, verbose=False)


@pytest.mark.parametrize(("loader", "named"), [(3, "3"), (None, "None"), (object(), "object")])
def test_what_is_no_loader(make_model, batches, loader, named):
    """What cannot be iterated over is named by its kind."""
    expected = f"must be a loader, something to iterate over that yields batches, not {named}"
    with pytest.raises(TypeError, match=f"`train_generator` {expected}"):
        make_model().fit_generator(loader, epochs=1, verbose=False)
    with pytest.raises(TypeError, match=f"`generator` {expected}"):
        make_model().evaluate_generator(loader, verbose=False)
