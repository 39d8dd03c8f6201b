# SPDX-License-Identifier: MIT
"""A real training tells how it ends, and is the same one whatever the server does."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import perf_counter, sleep

import pytest
import torch
from torch import Tensor

from callbacks_core import Callback, EarlyStopping, LambdaCallback
from callbacks_notify import NotificationCallback, WebhookNotificator
from callbacks_trainer import Model

Batches = list[tuple[Tensor, Tensor]]
MakeModel = Callable[[], Model]
SILENT, GONE, SLOW, DROPS, MALFORMED = 0, -1, -2, -3, -4
TAKEN = (200, SLOW)


class Hook(ThreadingHTTPServer):
    """A webhook that answers `status`, or nothing at all."""

    daemon_threads = True
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken: list[dict[str, str]] = []
        self.over = threading.Event()

    @property
    def channel(self) -> WebhookNotificator:
        url = f"http://127.0.0.1:{self.server_port}/services/T1/hunter2-hunter2"
        return WebhookNotificator(url, timeout=0.5)

    @property
    def subjects(self) -> list[str]:
        return [message["subject"] for message in self.taken]


class Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == SILENT:
            self.server.over.wait(20)
            return
        if self.server.status == DROPS:
            self.close_connection = True
            return
        if self.server.status == MALFORMED:
            self.wfile.write(b"what is HTTP?\r\n\r\n")
            self.close_connection = True
            return
        if self.server.status == SLOW:
            sleep(0.1)
        if self.server.status in TAKEN:
            self.server.taken.append(json.loads(body))
        self.send_response(self.server.status if self.server.status > 0 else 200)
        if self.server.status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """A webhook that is there for one test."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Hook() as hook:
        thread = threading.Thread(target=hook.serve_forever, args=(0.01,))
        thread.start()
        yield hook
        hook.over.set()
        hook.shutdown()
        thread.join()


def fit(model: Model, batches: Batches, *callbacks: Callback, epochs: int = 4) -> None:
    model.fit_generator(batches, batches, epochs=epochs, verbose=False, callbacks=list(callbacks))


def test_a_training_tells_its_beginning_its_epochs_and_its_end(
    hook: Hook, batches: Batches, make_model: MakeModel
) -> None:
    """Every message arrives, in order."""
    fit(make_model(), batches, NotificationCallback(hook.channel, 2, "moons", summary=True))
    assert hook.subjects == [
        "Start of the training for moons.",
        "Epoch 2 is done for moons.",
        "Epoch 4 is done for moons.",
        "End of the training for moons.",
    ]
    assert "The best was epoch " in hook.taken[-1]["message"]


def test_a_crash_is_told(hook: Hook, batches: Batches, make_model: MakeModel) -> None:
    """With the exception, the culprit and where it happened; the exception itself is raised."""

    def crash(batch: int) -> None:
        raise RuntimeError("CUDA error: out of patience")

    breaker = LambdaCallback(on_backward_end=crash)
    with pytest.raises(RuntimeError, match="out of patience"):
        fit(make_model(), batches, NotificationCallback(hook.channel), breaker)
    assert hook.subjects == ["Start of the training.", "The training failed."]
    text = hook.taken[-1]["message"]
    assert text.startswith("RuntimeError: CUDA error: out of patience\nraised by LambdaCallback")
    assert "in crash" in text


def test_an_interruption_is_told(hook: Hook, batches: Batches, make_model: MakeModel) -> None:
    """Ctrl-C ends the run, and somebody learns of it."""

    def interrupt(epoch: int, logs: object) -> None:
        raise KeyboardInterrupt

    breaker = LambdaCallback(on_epoch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(make_model(), batches, NotificationCallback(hook.channel, 9), breaker)
    assert hook.subjects == ["Start of the training.", "The training was interrupted."]


def test_an_early_stop_is_told_with_its_reason(
    hook: Hook, batches: Batches, make_model: MakeModel
) -> None:
    """Whoever waits for the last epoch learns why it does not come."""
    stopping = EarlyStopping(min_delta=1e6, patience=2)
    fit(make_model(), batches, stopping, NotificationCallback(hook.channel, 9), epochs=9)
    assert hook.subjects[-1] == "End of the training."
    text = hook.taken[-1]["message"]
    assert text.startswith("It was stopped after epoch 3: val_loss has not improved on ")


@pytest.mark.parametrize("status", [200, 404, 429, 500, SILENT, GONE, SLOW, DROPS, MALFORMED])
def test_the_weights_are_the_same_whatever_the_server_does(
    status: int,
    hook: Hook,
    batches: Batches,
    make_model: MakeModel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whether it answers, and how: training is the same, and as fast."""
    expected = make_model()
    begin = perf_counter()
    fit(expected, batches)
    alone = perf_counter() - begin
    hook.status = status
    channel = hook.channel
    if status == GONE:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        channel = WebhookNotificator(f"http://127.0.0.1:{port}/services/T1/hunter2-hunter2")
    model = make_model()
    ends: list[float] = []
    last = LambdaCallback(on_train_end=lambda logs: ends.append(perf_counter()))
    begin = perf_counter()
    fit(model, batches, NotificationCallback(channel, timeout=5.0), last)
    assert ends[0] - begin < alone + 1.0
    assert perf_counter() - begin < alone + 6.0
    for weights, others in zip(
        model.network.parameters(), expected.network.parameters(), strict=True
    ):
        assert torch.equal(weights, others)
    assert ("6 of 6 notifications were not delivered" in caplog.text) == (status not in TAKEN)
    assert "hunter2" not in caplog.text
