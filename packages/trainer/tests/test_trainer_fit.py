# SPDX-License-Identifier: MIT
from collections import namedtuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from torch.utils.data import BatchSampler, IterableDataset, SequentialSampler

from callbacks_trainer import Model, TensorDataset

Pair = namedtuple("Pair", ["inputs", "targets"])
IN_ORDER = {"dataloader_kwargs": {"shuffle": False}, "batch_size": 4}


def without_time(history):
    return [{name: logs[name] for name in logs if name != "time"} for logs in history]


class Seen(nn.Module):
    """A network that writes down what it was given, in training and in evaluation."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.seen = {True: [], False: []}

    def forward(self, *inputs):
        self.seen[self.training].append(inputs)
        return self.network(*inputs)


@pytest.fixture
def data(batches):
    """The batches' examples, as two tensors."""
    return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))


@pytest.mark.parametrize("way", ["fit", "arrays", "fit_dataset", "one-shot iterators"])
def test_the_ways_to_fit_are_one(make_model, batches, data, way):
    """Given the same batches, every way ends in the same weights and the same history."""
    one, other = make_model(), make_model()
    options = {"epochs": 1 if way == "one-shot iterators" else 3, "verbose": False}
    expected = one.fit_generator(batches, batches, **options)
    x, y = data
    match way:
        case "fit":
            history = other.fit(x, y, (x, y), **IN_ORDER, **options)
        case "arrays":
            x, y = x.numpy(), y.numpy()
            history = other.fit(x, y, (x, y), **IN_ORDER, **options)
        case "fit_dataset":
            dataset = TensorDataset(x, y)
            history = other.fit_dataset(dataset, dataset, **IN_ORDER, **options)
        case "one-shot iterators":
            history = other.fit_generator(iter(batches), iter(batches), **options)
    assert without_time(history) == without_time(expected)
    assert torch.equal(one.network.weight, other.network.weight)


def test_training_equals_a_loop_of_torch(make_model, batches):
    """`fit_generator` leaves the weights that a plain loop leaves, to the bit."""
    settings = {"lr": 0.1, "momentum": 0.9}
    model, plain = make_model({"optim": "sgd", **settings}), make_model(None).network
    model.fit_generator(batches, epochs=3, verbose=False)
    optimizer = torch.optim.SGD(plain.parameters(), **settings)
    for _ in range(3):
        for x, y in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(plain(x), y).backward()
            optimizer.step()
    assert torch.equal(model.network.weight, plain.weight)
    assert torch.equal(model.network.bias, plain.bias)


def test_training_learns(make_model, data):
    """A task that can be learnt is learnt."""
    model = make_model({"optim": "adam", "lr": 0.1}, batch_metrics=["accuracy"])
    history = model.fit(*data, epochs=30, verbose=False)
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert model.evaluate(*data, verbose=False)[1] > 90


def test_examples_are_shuffled_for_training_alone(make_model, data):
    """Each epoch has an order of its own; the validation keeps the one it was given."""
    model = make_model()
    network = model.network = Seen(model.network)
    model.fit(*data, data, epochs=2, batch_size=18, verbose=False)
    (first,), (second,) = network.seen[True]
    assert not torch.equal(first, second)
    assert torch.equal(first.sort(0).values, second.sort(0).values)
    assert all(torch.equal(x, data[0]) for (x,) in network.seen[False])


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, [5, 5, 5, 3]),
        ({"drop_last": True}, [5, 5, 5]),
        ({"batch_size": 9}, [9, 9]),
        ({"sampler": [3, 1, 4]}, [3]),
        ({"batch_sampler": [[0, 1], [2]]}, [2, 1]),
        ({"batch_sampler": BatchSampler(SequentialSampler(range(18)), 6, False)}, [6, 6, 6]),
    ],
)
def test_options_of_the_loader(make_model, data, options, sizes):
    """`dataloader_kwargs` go before ours, and those that pick examples are for training alone."""
    model = make_model()
    network = model.network = Seen(model.network)
    model.fit(*data, data, batch_size=5, epochs=1, dataloader_kwargs=options, verbose=False)
    assert [len(x) for (x,) in network.seen[True]] == sizes
    assert sum(len(x) for (x,) in network.seen[False]) == 18


