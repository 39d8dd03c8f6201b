# SPDX-License-Identifier: MIT
"""Notifications by e-mail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from callbacks_core import Secret, one_of, whole_number

from .errors import DeliveryError
from .messages import one_line
from .notificator import Notificator

if TYPE_CHECKING:
    from email.message import EmailMessage
    from smtplib import SMTP
    from ssl import SSLContext

Security: TypeAlias = Literal["starttls", "tls", "none"]


class EmailNotificator(Notificator):
    """Send notifications by e-mail, through an SMTP server.

    The connection is encrypted and the server's certificate checked before a password is sent;
    a server that offers no encryption gets nothing. Every message is a connection of its own.

    Args:
        host: The server.
        sender: The address that the mail comes from.
        recipients: One address, or several.
        port: The server's port.
        username: Whom to log in as; by default, with a password, the sender.
        password: ``Secret.from_environment("SMTP_PASSWORD")`` keeps it out of the script. Without
            one there is no login.
        security: ``"starttls"``, ``"tls"`` (from the beginning, port 465), or ``"none"``, for a
            server on this machine.
        timeout: How many seconds the server may take for each step.
        context: How to check the certificate; by default as browsers do.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: An address is none, or has a line end; *security* is unknown; or there is a
            password to be sent without encryption.
    """

    def __init__(
        self,
        host: str,
        sender: str,
        recipients: str | Sequence[str],
        *,
        port: int = 587,
        username: str | None = None,
        password: str | Secret | None = None,
        security: Security = "starttls",
        timeout: float = 5.0,
        context: SSLContext | None = None,
    ) -> None:
        one_of("security", security, ("starttls", "tls", "none"))
        whole_number("port", port, at_least=1)
        if password is not None and security == "none":
            raise ValueError('a password is not sent without encryption: security="none"')
        if not timeout > 0:
            raise ValueError(f"`timeout` must be more than zero, not {timeout!r}")
        self.host = _host(host)
        self.port = port
        self.sender = _address("sender", sender)
        several = (recipients,) if isinstance(recipients, str) else tuple(recipients)
        if not several:
            raise ValueError("`recipients` must hold an address")
        self.recipients = tuple(_address("recipients", address) for address in several)
        self.username = self.sender if username is None else username
        self.security = security
        self.timeout = timeout
        self._password = None if password is None else Secret.of(password)
        self._context = context

    def __repr__(self) -> str:
        """Show the way, and no password."""
        return f"{type(self).__name__}({self.host!r}, {self.sender!r}, {self.recipients!r})"

    def send_notification(self, message: str, *, subject: str | None = None) -> None:
        """Send the mail.

        Raises:
            DeliveryError: The server did not take it.
        """
        problem = self._send(self._mail(message, subject or ""))
        if problem is not None:  # raised here: what it came from may quote a login
            raise problem

    def _mail(self, message: str, subject: str) -> EmailMessage:
        from email.message import EmailMessage
        from email.utils import formatdate, make_msgid

        mail = EmailMessage()
        mail["Subject"] = one_line(subject)
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.recipients)
        mail["Date"] = formatdate(localtime=True)
        mail["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        mail.set_content(message, charset="utf-8")
        return mail

    def _send(self, mail: EmailMessage) -> DeliveryError | None:
        import ssl
        from smtplib import SMTPException, SMTPNotSupportedError

        try:
            with self._connect() as server:
                if self._password is not None:
                    server.login(self.username, self._password.reveal())
                server.send_message(mail)
        except ssl.SSLCertVerificationError:
            reason = f"the certificate of {self.host} cannot be trusted"
            return DeliveryError(reason, permanent=True)
        except SMTPNotSupportedError:
            reason = f"{self.host} offers no encryption, or no login"
            return DeliveryError(reason, permanent=True)
        except SMTPException as error:
            code = _code(error)
            answer = f"answered {code}" if code else f"failed: {type(error).__name__}"
            return DeliveryError(f"{self.host} {answer}", permanent=code >= 500)
        except OSError as error:
            return DeliveryError(f"{self.host} cannot be reached: {type(error).__name__}")
        return None

    def _connect(self) -> SMTP:
        import ssl
        from smtplib import SMTP, SMTP_SSL

        if self.security == "none":
            return SMTP(self.host, self.port, timeout=self.timeout)
        context = self._context or ssl.create_default_context()
        if self.security == "tls":
            return SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        server = SMTP(self.host, self.port, timeout=self.timeout)
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server


def _code(error: Exception) -> int:
    """Return the code of the server's answer; 0 where there was none."""
    refused = getattr(error, "recipients", None)
    if refused:  # every recipient was refused, each with an answer of its own
        return min(int(answer[0]) for answer in refused.values())
    return int(getattr(error, "smtp_code", 0))


def _host(host: object) -> str:
    if not isinstance(host, str):
        raise TypeError(f"`host` must be the name of a server, not {host!r}")
    if not host or not host.isprintable() or " " in host:
        raise ValueError(f"`host` must be the name of a server, not {host!r}")
    return host


def _address(argument: str, address: object) -> str:
    if not isinstance(address, str):
        raise TypeError(f"`{argument}` must be an address such as ada@example.org, not {address!r}")
    name, at, domain = address.rpartition("@")
    if not address.isprintable() or not (name and at and domain) or set(address) & set(' ,;<>"'):
        raise ValueError(
            f"`{argument}` must be an address such as ada@example.org, not {address!r}"
        )
    return address
