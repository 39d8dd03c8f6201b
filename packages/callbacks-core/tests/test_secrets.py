# SPDX-License-Identifier: MIT

import pytest

from callbacks_core.secrets import redacted


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
