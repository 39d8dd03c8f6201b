# SPDX-License-Identifier: MIT
"""A web server on loopback that misbehaves as it is told to."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from callbacks_notify import pacing


class Server(ThreadingHTTPServer):
    """Answers what stands in `answers`, one after another; the last one for ever.

    An answer is a status, a pair of status and headers, or one of ``"malformed"``, ``"drops"``,
    ``"silent"`` and a number of seconds, after which it is 200.
    """

    daemon_threads = True
    path = "/services/T1/hunter2-hunter2"

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = [200]
        self.requests = []
        self.taken = []
        self.released = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}{self.path}"

    def next_answer(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        answer = self.server.next_answer()
        if answer == "malformed":
            self.wfile.write(b"hello there\r\n\r\n")
            return
        if answer == "drops":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if answer == "silent":
            self.server.released.wait(20)
            return
        if isinstance(answer, float):
            self.server.released.wait(answer)
            answer = 200
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        if status == 200:
            self.server.taken.append(json.loads(body))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server that takes everything, until it is told not to."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def nowhere():
    """The address of a server that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}{Server.path}"


@pytest.fixture
def impatient(monkeypatch):
    """Attempts follow one another within milliseconds."""
    monkeypatch.setattr(pacing, "FIRST", 0.01)
