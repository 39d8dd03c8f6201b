# SPDX-License-Identifier: MIT
"""Notifications for chats and for any server that takes JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from callbacks_core import Secret, one_of

from . import payloads
from .address import WebAddress
from .errors import DeliveryError
from .notificator import Notificator
from .retry_after import seconds_to_wait

if TYPE_CHECKING:
    from email.message import Message
    from urllib.request import OpenerDirector

Service: TypeAlias = Literal["slack", "discord", "teams", "json"]
Payload: TypeAlias = Callable[[str, str], object]

_PAYLOADS: Final[Mapping[str, Payload]] = {
    "slack": payloads.slack,
    "discord": payloads.discord,
    "teams": payloads.teams,
    "json": payloads.plain,
}
_AGAIN: Final = frozenset({408, 409, 423, 425, 429})


class WebhookNotificator(Notificator):
    """Post notifications to a webhook: of Slack, Discord, Teams (Workflows), or any other.

    The address is a secret: neither `repr` nor an error shows more of it than the host. Redirects
    are not followed.

    Args:
        url: The address; ``Secret.from_environment("SLACK_URL")`` keeps it out of the script. A
            user and password in it are sent as basic authorization.
        service: Whose format to send; by default the address tells, and ``"json"`` is
            ``{"subject": …, "message": …}``.
        payload: A function of subject and message that returns what to send as JSON, for a
            service that is not among these.
        headers: More headers, such as an ``Authorization``; they are secrets too.
        timeout: How many seconds the server may take to accept a connection, or to answer.

    Raises:
        TypeError: *url* is no str or `Secret`, or *payload* no function.
        ValueError: *url* has no scheme or host, *service* is unknown, a header has a line end, or
            *timeout* is not positive.
    """

    def __init__(
        self,
        url: str | Secret,
        *,
        service: Service | None = None,
        payload: Payload | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        timeout: float = 5.0,
    ) -> None:
        self._address = WebAddress(url)
        if service is not None:
            one_of("service", service, _PAYLOADS)
        if payload is not None and not callable(payload):
            raise TypeError(f"`payload` must be a function, not {payload!r}")
        if not timeout > 0:
            raise ValueError(f"`timeout` must be more than zero, not {timeout!r}")
        self.service = service or payloads.service_of(self._address)
        self.timeout = timeout
        self._payload = payload or _PAYLOADS[self.service]
        self._headers = {name: _header(name, value) for name, value in (headers or {}).items()}

    def __repr__(self) -> str:
        """Show the host, and nothing that opens the door."""
        return f"{type(self).__name__}({self._address.host!r}, service={self.service!r})"

    def send_notification(self, message: str, *, subject: str | None = None) -> None:
        """Post the message.

        Raises:
            DeliveryError: It was not taken.
        """
        body = json.dumps(self._payload(subject or "", message)).encode()
        problem = self._post(body)
        if problem is not None:  # raised here: what it came from names the address
            raise problem

    def _post(self, body: bytes) -> DeliveryError | None:
        from http.client import HTTPException
        from urllib.error import HTTPError, URLError
        from urllib.request import Request

        headers = {"Content-Type": "application/json", "User-Agent": "callbacks-notify"}
        headers |= self._address.headers()
        headers |= {name: value.reveal() for name, value in self._headers.items()}
        request = Request(self._address.reveal(), body, headers, method="POST")
        host = self._address.host
        try:
            with _opener().open(request, timeout=self.timeout) as answer:
                answer.read(1)
        except HTTPError as error:
            with error:
                return _refusal(host, error.code, error.headers)
        except URLError as error:
            return DeliveryError(f"{host} cannot be reached: {_kind(error.reason)}")
        except (HTTPException, OSError) as error:
            return DeliveryError(f"{host} did not answer: {type(error).__name__}")
        return None


def _opener() -> OpenerDirector:
    from urllib.request import HTTPRedirectHandler, build_opener

    class Stay(HTTPRedirectHandler):
        """Follows no redirect: it would become a GET without a body."""

        def redirect_request(self, *arguments: object) -> None:
            return None

    return build_opener(Stay)


def _refusal(host: str, status: int, headers: Message) -> DeliveryError:
    permanent = 300 <= status < 500 and status not in _AGAIN
    wait = None if permanent else seconds_to_wait(headers.get("Retry-After"))
    return DeliveryError(f"{host} answered {status}", permanent=permanent, retry_after=wait)


def _kind(reason: object) -> str:
    return type(reason).__name__ if isinstance(reason, BaseException) else "unknown reason"


def _header(name: str, value: str | Secret) -> Secret:
    secret = Secret.of(value)
    if not (name + secret.reveal()).isprintable():
        raise ValueError(f"the header {name!r} must be one line of printable letters")
    return secret
