# SPDX-License-Identifier: MIT
import pytest

from callbacks_core import Callback, TrainingLoop
from callbacks_core.testing import Recorder

torch = pytest.importorskip("torch")

SOME = [torch.ones(2, 1)] * 3


@pytest.fixture
def loop():
    with TrainingLoop(torch.nn.Linear(1, 1)) as loop:
        yield loop


class Unsized:
    """Can be started again and again, and does not tell how much there is."""

    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return iter(range(self.count))


def taken(loader, epochs=1, **options):
    """Train on *loader* and return the batches of each epoch."""
    with TrainingLoop(torch.nn.Linear(1, 1)) as loop:
        return [list(epoch.train(loader, **options)) for epoch in loop.epochs(epochs)]


def log_each(loop, values):
    for epoch in loop.epochs(1):
        for _ in epoch.train(SOME):
            loop.log(**values)


def test_a_loader_that_can_be_started_again_is_cycled():
    """With a number of steps a short loader starts again, from the beginning in each epoch."""
    assert taken([1, 2, 3], steps=5, epochs=2) == [[1, 2, 3, 1, 2]] * 2
    assert taken(Unsized(2), steps=5) == [[0, 1, 0, 1, 0]]
    assert taken([1, 2, 3], steps=2) == [[1, 2]]


def test_an_iterator_is_continued_where_it_stands():
    """With a number of steps each epoch takes the next ones from an iterator."""
    assert taken(iter(range(9)), steps=3, epochs=3) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_a_loader_of_unknown_length_is_gone_through():
    """Without a number of steps an epoch is what there is, known beforehand or not."""
    assert taken(Unsized(3), epochs=2) == [[0, 1, 2]] * 2
    assert taken(number for number in range(3)) == [[0, 1, 2]]


def test_an_iterator_that_runs_dry_is_an_error():
    """It cannot be started again, and the loop does not wait for ever."""
    with pytest.raises(
        ValueError,
        match=r"^the training loader ran dry after 4 of 6 steps: it is an iterator, which cannot "
        r"be started again\. Pass something that can, such as a DataLoader or a list",
    ):
        taken(iter(range(4)), steps=6)


def test_an_iterator_has_one_epoch_in_it():
    """The second epoch says what is wrong and what to do."""
    with pytest.raises(
        ValueError,
        match=r"^the training loader had nothing left for epoch 2: it is an iterator, which can be "
        r"gone through once\. Pass something that can be started again",
    ):
        taken(iter([1, 2]), epochs=2)


@pytest.mark.parametrize("steps", [None, 3])
@pytest.mark.parametrize(
    ("loader", "hint"),
    [([], r" \(is the dataset smaller than a batch, with drop_last=True\?\)"), (Unsized(0), "")],
)
def test_an_empty_loader_is_an_error(loader, steps, hint):
    """With and without a number of steps, and with the usual cause where it is likely."""
    hint = "" if steps else hint
    with pytest.raises(ValueError, match=f"^the training loader has no batch at all{hint}$"):
        taken(loader, steps=steps)


def test_the_loader_is_named_by_its_pass(loop):
    """An empty validation or test is told apart from an empty training."""
    with pytest.raises(ValueError, match=r"^the test loader has no batch at all"):
        list(loop.test([]))
    for epoch in loop.epochs(1):
        with pytest.raises(ValueError, match=r"^the validation loader has no batch at all"):
            list(epoch.valid([]))


def test_what_cannot_be_iterated_over_is_an_error():
    """The message names the type."""
    with pytest.raises(
        TypeError, match=r"^the training loader must be something to iterate over, not int$"
    ):
        taken(3)


@pytest.mark.parametrize(
    ("steps", "kind", "message"),
    [
        (0, ValueError, "`steps` must be at least 1, not 0"),
        (-1, ValueError, "`steps` must be at least 1, not -1"),
        (1.5, TypeError, "`steps` must be a whole number, not 1.5"),
    ],
)
def test_a_wrong_number_of_steps_is_refused(steps, kind, message):
    """Nothing is trained with it."""
    with pytest.raises(kind, match=f"^{message}"):
        taken(SOME, steps=steps)


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (
            {"loss": torch.ones(3, 2)},
            ValueError,
            r"'loss' must be a scalar, not a tensor of shape \(3, 2\); "
            r"take its mean\(\) or sum\(\) first",
        ),
        ({"loss": torch.ones(0)}, ValueError, r"'loss' must be a scalar, not .* shape \(0,\)"),
        ({"loss": "low"}, TypeError, "'loss' must be a number or a one-element tensor, not 'low'"),
        ({"loss": None}, TypeError, "'loss' must be a number or a one-element tensor, not None"),
        (
            {"epoch": 1},
            ValueError,
            "'epoch' cannot be the name of a logged value: the loop itself fills "
            "'batch', 'epoch', 'size', 'time'",
        ),
        ({"batch": 1}, ValueError, "'batch' cannot be the name of a logged value"),
        ({"time": 1}, ValueError, "'time' cannot be the name of a logged value"),
    ],
)
def test_what_cannot_be_logged_is_refused(loop, values, kind, message):
    """At the batch where it is logged, with the fix."""
    with pytest.raises(kind, match=f"^{message}"):
        log_each(loop, values)


