# SPDX-License-Identifier: MIT
import copy
import pickle
from unittest.mock import MagicMock

import pytest

from callbacks_core import HOOKS, Callback, CallbackList, HookTime, SimpleModel, time_table
from callbacks_core.hooks import SHARED_HOOKS
from callbacks_core.testing import Recorder, play


class Named(Callback):
    def __init__(self, name, spoken):
        self.name, self.spoken = name, spoken

    def on_epoch_end(self, epoch_number, logs):
        self.spoken.append(self.name)


class Counter(Callback):
    """Learns how many epochs there were."""

    def __init__(self):
        self.epochs = 0

    def on_epoch_end(self, epoch_number, logs):
        self.epochs += 1

    def state_dict(self):
        return {"epochs": self.epochs}

    def load_state_dict(self, state):
        self.epochs = state["epochs"]


class Other(Counter):
    pass


def test_callbacks_are_called_in_the_order_of_the_list():
    """Order is list order, appended ones last."""
    spoken = []
    callbacks = CallbackList([Named("a", spoken), Named("b", spoken)])
    callbacks.append(Named("c", spoken))
    callbacks.on_epoch_end(1, {})
    assert spoken == ["a", "b", "c"]
    assert [callback.name for callback in callbacks] == ["a", "b", "c"]
    assert [callback.name for callback in callbacks.callbacks] == ["a", "b", "c"]
    assert len(callbacks) == 3


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_bound_to_those_who_override_it(hook):
    """`hook` answers None, and `listens_to` False, for hooks that nobody overrides."""
    one = type("One", (Callback,), {hook: lambda self, *arguments: None})()
    callbacks = CallbackList([Callback(), one])
    assert [name for name in HOOKS if callbacks.hook(name) is not None] == [hook]
    assert [name for name in HOOKS if callbacks.listens_to(name)] == [hook]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_reaches_the_callbacks(hook):
    """The list forwards each hook with its arguments."""
    recorder = Recorder()
    count = getattr(Callback, hook).__code__.co_argcount - 1
    getattr(CallbackList([recorder]), hook)(*range(1, count + 1))
    assert recorder.calls == [(hook, tuple(range(1, count + 1)))]


def test_an_unknown_hook_is_an_error_with_the_near_miss():
    """Asking for a hook that does not exist is a mistake of the asker."""
    with pytest.raises(
        ValueError, match=r"no hook 'on_bach_settled'; did you mean 'on_batch_settled'\?"
    ):
        CallbackList().hook("on_bach_settled")


def test_a_class_instead_of_an_instance_is_an_error_with_the_fix():
    """The message says which entry it is, and what to write."""
    with pytest.raises(
        TypeError,
        match=r"^callbacks\[1\] is the class Counter, not an instance of it: "
        r"write Counter\(\.\.\.\)$",
    ):
        CallbackList([Callback(), Counter])
    with pytest.raises(TypeError, match=r"callbacks\[0\] is the class Counter"):
        CallbackList().append(Counter)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([print], r"callbacks\[0\] must be a Callback, not builtin_function_or_method"),
        ("csv", "`callbacks` must be a list of callbacks, not 'csv'"),
        ({"csv": 1}, "`callbacks` must be a list of callbacks, not {'csv': 1}"),
        (["csv"], r"callbacks\[0\] must be a Callback, not str \('csv'\); a name makes none"),
        ([lambda: None], r"callbacks\[0\] must be .* not function; LambdaCallback makes one"),
        (3, r"`callbacks` must be a list of callbacks, not 3"),
        (Counter, r"`callbacks` is the class Counter, .*: write \[Counter\(...\)\]"),
    ],
)
def test_what_is_no_callback_is_an_error(wrong, message):
    """Anything but callbacks is refused when the list is made."""
    with pytest.raises(TypeError, match=message):
        CallbackList(wrong)


def test_an_unknown_failure_policy_is_an_error():
    """The message names the class, the choices and the near miss."""
    callback = Counter()
    callback.on_error = "disabled"
    with pytest.raises(
        ValueError,
        match=r"^`Counter.on_error` must be one of 'raise', 'warn', 'disable', not 'disabled'; "
        r"did you mean 'disable'\?$",
    ):
        CallbackList([callback])


def test_one_callback_alone_makes_a_list():
    """A callback, no callback at all, a tuple and a generator are all welcome."""
    counter = Counter()
    assert CallbackList(counter).callbacks == [counter]
    assert CallbackList((counter,)).callbacks == [counter]
    assert CallbackList(callback for callback in [counter]).callbacks == [counter]
    assert CallbackList(None).callbacks == CallbackList([]).callbacks == []


def test_lists_can_be_nested():
    """A list in a list is a callback like any other, and its order holds."""
    spoken = []
    inner = CallbackList([Named("b", spoken), Named("c", spoken)])
    outer = CallbackList([Named("a", spoken), inner, Named("d", spoken)])
    model = SimpleModel(None)
    outer.set_model(model)
    outer.on_epoch_end(1, {})
    assert spoken == ["a", "b", "c", "d"]
    assert inner.callbacks[0].model is model
    assert outer.hook("on_train_begin") is None