def test_batches_can_be_collated(make_model, data):
    """`collate_fn` makes the batches, in training and validation."""

    def collate(examples):
        return 2 * torch.stack([x for x, _ in examples]), torch.stack([y for _, y in examples])

    model = make_model()
    network = model.network = Seen(model.network)
    dataset = TensorDataset(*data)
    model.fit_dataset(dataset, dataset, epochs=1, collate_fn=collate, verbose=False, **IN_ORDER)
    for training in (True, False):
        assert torch.equal(torch.cat([x for (x,) in network.seen[training]]), 2 * data[0])


def test_a_dataset_without_order_or_length(make_model, data):
    """An `IterableDataset` cannot be shuffled, and is trained on as it comes."""

    class Stream(IterableDataset):
        def __iter__(self):
            return iter(zip(*data, strict=True))

    one, other = make_model(), make_model()
    history = one.fit_dataset(Stream(), Stream(), batch_size=4, epochs=2, verbose=False)
    expected = other.fit(*data, data, epochs=2, verbose=False, **IN_ORDER)
    assert without_time(history) == without_time(expected)


class Sum(nn.Module):
    """A network of several inputs, nested or not."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, *inputs, **named):
        return sum(self._one(value) for value in inputs)

    def _one(self, value):
        if isinstance(value, dict):
            return sum(self._one(item) for item in value.values())
        if isinstance(value, tuple | list):
            return sum(self._one(item) for item in value)
        return value @ self.weight


@pytest.mark.parametrize(
    "shaped",
    [
        lambda x: 3 * x,
        lambda x: (x, 2 * x),
        lambda x: [x, 2 * x],
        lambda x: (x, (x, x)),
        lambda x: ([x, x], x),
        lambda x: {"one": x, "two": 2 * x},
        lambda x: (x, {"nested": (x, x)}),
        lambda x: Pair(x, 2 * x),
        lambda x: (3 * x).numpy(),
        lambda x: (x.numpy(), {"two": 2 * x.numpy()}),
    ],
    ids=["tensor", "tuple", "list", "nest", "lists", "dict", "mixed", "named", "array", "arrays"],
)
@pytest.mark.parametrize("device", [None, "cpu"])
def test_inputs_of_every_shape(data, shaped, device):
    """Tuples and lists become arguments, arrays tensors, and everything else stays as it is."""
    x, y = data[0], data[0].sum(1)
    batches = [(shaped(part), target) for part, target in zip(x.split(5), y.split(5), strict=True)]
    model = Model(Sum(), "sgd", "mse", device=device)
    plain = Model(Sum(), "sgd", "mse")
    reference = [(3 * part, target) for part, target in zip(x.split(5), y.split(5), strict=True)]
    history = model.fit_generator(batches, batches, epochs=2, verbose=False)
    expected = plain.fit_generator(reference, reference, epochs=2, verbose=False)
    for logs, others in zip(history, expected, strict=True):
        assert logs["loss"] == pytest.approx(others["loss"])
        assert logs["val_loss"] == pytest.approx(others["val_loss"])
    predicted = model.predict_generator([inputs for inputs, _ in batches], verbose=False)
    assert predicted == pytest.approx(plain.predict(3 * x, verbose=False), abs=1e-5)


@pytest.mark.parametrize("pair", [tuple, list, lambda parts: Pair(*parts)])
def test_a_batch_is_any_pair(make_model, batches, pair):
    """A loader may yield tuples, lists or named tuples of two."""
    one, other = make_model(), make_model()
    one.fit_generator([pair(batch) for batch in batches], epochs=1, verbose=False)
    other.fit_generator(batches, epochs=1, verbose=False)
    assert torch.equal(one.network.weight, other.network.weight)


def test_several_inputs_and_targets_as_arrays():
    """`fit`, `evaluate` and `predict` take tuples of arrays, and nests of them."""

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 1)

        def forward(self, a, pair):
            out = self.linear(a) + self.linear(pair[0]) * pair[1]
            return out, out.flatten()

    def loss(y_pred, y_true):
        return sum(
            nn.functional.mse_loss(one, other) for one, other in zip(y_pred, y_true, strict=True)
        )

    x = (np.ones((6, 2), "float32"), (np.ones((6, 2), "float32"), np.ones((6, 1), "float32")))
    y = (np.zeros((6, 1), "float32"), np.zeros(6, "float32"))
    torch.manual_seed(0)
    model = Model(Two(), {"optim": "sgd", "lr": 0.01}, loss)
    history = model.fit(x, y, (x, y), epochs=4, batch_size=4, verbose=False)
    assert history[-1]["val_loss"] < history[0]["val_loss"]
    found, outputs = model.evaluate(x, y, batch_size=4, return_pred=True, verbose=False)
    assert found == pytest.approx(history[-1]["val_loss"])
    assert [output.shape for output in outputs] == [(6, 1), (6,)]
    predicted = model.predict(x, batch_size=4, verbose=False)
    assert isinstance(predicted, tuple)
    assert all((one == other).all() for one, other in zip(predicted, outputs, strict=True))


@pytest.mark.parametrize("device", [None, "cpu"])
def test_packed_sequences(device):
    """Packed sequences go into the network, and come out of it, whole."""

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(2, 3)

        def forward(self, packed):
            assert isinstance(packed, PackedSequence)
            return self.rnn(packed)[0]

    def loss(y_pred, y_true):
        return nn.functional.mse_loss(y_pred.data, y_true.data)

    sequences = [torch.randn(length, 2) for length in (2, 4, 3)]
    targets = [torch.zeros(len(sequence), 3) for sequence in sequences]
    batch = tuple(pack_sequence(part, enforce_sorted=False) for part in (sequences, targets))
    model = Model(Recurrent(), "adam", loss, device=device)
    history = model.fit_generator([batch] * 2, [batch], epochs=2, verbose=False)
    assert history[-1]["val_loss"] < history[0]["val_loss"]
    for options in ({}, {"convert_to_numpy": False}, {"concatenate_returns": False}):
        outputs = model.predict_generator([batch[0]] * 2, verbose=False, **options)
        assert [type(output) for output in outputs] == [PackedSequence] * 2
        assert not outputs[0].data.requires_grad
    _, output = model.train_on_batch(*batch, return_pred=True)
    assert output.batch_sizes.tolist() == [3, 3, 2, 1]


@pytest.mark.parametrize("name", ["batches_per_step", "steps_per_epoch", "validation_steps"])
@pytest.mark.parametrize(
    ("value", "kind"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)]
)
def test_numbers_are_checked(make_model, batches, name, value, kind):
    """A number of steps is a whole number of at least 1, and the error says which one is not."""
    with pytest.raises(kind, match=f"`{name}` must be"):
        make_model().fit_generator(batches, batches, **{name: value}, verbose=False)


@pytest.mark.parametrize(
    ("batch", "described"),
    [
        (torch.ones(4, 3), r"a tensor of shape \(4, 3\)"),
        (torch.ones(2, 3), r"a tensor of shape \(2, 3\)"),
        ((torch.ones(4, 3),), "a tuple of 1"),
        ([torch.ones(4, 3)] * 3, "a list of 3"),
        ({"x": 1, "y": 2}, "dict"),
        ("xy", "str"),
    ],
)
def test_a_batch_that_is_no_pair(make_model, batch, described):
    """The error says what a batch must be, what came instead, and which one it was."""
    expected = rf"a batch must be a pair \(inputs, targets\), not {described}\nin \w+ batch 1"
    with pytest.raises(TypeError, match=expected):
        make_model().fit_generator([batch], verbose=False)
    with pytest.raises(TypeError, match=expected):
        make_model().evaluate_generator([batch], verbose=False)


@pytest.mark.parametrize(
    ("part", "message"), [("optimizer", "an optimizer"), ("loss_function", "a loss function")]
)
def test_what_training_needs(make_model, batches, part, message):
    """Without an optimizer or a loss the error comes before any hook is called."""
    model = make_model(**{part: None})
    expected = f"the model was made without {message}, which this needs"

    class Untouched(list):
        def __iter__(self):
            pytest.fail("the callbacks were asked for")

    with pytest.raises(ValueError, match=expected):
        model.fit_generator(batches, callbacks=Untouched(), verbose=False)
    with pytest.raises(ValueError, match=expected):
        model.train_on_batch(*batches[0])
    if part == "loss_function":
        with pytest.raises(ValueError, match=expected):
            model.evaluate_generator(batches, callbacks=Untouched(), verbose=False)


@pytest.mark.parametrize(
    ("loss", "kind", "message"),
    [
        (lambda y_pred, y: (y_pred.sum(1) - y) ** 2, ValueError, r"scalar, not a tensor of shape"),
        (lambda y_pred, y: 0.5, TypeError, "the loss must be a tensor, not float"),
        (lambda y_pred, y: None, TypeError, "the loss must be a tensor, not NoneType"),
    ],
)
@pytest.mark.parametrize("batches_per_step", [1, 2])
def test_a_loss_that_is_no_scalar(make_model, batches, loss, kind, message, batches_per_step):
    """The error says what is wrong, and for a whole vector, what the reason may be."""
    model = make_model(loss_function=loss)
    with pytest.raises(kind, match=message):
        model.fit_generator(batches, batches_per_step=batches_per_step, verbose=False)


def test_a_loss_of_one_element_will_do(make_model, batches):
    """A loss of shape ``(1,)`` is as good as a scalar."""

    def loss(y_pred, y_true):
        return nn.functional.cross_entropy(y_pred, y_true).reshape(1)

    model, plain = make_model(loss_function=loss), make_model()
    history = model.fit_generator(batches, batches, epochs=2, verbose=False)
    assert without_time(history) == without_time(
        plain.fit_generator(batches, batches, epochs=2, verbose=False)
    )


@pytest.mark.parametrize("callbacks", [[int], [dict], 3, [None]])
def test_what_is_no_callback(make_model, batches, callbacks):
    """What is no callback is refused before training begins."""
    model = make_model()
    before = model.get_weight_copies()
    with pytest.raises(TypeError, match="callbacks"):
        model.fit_generator(batches, callbacks=callbacks, verbose=False)
    assert torch.equal(before["weight"], model.network.weight)


def test_unknown_options_are_refused(make_model, data):
    """A misspelt option is an error in every way to fit."""
    with pytest.raises(TypeError, match="epoch_count"):
        make_model().fit(*data, epoch_count=3)


@pytest.mark.gpu
@pytest.mark.parametrize("way", ["device", "to", "cuda"])
def test_training_on_a_gpu(make_model, data, way):
    """Batches follow the model to the device, and predictions come back from it."""
    model = make_model({"optim": "sgd", "lr": 0.1, "momentum": 0.9}, batch_metrics=["accuracy"])
    model.train_on_batch(data[0], data[1])  # so that the optimizer has a state to move
    match way:
        case "device":
            model = Model(model.network, model.optimizer, "cross_entropy", device="cuda")
        case "to":
            model.to("cuda")
        case "cuda":
            model.cuda(0)
    history = model.fit(*data, data, epochs=3, verbose=False)
    assert history[-1]["val_loss"] < history[0]["val_loss"]
    assert model.predict(data[0], verbose=False).shape == (18, 2)
    model.cpu()
    assert model.evaluate(*data, return_dict_format=True, verbose=False)[
        "test_loss"
    ] == pytest.approx(history[-1]["val_loss"], rel=1e-4)