def test_an_epoch_refuses_the_names_that_the_loop_fills(loop):
    """As a batch does; and so do the names of a summary."""
    with pytest.raises(ValueError, match=r"^'time' cannot be the name of a logged value"):
        next(loop.epochs(1)).log(time=3.0)
    with pytest.raises(ValueError, match=r"^'epoch' cannot be the name of a logged value"):
        taken(SOME, summarize=lambda: {"epoch": 1})


@pytest.mark.parametrize("method", ["log", "backward_end"])
def test_what_belongs_into_the_batches_says_so(loop, method):
    """Before the first pass there is no batch to log for."""
    for _ in loop.epochs(1):
        with pytest.raises(RuntimeError, match=rf"^loop\.{method}\(\) belongs into the loop over"):
            getattr(loop, method)()


def test_a_value_of_the_epoch_is_logged_with_the_epoch(loop):
    """After the batches there is no batch to log for, and the message tells the alternative."""
    for epoch in loop.epochs(1):
        list(epoch.train(SOME))
        with pytest.raises(
            RuntimeError, match=r"for a value of the whole epoch there is epoch\.log"
        ):
            loop.log(loss=1.0)


def test_an_epoch_has_one_pass_of_each_kind(loop):
    """A second one is a mistake, and the message tells what to do with several loaders."""
    for epoch in loop.epochs(1):
        list(epoch.train(SOME))
        with pytest.raises(
            RuntimeError, match=r"^epoch 1 has had its train\(\) pass; .* chain them into one$"
        ):
            epoch.train(SOME)


def test_a_pass_is_gone_through_once(loop):
    """Its hooks and averages are those of one way through the loader."""
    for epoch in loop.epochs(1):
        running = epoch.train(SOME)
        list(running)
        with pytest.raises(RuntimeError, match=r"^a pass can be gone through once"):
            list(running)


def test_a_test_within_an_epoch_is_a_mistake(loop):
    """The message tells what was meant."""
    for epoch in loop.epochs(1):
        list(epoch.train(SOME))
        with pytest.raises(
            RuntimeError, match=r"^test\(\) cannot be called within an epoch; use epoch\.valid\(\)$"
        ):
            loop.test(SOME)


@pytest.mark.parametrize(("method", "argument"), [("epochs", 1), ("test", SOME), ("predict", SOME)])
def test_a_loop_must_be_entered(method, argument):
    """Without `with` nothing would be closed, so nothing is begun."""
    recorder = Recorder()
    loop = TrainingLoop(torch.nn.Linear(1, 1), callbacks=recorder)
    with pytest.raises(
        RuntimeError, match=r"^use the loop in a with statement: `with TrainingLoop"
    ):
        getattr(loop, method)(argument)
    assert recorder.calls == []


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"epochs": 1.0}, TypeError, "`epochs` must be a whole number, not 1.0"),
        ({"epochs": -1}, ValueError, "`epochs` must be at least 0, not -1"),
        (
            {"epochs": 1, "initial_epoch": 0},
            ValueError,
            "`initial_epoch` must be at least 1, not 0",
        ),
    ],
)
def test_wrong_numbers_of_epochs_are_refused(loop, arguments, kind, message):
    """When the epochs are asked for, not at the first of them."""
    with pytest.raises(kind, match=f"^{message}"):
        loop.epochs(**arguments)


def test_what_is_no_network_is_refused():
    """A function is no module; a class of callbacks is no callback."""
    with pytest.raises(TypeError, match=r"^`network` must be a torch.nn.Module, not function$"):
        TrainingLoop(lambda x: x)
    with pytest.raises(TypeError, match=r"^callbacks\[0\] is the class Callback"):
        TrainingLoop(torch.nn.Linear(1, 1), callbacks=[Callback])
