# SPDX-License-Identifier: MIT
import collections
import copy
import json
import operator
import pickle

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import callbacks_core.logs
from callbacks_core import LazyLogs, is_tensor, read_scalars

torch = pytest.importorskip("torch")

numbers = st.one_of(st.floats(allow_nan=False, width=32), st.integers(-(2**31), 2**31))
plain_logs = st.dictionaries(st.text(max_size=5), numbers, max_size=6)

READINGS = {
    "dict": dict,
    "unpacking": lambda logs: {**logs},
    "keywords": lambda logs: (lambda **named: named)(**logs),
    "json": json.dumps,
    "json indented": lambda logs: json.dumps(logs, indent=1),
    "format_map": lambda logs: "{a}".format_map(logs) if "a" in logs else None,
    "percent": lambda logs: operator.mod("%(a)s", logs) if "a" in logs else None,
    "repr": repr,
    "str": str,
    "copy method": lambda logs: logs.copy(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda logs: pickle.loads(pickle.dumps(logs)),
    "old pickle": lambda logs: pickle.loads(pickle.dumps(logs, protocol=0)),
    "or": lambda logs: logs | {"b": 1},
    "or of its own": lambda logs: logs | logs,
    "reversed or": lambda logs: {"b": 1} | logs,
    "in-place or of a dict": lambda logs: _ior({"b": 1}, logs),
    "update of a dict": lambda logs: _update({"b": 1}, logs),
    "update by keyword": lambda logs: _update({"b": 1}, {}, **logs),
    "items": lambda logs: list(logs.items()),
    "reversed items": lambda logs: list(reversed(logs.items())),
    "values": lambda logs: list(logs.values()),
    "keys": lambda logs: list(logs.keys()),
    "reversed": lambda logs: list(reversed(logs)),
    "subscripts": lambda logs: [logs[key] for key in logs],
    "get": lambda logs: [logs.get(key) for key in (*logs, "missing")],
    "pop": lambda logs: [logs.pop(key) for key in list(logs)],
    "popitem": lambda logs: [logs.popitem() for _ in range(len(logs))],
    "setdefault": lambda logs: [logs.setdefault(key, 3) for key in (*logs, "missing")],
    "pattern": lambda logs: _matched(logs),
    "sorted": lambda logs: sorted(logs),
    "length": len,
    "truth": bool,
    "OrderedDict": lambda logs: collections.OrderedDict(logs),
    "ChainMap": lambda logs: dict(collections.ChainMap(logs)),
}


def _ior(one, other):
    one |= other
    return one


def _update(one, other, **named):
    one.update(other, **named)
    return one


def _matched(logs):
    match logs:
        case {"a": value, **rest}:
            return value, rest
    return None


def lazy(plain):
    """Return lazy logs of the numbers in *plain*, every one a tensor with a gradient if it can."""
    return LazyLogs({key: tensor(value) for key, value in plain.items()})


def tensor(value):
    made = torch.tensor(value)
    return made.requires_grad_() if made.is_floating_point() else made


@pytest.fixture
def reads(monkeypatch):
    """Count the transfers: one entry for each, with the number of tensors in it."""
    sizes = []

    def counting(tensors):
        sizes.append(len(tensors))
        return read_scalars(tensors)

    monkeypatch.setattr(callbacks_core.logs, "read_scalars", counting)
    return sizes


@pytest.mark.parametrize("way", READINGS)
@given(plain=plain_logs)
@settings(max_examples=25)
@example(plain={"a": 1.5, "b": 2})
def test_lazy_logs_equal_their_dict(way, plain):
    """However the logs are read, what comes out is what a plain dict of numbers gives."""
    read = READINGS[way]
    lazily, plainly = read(lazy(plain)), read(dict(plain))
    assert lazily == plainly
    assert repr(lazily) == repr(plainly)  # a tensor equals its number, and does not look like it


@pytest.mark.parametrize("way", ["copy", "deepcopy", "copy method", "pickle", "or", "reversed or"])
def test_copies_are_plain_dicts(way):
    """What leaves the logs is a dict of numbers, with no device behind it."""
    made = READINGS[way](lazy({"a": 1.5}))
    assert type(made) is dict
    assert {type(value) for value in made.values()} <= {float, int}


@given(plain_logs, plain_logs)
def test_equality_is_that_of_the_numbers(one, other):
    """Lazy or plain, on either side, and for inequality too."""
    equal = one == other
    assert (lazy(one) == lazy(other)) is equal
    assert (lazy(one) == other) is equal
    assert (one == lazy(other)) is equal
    assert (lazy(one) != other) is not equal
    assert (one != lazy(other)) is not equal


def test_they_are_unhashable_like_a_dict():
    """A mutable mapping is no key."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(LazyLogs())


@given(st.dictionaries(st.text(max_size=5), st.one_of(numbers, st.booleans())))
def test_numbers_come_back_in_their_kind(plain):
    """Integers and booleans come back as `int`, the rest as `float`."""
    for key, value in lazy(plain).items():
        assert type(value) is (float if isinstance(plain[key], float) else int)


LOOKS = {
    "keys": lambda logs: list(logs.keys()),
    "iteration": list,
    "length": len,
    "membership": lambda logs: ("a" in logs, "c" in logs),
    "truth": bool,
    "writing": lambda logs: logs.__setitem__("c", torch.tensor(3.0)),
    "update": lambda logs: logs.update(LazyLogs(c=torch.tensor(3.0)), d=torch.tensor(4.0)),
    "in-place or": lambda logs: logs.__ior__({"c": torch.tensor(3.0)}),
    "deleting": lambda logs: logs.__delitem__("a"),
    "clearing": lambda logs: logs.clear(),
    "peeking": lambda logs: logs.peek("a"),
    "lazy logs of lazy logs": LazyLogs,
}


@pytest.mark.parametrize("look", LOOKS)
def test_looking_and_writing_cost_no_transfer(look, reads):
    """Keys, length, membership and writing leave the tensors where they are."""
    LOOKS[look](LazyLogs(a=torch.tensor(1.0), b=torch.tensor(2.0)))
    assert reads == []


@pytest.mark.parametrize("way", ["dict", "json", "subscripts", "values", "items", "repr", "copy"])
def test_one_transfer_brings_all(way, reads):
    """The first reading brings every value over, and a second one none."""
    logs = LazyLogs(a=torch.tensor(1.0), b=torch.tensor(2.0), c=3.0)
    READINGS[way](logs)
    READINGS[way](logs)
    assert reads == [2]


def test_numbers_alone_cost_no_transfer(reads):
    """Logs without tensors are an ordinary dict."""
    assert dict(LazyLogs(a=1.0, b=2)) == {"a": 1.0, "b": 2}
    assert reads == []


def test_what_is_written_later_is_read_later(reads):
    """A tensor written after a reading is brought over by the next, alone."""
    logs = LazyLogs(a=torch.tensor(1.0))
    assert logs["a"] == 1.0
    logs["b"] = torch.tensor(2.0)
    logs.setdefault("c", torch.tensor(3.0))
    assert logs == {"a": 1.0, "b": 2.0, "c": 3.0}
    assert reads == [1, 2]


def test_peek_shows_a_value_as_it_is():
    """A tensor before the reading, a number after it; a missing key is a KeyError."""
    waiting = torch.tensor(1.0)
    logs = LazyLogs(a=waiting)
    assert logs.peek("a") is waiting
    logs.read()
    assert logs.peek("a") == 1.0
    assert not is_tensor(logs.peek("a"))
    with pytest.raises(KeyError, match="b"):
        logs.peek("b")


@pytest.mark.parametrize("method", ["__getitem__", "pop"])
def test_a_missing_key_is_a_key_error(method):
    """As in a dict; with a default there is none."""
    with pytest.raises(KeyError, match="b"):
        getattr(LazyLogs(a=1.0), method)("b")
    assert LazyLogs().get("b", 5) == LazyLogs().pop("b", 5) == 5


@pytest.mark.parametrize(
    "tensors",
    [
        [torch.tensor(1.5), torch.tensor([2.5]), torch.tensor([[3.5]])],
        [torch.tensor(1.5), torch.tensor(2.5, dtype=torch.float64), torch.tensor(3)],
        [torch.tensor(True), torch.tensor(2, dtype=torch.int8)],
        [torch.tensor(1.5, dtype=torch.bfloat16), torch.tensor(0.5, dtype=torch.float16)],
        [torch.tensor(1.5, requires_grad=True)],
        [torch.tensor(2**60 + 1)],
    ],
)
def test_scalars_of_any_shape_and_kind_are_read(tensors):
    """One element in any number of dimensions, any type, mixed: each comes back as `item` does."""
    assert read_scalars(tensors) == [tensor.item() for tensor in tensors]


def test_nothing_but_a_tensor_is_a_tensor():
    """Numbers and other things with an `item` are not."""
    assert is_tensor(torch.tensor(1.0))
    assert not is_tensor(1.0)
    assert not is_tensor(None)
