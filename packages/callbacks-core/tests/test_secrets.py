# SPDX-License-Identifier: MIT
import copy
import logging
import pickle

import pytest

from callbacks_core.secrets import Secret, redact_record, redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ada:p@ss@host:5/db", "postgresql://***@host:5/db"),
        ("GET https://x/y?api_key=abc&page=2", "GET https://x/y?api_key=***&page=2"),
        ("https://x/invoke?sv=1.0&sig=abc", "https://x/invoke?sv=1.0&sig=***"),
        ('{"token": "abc", "n": 1}', '{"token": "***", "n": 1}'),
        ("MLFLOW_TRACKING_PASSWORD=abc", "MLFLOW_TRACKING_PASSWORD=***"),
        ("Authorization: Bearer abcdefgh.ijkl", "Authorization: Bearer ***"),
        ("authorization: basic YWRhOnB3", "authorization: basic ***"),
        ("with url: /services/T1/B2/abc (Caused", "with url: /services/*** (Caused"),
        ("https://discord.com/api/webhooks/1/abc", "https://discord.com/api/webhooks/***"),
    ],
)
def test_secrets_of_a_known_shape_are_hidden(text, shown):
    """What stands for a password, a token or a webhook does not survive; the rest does."""
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'val_loss'; the token 5 is not in the vocabulary",
        "basic training of the network",
        "sqlite:///home/ada@work/mlflow.db and http://host:5000/path",
        "mail to ada@example.org",
    ],
)
def test_other_text_is_left_alone(text):
    """An ordinary message is not mutilated."""
    assert redacted(text) == text


def test_a_secret_is_hidden_wherever_it_stands():
    """What is known to be secret needs no shape; longer ones go before their parts."""
    Secret("correct-horse")
    Secret("correct-horse-battery")
    assert redacted("it says correct-horse-battery, correct-horse") == "it says ***, ***"


def test_a_short_secret_does_not_mutilate_text():
    """Five letters may be anything."""
    Secret("epoch")
    assert redacted("epoch 1") == "epoch 1"


def test_a_secret_shows_itself_to_nobody(monkeypatch):
    """Neither `repr` nor `str` nor a pickle has the value; the variable's name may be told."""
    monkeypatch.setenv("MAIL_PASSWORD", "staple-staple")
    plain, named = Secret("staple-staple"), Secret.from_environment("MAIL_PASSWORD")
    assert f"{plain} {plain!r} {named}" == "Secret(***) Secret(***) Secret(MAIL_PASSWORD)"
    assert named.reveal() == "staple-staple"
    pickled = pickle.dumps(named)
    assert b"staple" not in pickled
    assert pickle.loads(pickled).reveal() == "staple-staple"
    with pytest.raises(TypeError, match="from_environment"):
        pickle.dumps(plain)
    assert copy.deepcopy([plain]) == [copy.copy(plain)] == [Secret.of(plain)]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Secret(""), ValueError, "a secret must not be empty"),
        (lambda: Secret(b"abc"), TypeError, "a secret must be a str, not bytes"),
        (
            lambda: Secret.from_environment("NOT_SET_ANYWHERE"),
            ValueError,
            "the environment variable 'NOT_SET_ANYWHERE' is not set",
        ),
    ],
)
def test_what_is_no_secret_is_refused(make, error, message):
    """The message says what was expected, and shows no value."""
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_a_log_record_loses_its_secrets():
    """The filter rewrites the record, arguments included, and keeps it."""
    Secret("hunter-two-path")
    record = logging.makeLogRecord({"msg": "POST %s %d", "args": ("/x/hunter-two-path", 200)})
    assert redact_record(record)
    assert record.getMessage() == "POST /x/*** 200"
