# SPDX-License-Identifier: MIT
import copy
import pickle

import pytest

from callbacks_core import HOOKS, Callback, NotAttachedError, SimpleModel, Stateful
from callbacks_core.hooks import OWN_HOOKS, SHARED_HOOKS


class Forgetful(Callback):
    """A callback whose author forgot `super().__init__()`."""

    def __init__(self, word="hello"):
        self.word = word

    def on_epoch_end(self, epoch_number, logs):
        pass


def test_a_subclass_need_not_call_the_base_class():
    """Model and params can be attached to a callback that never ran `Callback.__init__`."""
    callback, model = Forgetful(), SimpleModel(None)
    callback.set_model(model)
    callback.set_params({"epochs": 3})
    assert callback.model is model
    assert callback.params == {"epochs": 3}


@pytest.mark.parametrize("name", ["model", "params"])
def test_what_is_not_attached_yet_says_so(name):
    """The message names the class, the attribute and what to do."""
    with pytest.raises(NotAttachedError) as caught:
        getattr(Forgetful(), name)
    assert str(caught.value) == (
        f"Forgetful.{name} is not there yet: pass the callback to a training loop, "
        f"or call set_{name}() first"
    )


def test_a_missing_model_answers_hasattr():
    """What is not attached looks absent to those who ask politely."""
    assert not hasattr(Forgetful(), "model")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_bare_callback_listens_to_nothing(hook):
    """The base class overrides none of its own hooks."""
    assert not Callback().listens_to(hook)


@pytest.mark.parametrize("hook", HOOKS)
def test_an_overridden_hook_is_listened_to(hook):
    """A method of a subclass, or of the subclass's base, counts; the others do not."""
    base = type("Base", (Callback,), {hook: lambda self, *arguments: None})
    callback = type("Derived", (base,), {})()
    assert [name for name in HOOKS if callback.listens_to(name)] == [hook]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_function_set_on_the_instance_is_listened_to(hook):
    """An instance attribute counts like a method."""
    callback = Callback()
    setattr(callback, hook, lambda *arguments: None)
    assert [name for name in HOOKS if callback.listens_to(name)] == [hook]


def test_every_hook_does_nothing_by_default():
    """Each hook of the base class takes its arguments and returns None."""
    callback = Callback()
    for hook in HOOKS:
        count = getattr(Callback, hook).__code__.co_argcount - 1
        assert getattr(callback, hook)(*[{}] * count) is None


def test_the_hooks_are_those_of_the_class():
    """`HOOKS` lists each `on_*` method and `close` once, with no stranger."""
    methods = {name for name in vars(Callback) if name.startswith("on_") and name != "on_error"}
    assert set(HOOKS) == methods | {"close"}
    assert len(HOOKS) == len(set(HOOKS)) == len(SHARED_HOOKS) + len(OWN_HOOKS)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_callback_can_be_copied(copied):
    """Copies carry the settings and are callbacks of their own, attached to nothing yet."""
    callback = Forgetful("again")
    callback.set_params({"epochs": 2})
    twin = copied(callback)
    assert twin is not callback
    assert twin.word == "again"
    with pytest.raises(NotAttachedError):
        _ = twin.params
    assert twin.listens_to("on_epoch_end")


def test_a_callback_without_state_has_an_empty_one():
    """By default nothing is learnt, any state is accepted, and the key is the class's name."""
    callback = Forgetful()
    callback.load_state_dict({"anything": 1})
    assert callback.state_dict() == {}
    assert callback.state_key == "Forgetful"
    assert isinstance(callback, Stateful)


def test_a_callback_keeps_no_epoch_from_being_closed():
    """By default no epoch is abandoned."""
    assert Callback().abandons_epoch() is False
