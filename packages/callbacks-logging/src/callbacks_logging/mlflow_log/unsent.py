# SPDX-License-Identifier: MIT
"""Sending what was kept in files."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from .sending import METRICS_AT_ONCE, PARAMS_AT_ONCE, Reading, Status
from .spool import ARTIFACT, METRIC, PARAM, RUN, STATUS, Entry, Spool
from .tracking import Tracking

if TYPE_CHECKING:
    from .courier import Courier
    from .service import Service

_logger = logging.getLogger(__name__)


def send_unsent(service: Service | Courier, tracking: Tracking) -> list[Path]:
    """Send what earlier trainings could not.

    Args:
        service: What sends it.
        tracking: Where it leads to.

    Returns:
        The files that it was in, which are gone now.

    Raises:
        Exception: Not all of it was taken; what is left stays in its files.
    """
    sent = []
    found = Spool.found(tracking.unsent(), tracking.resolved())
    for origin, group in groupby(found, key=lambda spool: spool.origin):
        spools = list(group)
        entries = [entry for spool in spools for entry in spool.read()]
        ids = [content[0] for kind, *content in entries if kind == RUN]
        run = service.open_run(origin.experiment, ids[-1] if ids else None, {})
        send_entries(service, run, entries)
        _logger.info("sent %d values of an earlier training to MLflow run %s", len(entries), run)
        for spool in spools:
            spool.remove()
            sent.append(spool.path)
    return sent


def send_entries(service: Service | Courier, run: str, entries: Iterable[Entry]) -> None:
    """Send entries of a file.

    Raises:
        Exception: Not all of them were taken.
    """
    params: list[tuple[str, str]] = []
    readings: list[Reading] = []
    artifacts: list[tuple[str, str | None]] = []
    status: Status | None = None
    for kind, *content in entries:
        if kind == METRIC:
            readings.append(Reading(*content))
        elif kind == PARAM:
            params.append((str(content[0]), str(content[1])))
        elif kind == ARTIFACT:
            artifacts.append((str(content[0]), content[1]))
        elif kind == STATUS:
            status = content[0]
    for begin in range(0, len(params), PARAMS_AT_ONCE):
        service.send_params(run, params[begin : begin + PARAMS_AT_ONCE])
    for begin in range(0, len(readings), METRICS_AT_ONCE):
        service.send_metrics(run, readings[begin : begin + METRICS_AT_ONCE])
    if artifacts:
        service.send_artifacts(run, artifacts)
    if status is not None:
        service.send_status(run, status)
