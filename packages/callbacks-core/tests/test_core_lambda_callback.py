# SPDX-License-Identifier: MIT
import pytest

from callbacks_core import HOOKS, Callback, CallbackList, LambdaCallback
from callbacks_core.testing import Recorder, play


@pytest.mark.parametrize("hook", HOOKS)
def test_a_function_is_called_with_what_the_hook_takes(hook):
    """Each hook can be given as a function, which alone is listened to."""
    calls = []
    callback = LambdaCallback(**{hook: lambda *arguments: calls.append(arguments)})
    assert [name for name in HOOKS if callback.listens_to(name)] == [hook]
    arguments = tuple(range(getattr(Callback, hook).__code__.co_argcount - 1))
    getattr(CallbackList(callback), hook)(*arguments)
    assert calls == [arguments]


def test_functions_for_several_hooks_play_together():
    """The functions are called in the order of the hooks."""
    calls, recorder = [], Recorder()
    names = ("on_epoch_begin", "on_epoch_end", "on_settled", "close")
    callback = LambdaCallback(**{name: lambda *_, n=name: calls.append(n) for name in names})
    play([callback, recorder], [{}, {}])
    assert calls == [hook for hook in recorder.hooks if hook in names]


@pytest.mark.parametrize(
    ("hook", "meant"),
    [
        ("on_epoch_ends", "on_epoch_end"),
        ("on_trainbatch_end", "on_train_batch_end"),
        ("clse", "close"),
    ],
)
def test_a_misspelt_hook_is_an_error_with_the_near_miss(hook, meant):
    """A typo is found when the callback is made."""
    with pytest.raises(
        TypeError, match=f"^LambdaCallback has no hook '{hook}'; did you mean '{meant}'"
    ):
        LambdaCallback(**{hook: print})


def test_a_name_far_from_any_hook_lists_them_all():
    """Without a near miss the message tells what there is."""
    with pytest.raises(TypeError) as caught:
        LambdaCallback(xyz=print)
    assert str(caught.value) == "LambdaCallback has no hook 'xyz'; the hooks are " + ", ".join(
        HOOKS
    )


def test_a_value_that_cannot_be_called_is_an_error():
    """A forgotten `lambda` is found when the callback is made."""
    with pytest.raises(TypeError, match=r"^`on_epoch_end` must be a function, not None$"):
        LambdaCallback(on_epoch_end=None)
