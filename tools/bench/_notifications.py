# SPDX-License-Identifier: MIT
"""What notifications cost an epoch when the server they go to is gone."""

from __future__ import annotations

import logging
import socket
from time import process_time, thread_time

import torch
from _workloads import make_batches
from torch import nn
from torch.nn.functional import cross_entropy

from callbacks_core import CallbackList, LambdaCallback
from callbacks_notify import NotificationCallback, WebhookNotificator
from callbacks_trainer import Model


def added_ms(*, epochs: int = 200, steps: int = 20) -> float:
    """Return the milliseconds that notifications to a dead server add to an epoch.

    It is the time that the training thread spends in the callback, and the processor's time of
    the threads that send; a difference between whole epochs would be lost in their noise. The
    wait at the end, in which the messages are given up, is no part of an epoch and left out.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    logging.getLogger("callbacks_notify").setLevel(logging.ERROR)
    channel = WebhookNotificator(f"http://127.0.0.1:{port}/nobody/is/there")
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
    others: list[float] = []
    watch = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: others.append(process_time() - thread_time()),
        on_epoch_end=lambda epoch, logs: others.append(process_time() - thread_time()),
    )
    callbacks = CallbackList([NotificationCallback(channel, timeout=0.0), watch])
    Model(network, "sgd", cross_entropy).fit_generator(
        make_batches(steps), epochs=epochs, verbose=False, callbacks=callbacks
    )
    told = sum(
        row.seconds
        for row in callbacks.times()
        if row.callback == "NotificationCallback" and row.hook.startswith("on_epoch")
    )
    return (told + others[-1] - others[0]) / epochs * 1000
