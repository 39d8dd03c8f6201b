# SPDX-License-Identifier: MIT
"""E-mail, through a real server on loopback."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from ipaddress import ip_address

import pytest

from callbacks_core.testing import play
from callbacks_notify import DeliveryError, EmailNotificator, NotificationCallback

pytest.importorskip("aiosmtpd")
pytest.importorskip("cryptography")

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PASSWORD = "hunter2-hunter2"


class Mailbox:
    """Keeps mails; refuses with *answer*, where there is one."""

    def __init__(self):
        self.mails = []
        self.logins = []
        self.answer = None

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.answer:
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def login(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password.decode() == PASSWORD, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody else trusts, made for this run of the tests."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "loopback.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Postman:
    """A running server with its mailbox."""

    def __init__(self, certificate, *, offers_tls=True):
        self.box = Mailbox()
        options = {}
        if offers_tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            options = {
                "tls_context": context,
                "authenticator": self.box.login,
                "auth_required": True,
            }
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.controller = Controller(self.box, hostname="127.0.0.1", port=self.port, **options)
        self.controller.start()
        self.trusting = ssl.create_default_context(cafile=certificate)

    def channel(self, **options):
        options = {
            "port": self.port,
            "password": PASSWORD,
            "context": self.trusting,
            "timeout": 2.0,
            **options,
        }
        return EmailNotificator("127.0.0.1", "ada@example.org", "bob@example.org", **options)


@pytest.fixture
def postman(certificate):
    postman = Postman(certificate)
    yield postman
    postman.controller.stop()


def test_a_mail_arrives_encrypted_and_in_utf8(postman):
    """With a login after STARTTLS, and with letters beyond ASCII in subject and text."""
    postman.channel().send_notification("größer → besser\n" * 100, subject="Épreuve 1 für Ada")
    assert postman.box.logins == [("ada@example.org", PASSWORD)]
    (mail,) = postman.box.mails
    assert mail["Subject"] == "Épreuve 1 für Ada"
    assert mail["To"] == "bob@example.org"
    assert mail.get_content().replace("\r\n", "\n") == "größer → besser\n" * 100
    assert mail["Date"]
    assert mail["Message-ID"]


def test_no_header_can_be_injected(postman):
    """A subject with line ends is one line."""
    postman.channel().send_notification("text", subject="Hi\r\nBcc: eve@example.org\n\n<script>")
    (mail,) = postman.box.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Hi Bcc: eve@example.org <script>"


def test_a_training_is_told_by_mail(postman):
    """Every message is delivered."""
    callback = NotificationCallback(postman.channel(), experiment_name="the digits")
    play(callback, [{"loss": 0.5}])
    assert [mail["Subject"] for mail in postman.box.mails] == [
        "Start of the training for the digits.",
        "Epoch 1 is done for the digits.",
        "End of the training for the digits.",
    ]


@pytest.mark.parametrize(
    ("answer", "permanent"), [("550 nobody here", True), ("451 try later", False)]
)
def test_a_refusal_is_permanent_or_not(answer, permanent, postman):
    """As the server says."""
    postman.box.answer = answer
    with pytest.raises(DeliveryError, match="answered") as caught:
        postman.channel().send_notification("text")
    assert caught.value.permanent is permanent


def test_a_wrong_password_is_permanent_and_not_shown(postman):
    """The error has the server's code, and nothing else of it."""
    channel = postman.channel(password="hunter3-hunter3")
    with pytest.raises(DeliveryError) as caught:
        channel.send_notification("text")
    assert str(caught.value) == "127.0.0.1 answered 535"
    assert caught.value.permanent
    assert caught.value.__context__ is None
    assert "hunter3" not in repr(channel) + repr(vars(channel))


def test_a_certificate_that_nobody_vouches_for_gets_no_password(postman):
    """The server is not the one that was meant."""
    with pytest.raises(DeliveryError, match="cannot be trusted"):
        postman.channel(context=None).send_notification("text")
    assert postman.box.logins == []


def test_a_server_without_encryption_gets_no_password(certificate):
    """Nothing is sent rather than sent in clear."""
    postman = Postman(certificate, offers_tls=False)
    try:
        with pytest.raises(DeliveryError, match="offers no encryption") as caught:
            postman.channel().send_notification("text")
        assert caught.value.permanent
        postman.channel(password=None, security="none").send_notification("text")
    finally:
        postman.controller.stop()
    assert len(postman.box.mails) == 1


def test_a_server_that_is_not_there():
    """The error is one to try again after."""
    channel = EmailNotificator("127.0.0.1", "a@example.org", "b@example.org", port=1)
    with pytest.raises(DeliveryError, match="cannot be reached: ConnectionRefusedError") as caught:
        channel.send_notification("text")
    assert not caught.value.permanent


def test_the_sender_of_notif_runs_as_it_is(postman, caplog):
    """Its connection, login and format are its own; no log has the password."""
    notif = pytest.importorskip("notif.notificator")
    import smtplib

    class Trusting(smtplib.SMTP):
        """Trusts the certificate: notif asks for STARTTLS without saying whom to trust."""

        def starttls(self, **options):
            return super().starttls(context=postman.trusting)

        def quit(self):  # notif calls it again when its object is collected
            return super().quit() if self.sock else None

    server = Trusting("127.0.0.1", postman.port, timeout=5)
    sender = notif.EmailNotificator("ada@example.org", PASSWORD, "bob@example.org", server)
    callback = NotificationCallback(sender)
    play(callback, [{"loss": 0.5}])
    server.quit()
    assert [mail["Subject"] for mail in postman.box.mails] == [
        "Start of the training.",
        "Epoch 1 is done.",
        "End of the training.",
    ]
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("h", "ada@x\nBcc: eve@x", "b@x"), {}, ValueError, "`sender` must be an address"),
        (("h", "a@x", ["b@x", "bob"]), {}, ValueError, "`recipients` must be an address"),
        (("h", "a@x", []), {}, ValueError, "`recipients` must hold an address"),
        (("h", 3, "b@x"), {}, TypeError, "`sender` must be an address"),
        ((3, "a@x", "b@x"), {}, TypeError, "`host` must be the name of a server"),
        (("h\r\n", "a@x", "b@x"), {}, ValueError, "`host` must be the name of a server"),
        (("h", "a@x", "b@x"), {"security": "startls"}, ValueError, "did you mean 'starttls'"),
        (("h", "a@x", "b@x"), {"port": 0}, ValueError, "`port` must be at least 1, not 0"),
        (
            ("h", "a@x", "b@x"),
            {"security": "none", "password": "hunter2"},
            ValueError,
            "a password is not sent without encryption",
        ),
        (("h", "a@x", "b@x"), {"timeout": 0}, ValueError, "`timeout` must be more than zero"),
    ],
)
def test_bad_arguments_are_refused_at_once(arguments, options, error, message):
    """The message says what was expected."""
    with pytest.raises(error, match=message):
        EmailNotificator(*arguments, **options)
