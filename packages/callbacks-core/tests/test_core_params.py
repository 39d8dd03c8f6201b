# SPDX-License-Identifier: MIT
import pytest

from callbacks_core import Params


def test_older_names_read_the_same_values():
    """The names of the reference's text are readable, and are no keys."""
    params = Params(epochs=3, steps=None)
    assert (params["epoch"], params["steps_per_epoch"]) == (3, None)
    assert params == {"epochs": 3, "steps": None}
    assert "epoch" not in params
    assert list(params) == ["epochs", "steps"]


@pytest.mark.parametrize("key", ["epoch", "epochs", "valid_steps", "nonsense"])
def test_what_is_not_there_is_a_key_error(key):
    """An older name without its value is missing, under the name that was asked for."""
    with pytest.raises(KeyError) as caught:
        Params(steps=2)[key]
    assert caught.value.args == (key,)
