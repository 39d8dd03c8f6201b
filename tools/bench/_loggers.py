# SPDX-License-Identifier: MIT
"""What it costs to log every batch: the training thread's time, and the time of a step."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from statistics import median
from threading import Thread
from time import perf_counter, sleep, thread_time_ns
from typing import Final, NamedTuple, TypeAlias

import torch
from _workloads import Batches, make_batches, make_network
from torch.nn.functional import cross_entropy

from callbacks_core import Callback, LazyLogs, SimpleModel, TrainingLoop
from callbacks_core.params import Params
from callbacks_logging import (
    AtomicCSVLogger,
    CSVLogger,
    HistoryLogger,
    JSONLinesLogger,
    MLFlowLogger,
    ProgressionCallback,
    TensorBoardLogger,
)

_Make: TypeAlias = Callable[[Path], Callback]
_LOGGERS: Final[dict[str, _Make]] = {
    "ProgressionCallback": lambda folder: ProgressionCallback(),
    "CSVLogger": lambda folder: CSVLogger(folder / "log.csv", batch_granularity=True),
    "AtomicCSVLogger": lambda folder: AtomicCSVLogger(folder / "a.csv", batch_granularity=True),
    "JSONLinesLogger": lambda folder: JSONLinesLogger(folder / "log.json", batch_granularity=True),
    "HistoryLogger": lambda folder: HistoryLogger(batch_granularity=True),
    "TensorBoardLogger": lambda folder: TensorBoardLogger(folder / "tb", batch_granularity=True),
    "MLFlowLogger": lambda folder: MLFlowLogger(
        "bench", f"sqlite:///{folder / 'mlflow.db'}", batch_granularity=True
    ),
}


class Cost(NamedTuple):
    """What a logger costs."""

    ratio: float
    """The wall time of a step, as a ratio to the bare loop's."""
    record_us: float
    """The training thread's CPU time for a record, in microseconds, its hand-over included."""


def measure(*, rounds: int = 12, steps: int = 1000) -> dict[str, Cost]:
    """Return what each logger costs when each of *steps* batches is logged, over *rounds*."""
    torch.set_num_threads(1)
    batches = make_batches(steps)
    with tempfile.TemporaryDirectory() as folder, _terminal():
        return {
            name: Cost(_ratio(make, Path(folder), batches, rounds), _record(make, Path(folder)))
            for name, make in _LOGGERS.items()
        }


def _ratio(make: _Make, folder: Path, batches: Batches, rounds: int) -> float:
    bare, logged = _bare(batches), _logged(make(folder), batches)
    ratios = []
    for turn in range(rounds + 1):  # the first one warms up
        without, within = next(bare), next(logged)
        if turn:
            ratios.append(within / without)
        sleep(0.2)  # let what is still being written in the background not disturb the bare loop
    logged.close()
    return median(ratios)


def _bare(batches: Batches) -> Generator[float]:
    network, optimizer = make_network()
    while True:
        begin = perf_counter()
        for x, y in batches:
            loss = cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
            optimizer.step()
        yield perf_counter() - begin


def _logged(callback: Callback, batches: Batches) -> Generator[float]:
    network, optimizer = make_network()
    with TrainingLoop(network, optimizer, callbacks=[callback]) as loop:
        begin = perf_counter()
        for epoch in loop.epochs(10**6):
            for x, y in epoch.train(batches):
                loss = cross_entropy(network(x), y)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
                loop.backward_end()
                optimizer.step()
                loop.log(loss=loss)
            if epoch.number > 1:  # so that the end of the epoch before is in it
                yield perf_counter() - begin
            begin = perf_counter()


def _record(make: _Make, folder: Path, rounds: int = 60, records: int = 256) -> float:
    """Return the training thread's time for a record, with a thread that is idle meanwhile.

    The quickest of many rounds, since what disturbs one only ever makes it slower.
    """
    network, optimizer = make_network()
    callback = make(folder)
    callback.set_model(SimpleModel(network, optimizer))
    callback.set_params(Params(epochs=1, steps=rounds * records))
    callback.on_train_begin({})
    callback.on_epoch_begin(1, {})
    backward, end = callback.on_backward_end, callback.on_train_batch_end
    best = float("inf")
    for _ in range(rounds):
        logs = [
            LazyLogs({"batch": n, "size": 32, "time": 1e-3}, loss=torch.rand(()))
            for n in range(records)
        ]
        begin = thread_time_ns()
        for number, values in enumerate(logs):
            backward(number)
            end(number, values)
        best = min(best, (thread_time_ns() - begin) / records / 1000)
        sleep(0.02)
    callback.close()
    return best


def longest_ms(records: int = 5000) -> float:
    """Return the longest time that a record took beside a server that never answers.

    It is the training thread's CPU time, since another process may take its core at any moment.
    """
    silent = socket.create_server(("127.0.0.1", 0))
    network, optimizer = make_network()
    uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
    with silent, tempfile.TemporaryDirectory() as folder:
        callback = MLFlowLogger("bench", uri, batch_granularity=True, timeout=0, unsent=folder)
        callback.set_model(SimpleModel(network, optimizer))
        callback.set_params(Params(epochs=1, steps=records))
        callback.on_train_begin({})
        callback.on_epoch_begin(1, {})
        longest = 0
        for number in range(records):
            logs = LazyLogs({"batch": number, "size": 32, "time": 1e-3}, loss=torch.rand(()))
            begin = thread_time_ns()
            callback.on_backward_end(number)
            callback.on_train_batch_end(number, logs)
            longest = max(longest, thread_time_ns() - begin)
            sleep(0.0005)
        callback.close()
    return longest / 1e6


@contextlib.contextmanager
def _terminal() -> Iterator[None]:
    """Send what is drawn to a terminal that somebody reads."""
    leader, follower = os.openpty()

    def read() -> None:
        with contextlib.suppress(OSError):
            while os.read(leader, 65536):
                pass

    reader = Thread(target=read, daemon=True)
    reader.start()
    with (
        open(follower, "w", encoding="utf-8") as screen,
        contextlib.redirect_stdout(screen),
    ):
        yield
    reader.join(1)
    os.close(leader)
