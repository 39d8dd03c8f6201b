# SPDX-License-Identifier: MIT
"""Passwords, tokens and webhook addresses, kept out of what people read."""

from __future__ import annotations

import re
from typing import Final

_HIDDEN: Final = "***"
_USER_INFO: Final = re.compile(r"(?<=://)[^\s/?#]*(?=@)")
_NAMED: Final = re.compile(
    r"""(?ix) (\b [\w-]* (?: password|passwd|secret|token|api[_-]?key|access[_-]?key|\bsig) [\w-]*
        (?: = | ['"]\s*:\s* | %3D ) ['"]? ) [^\s'"&;,)]+"""
)
_BEARER: Final = re.compile(r"(?i)(\bbearer\s+|\bauthorization\W+basic\s+)[\w.~+/=-]{8,}")
_WEBHOOK: Final = re.compile(r"(?i)(/(?:services|api/webhooks|webhookb2)/)[^\s'\")]+")


def redacted(text: str) -> str:
    """Return *text* without the secrets that are known by their shape.

    These are the user and password in a URI, the values of names such as ``api_key=``, bearer
    tokens, and the paths of chat webhooks. It lowers the risk and is no proof: do not print what
    is known to be secret.

    Args:
        text: What somebody else wrote, such as the text of an exception.
    """
    text = _USER_INFO.sub(_HIDDEN, text)
    for pattern in (_NAMED, _BEARER, _WEBHOOK):
        text = pattern.sub(rf"\1{_HIDDEN}", text)
    return text