def test_model_and_params_reach_every_callback():
    """Attaching to the list attaches to all, listeners or not."""
    callbacks = CallbackList([Callback(), Counter()])
    model, params = SimpleModel(None), {"epochs": 1}
    callbacks.set_model(model)
    callbacks.set_params(params)
    for callback in (callbacks, *callbacks):
        assert callback.model is model
        assert callback.params is params


def test_a_mock_of_a_callback_sees_the_hooks_of_the_reference_only():
    """A mock made with `spec=Callback` hears the shared hooks, and none of our own."""
    mock, recorder = MagicMock(spec=Callback), Recorder(own_hooks=False)
    play([mock, recorder], [{"val_loss": 1.0}])
    called = [call[0] for call in mock.method_calls]
    assert called == ["set_model", "set_params", *recorder.hooks]
    assert set(recorder.hooks) <= set(SHARED_HOOKS)


def test_every_state_has_a_key_of_its_own():
    """Keys are class names; a second callback of a class gets a number; no state, no key."""
    first, second, other = Counter(), Counter(), Other()
    first.epochs, second.epochs, other.epochs = 1, 2, 3
    state = CallbackList([first, Callback(), other, second]).state_dict()
    assert state == {"Counter": {"epochs": 1}, "Other": {"epochs": 3}, "Counter#2": {"epochs": 2}}


def test_states_go_back_to_their_callbacks():
    """Loading a state gives each callback its own; one without a state keeps what it has."""
    state = {"Counter": {"epochs": 1}, "Counter#2": {"epochs": 2}, "Gone": {"epochs": 9}}
    callbacks = CallbackList([Counter(), Other(), Counter()])
    callbacks.callbacks[1].epochs = 7
    callbacks.load_state_dict(state)
    assert [callback.epochs for callback in callbacks] == [1, 7, 2]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copied_list_calls_its_own_callbacks(copied):
    """A copy is bound to the copies of the callbacks, not to the originals."""
    callbacks = CallbackList([Counter()])
    twin = copied(callbacks)
    twin.on_epoch_end(1, {})
    assert [callbacks.callbacks[0].epochs, twin.callbacks[0].epochs] == [0, 1]


def test_the_time_of_each_callback_is_counted():
    """Every call of every listening hook is counted, the slowest row first."""
    callbacks = play([Counter(), Recorder()], [{}, {}], batches=3).callbacks
    times = callbacks.times()
    calls = {(row.callback, row.hook): row.calls for row in times}
    assert calls["Counter", "on_epoch_end"] == 2
    assert calls["Recorder", "on_train_batch_end"] == 6
    assert ("Counter", "on_train_begin") not in calls
    seconds = [row.seconds for row in times]
    assert seconds == sorted(seconds, reverse=True)
    assert all(0 < row.slowest <= row.seconds for row in times)


def test_the_table_of_times_is_for_people():
    """Columns line up, the mean is worked out, and the last line is the total."""
    table = time_table(
        [
            HookTime("CSVLogger", "on_epoch_end", 4, 0.2, 0.1),
            HookTime("EarlyStopping", "on_epoch_end", 4, 0.0004, 0.0002),
        ]
    )
    assert table.splitlines() == [
        "callback                       calls    total s    mean µs     max µs",
        "CSVLogger.on_epoch_end             4      0.200    50000.0   100000.0",
        "EarlyStopping.on_epoch_end         4      0.000      100.0      200.0",
        "total                              8      0.200",
    ]


def test_a_list_without_calls_has_an_empty_table():
    """Before anything was called there is a head and a total of nothing."""
    assert CallbackList([Counter()]).time_table().splitlines() == [
        "callback     calls    total s    mean µs     max µs",
        "total            0      0.000",
    ]


def test_callbacks_learn_in_which_list_they_stand():
    """Before the first hook of a run, those that are added within it too."""
    seen = []

    class Curious(Callback):
        def set_callbacks(self, callbacks):
            seen.append(callbacks)

        def on_epoch_begin(self, epoch_number, logs):
            assert self.listed is seen[-1]

    callbacks = CallbackList([Curious(), Curious()])
    callbacks.callbacks[0].listed = callbacks.callbacks[1].listed = callbacks
    play(callbacks, [{}])
    assert seen == [callbacks] * 2
    callbacks.append(Curious())
    assert seen == [callbacks] * 3


def test_a_hook_misspelt_is_warned_of_once():
    """A method that is nearly called like a hook is told of; others are the callback's own."""

    class Misspelt(Callback):
        on_strike = None

        def on_epoch_ended(self, epoch_number, logs):
            """Nobody calls this."""

        def on_paper(self):
            """Not like any hook."""

    with pytest.warns(UserWarning, match="on_epoch_ended is no hook.* mean 'on_epoch_end'") as all:
        CallbackList([Misspelt(), Misspelt()])
    CallbackList(Misspelt())
    assert len(all) == 1
