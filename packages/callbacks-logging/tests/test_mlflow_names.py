# SPDX-License-Identifier: MIT
import pytest

from callbacks_logging.mlflow_log.names import accepted, as_text, flattened


def test_a_configuration_is_flattened():
    """Levels are joined by dots, sequences are numbered, and a text is one value."""
    config = {"a": 1, "b": {"c": [True, "text", {"d": None}], "e": {}}, 3: (4.5,)}
    assert flattened(config) == {
        "a": "1",
        "b.c.0": "True",
        "b.c.1": "text",
        "b.c.2.d": "None",
        "b.e": "{}",
        "3.0": "4.5",
    }


def test_a_sequence_is_a_configuration_too():
    """The outermost level may be numbered."""
    assert flattened([{"a": 1}, 2]) == {"0.a": "1", "1": "2"}


@pytest.mark.parametrize("config", ["text", 3, None])
def test_anything_else_is_no_configuration(config):
    """The message shows what was given."""
    with pytest.raises(TypeError) as caught:
        flattened(config)
    expected = f"`config_params` must be a mapping or a sequence, not {config!r}"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("batch/val_loss", "batch/val_loss"),
        ("größe.x-1 a", "größe.x-1 a"),
        ("f1{macro}:n=3", "f1_macro__n_3"),
        ("../../etc//passwd/", "__/__/etc/passwd"),
        ("/", "_"),
        ("a\nb", "a_b"),
        ("x" * 300, "x" * 250),
    ],
)
def test_names_are_made_acceptable(name, kept):
    """MLflow refuses other characters, paths that lead elsewhere and long names."""
    assert accepted(name) == kept


@pytest.mark.parametrize("name", ["batch/val_loss", "f1{macro}:n=3", "../../etc//passwd/", "/"])
def test_mlflow_accepts_them(name):
    """MLflow itself is asked."""
    validation = pytest.importorskip("mlflow.utils.validation")
    validation._validate_metric_name(accepted(name))


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [(3, TypeError, "a name must be a str, not 3"), ("", ValueError, "a name must not be empty")],
)
def test_what_is_no_name_is_refused(name, error, message):
    """A wrong kind and an empty name are errors of whoever gave them."""
    with pytest.raises(error) as caught:
        accepted(name)
    assert str(caught.value) == message


def test_a_long_value_is_shortened():
    """MLflow takes six thousand characters."""
    assert as_text("x" * 6000) == "x" * 6000
    assert as_text("x" * 6001) == "x" * 5999 + "…"
