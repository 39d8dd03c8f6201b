# SPDX-License-Identifier: MIT
import pytest

from callbacks_core import did_you_mean, one_of, whole_number


@pytest.mark.parametrize(
    ("name", "words"),
    [("val_los", "; did you mean 'val_loss'?"), ("zzz", ""), (None, ""), (3, "")],
)
def test_the_near_miss_is_suggested(name, words):
    """The nearest choice, or nothing when none is near or the name is no name."""
    assert did_you_mean(name, ["loss", "val_loss"]) == words


@pytest.mark.parametrize("value", ["mim", 1, None, [], {}])
def test_a_value_must_be_one_of_the_choices(value):
    """Anything else is refused, whatever its type."""
    with pytest.raises(ValueError, match=r"^`mode` must be one of 'min', 'max', not "):
        one_of("mode", value, ("min", "max"))
    one_of("mode", "min", iter(("min", "max")))


@pytest.mark.parametrize("value", [1.0, "1", None, True])
def test_a_whole_number_is_an_int(value):
    """Floats, strings, None and booleans are refused."""
    with pytest.raises(TypeError, match=f"^`n` must be a whole number, not {value!r}$"):
        whole_number("n", value, at_least=0)


def test_a_whole_number_has_a_least_value():
    """The bound itself is accepted."""
    whole_number("n", 2, at_least=2)
    with pytest.raises(ValueError, match=r"^`n` must be at least 2, not 1$"):
        whole_number("n", 1, at_least=2)
