# SPDX-License-Identifier: MIT
"""Passwords, tokens and webhook addresses, kept out of what people read."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from logging import LogRecord
    from typing import Self

_HIDDEN: Final = "***"
_SHORTEST: Final = 6
_USER_INFO: Final = re.compile(r"(?<=://)[^\s/?#]*(?=@)")
_NAMED: Final = re.compile(
    r"""(?ix) (\b [\w-]* (?: password|passwd|secret|token|api[_-]?key|access[_-]?key|\bsig) [\w-]*
        (?: = | ['"]\s*:\s* | %3D ) ['"]? ) [^\s'"&;,)]+"""
)
_BEARER: Final = re.compile(r"(?i)(\bbearer\s+|\bauthorization\W+basic\s+)[\w.~+/=-]{8,}")
_WEBHOOK: Final = re.compile(r"(?i)(/(?:services|api/webhooks|webhookb2)/)[^\s'\")]+")

_known: set[str] = set()


class Secret:
    """A value that is not shown, printed, compared aloud or pickled.

    ``Secret.from_environment("SMTP_PASSWORD")`` is the way to keep it out of a script too.

    Args:
        value: The password, token or address itself; from now on `redacted` hides it in any text,
            unless it is shorter than six characters.

    Raises:
        TypeError: *value* is no str.
        ValueError: *value* is empty.
    """

    __slots__ = ("_value", "_variable")

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"a secret must be a str, not {type(value).__name__}")
        if not value:
            raise ValueError("a secret must not be empty")
        self._value = value
        self._variable: str | None = None
        hide(value)

    @classmethod
    def from_environment(cls, variable: str) -> Self:
        """Return the value of an environment variable, as a secret.

        Raises:
            ValueError: The variable is not set, or empty.
        """
        value = os.environ.get(variable, "")
        if not value:
            raise ValueError(f"the environment variable {variable!r} is not set")
        secret = cls(value)
        secret._variable = variable
        return secret

    @classmethod
    def of(cls, value: str | Self) -> Self:
        """Return *value* as a secret, if it is none yet."""
        return value if isinstance(value, cls) else cls(value)  # type: ignore[arg-type]  # a str

    def reveal(self) -> str:
        """Return the value; for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        """Tell where it comes from, at most."""
        return "Secret(***)" if self._variable is None else f"Secret({self._variable})"

    def __copy__(self) -> Self:
        """Return the secret itself: it cannot change."""
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return the secret itself: it cannot change."""
        return self

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Pickle the name of the variable, never the value.

        Raises:
            TypeError: It does not come from the environment.
        """
        if self._variable is None:
            raise TypeError(
                "a secret is not pickled, so that no file holds it: "
                "use Secret.from_environment(...), which pickles the variable's name"
            )
        return type(self).from_environment, (self._variable,)


def hide(value: str) -> None:
    """Have `redacted` hide *value* wherever it stands, unless it is too short to be told apart."""
    if len(value) >= _SHORTEST:
        _known.add(value)


def redacted(text: str) -> str:
    """Return *text* without the secrets that are known, by themselves or by their shape.

    Known by their shape are the user and password in a URI, the values of names such as
    ``api_key=``, bearer tokens, and the paths of chat webhooks. It lowers the risk and is no
    proof: do not print what is known to be secret.

    Args:
        text: What somebody else wrote, such as the text of an exception.
    """
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    text = _USER_INFO.sub(_HIDDEN, text)
    for pattern in (_NAMED, _BEARER, _WEBHOOK):
        text = pattern.sub(rf"\1{_HIDDEN}", text)
    return text


def redact_record(record: LogRecord) -> bool:
    """Take the secrets out of a log record: a filter for the logger of somebody else's library.

    Returns:
        True: the record itself is kept.
    """
    record.msg, record.args = redacted(record.getMessage()), ()
    return True
