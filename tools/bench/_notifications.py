# SPDX-License-Identifier: MIT
"""What notifications cost an epoch when the server they go to is gone."""

from __future__ import annotations

import logging
import socket
from statistics import median
from time import process_time

import torch
from _workloads import Batches, make_batches
from torch import nn
from torch.nn.functional import cross_entropy

from callbacks_core import Callback, LambdaCallback
from callbacks_notify import NotificationCallback, WebhookNotificator
from callbacks_trainer import Model


def added_ms(*, pairs: int, epochs: int = 30, steps: int = 20) -> float:
    """Return the milliseconds that notifications to a dead server add to an epoch.

    Trainings with and without them run in turn. It is the processor's time, that of the sending
    thread included. The wait at the end, in which the messages are given up, is no part of an
    epoch and left out.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    logging.getLogger("callbacks_notify").setLevel(logging.ERROR)
    batches = make_batches(steps)
    channel = WebhookNotificator(f"http://127.0.0.1:{port}/nobody/is/there")
    with_and_without = []
    for _ in range(pairs + 1):  # the first one warms up
        told = _epoch_ms(batches, epochs, NotificationCallback(channel, timeout=0.0))
        with_and_without.append(told - _epoch_ms(batches, epochs))
    return median(with_and_without[1:])


def _epoch_ms(batches: Batches, epochs: int, *callbacks: Callback) -> float:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
    moments: list[float] = []
    begin = LambdaCallback(on_epoch_begin=lambda epoch, logs: moments.append(process_time()))
    end = LambdaCallback(on_epoch_end=lambda epoch, logs: moments.append(process_time()))
    Model(network, "sgd", cross_entropy).fit_generator(
        batches, epochs=epochs, verbose=False, callbacks=[begin, *callbacks, end]
    )
    return (moments[-1] - moments[0]) / epochs * 1000
