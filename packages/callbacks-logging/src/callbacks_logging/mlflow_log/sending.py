# SPDX-License-Identifier: MIT
"""How values are sent to a run: in requests as large as MLflow takes them."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from callbacks_core.secrets import redacted

from .tracking import silence

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Param

_logger = logging.getLogger(__name__)

Status: TypeAlias = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

METRICS_AT_ONCE: Final = 1000
PARAMS_AT_ONCE: Final = 100
_FINAL: Final = frozenset({"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS"})
"""Answers that would be the same the next time."""


class Reading(NamedTuple):
    """A metric's value at a step; the timestamp is in milliseconds."""

    name: str
    value: float
    timestamp: int
    step: int


def send_metrics(client: MlflowClient, run: str, readings: Sequence[Reading]) -> None:
    """Send up to a thousand readings; those that MLflow refuses are told.

    Raises:
        Exception: The server did not take them, and may do so later.
    """
    from mlflow.entities import Metric

    try:
        client.log_batch(run, metrics=[Metric(*reading) for reading in readings])
    except Exception as error:
        if not _is_final(error):
            raise
        _refused(f"{len(readings)} metrics", error)


def send_params(client: MlflowClient, run: str, params: Sequence[tuple[str, str]]) -> None:
    """Send up to a hundred parameters; those that MLflow refuses are told.

    Raises:
        Exception: The server did not take them, and may do so later.
    """
    from mlflow.entities import Param

    entities = [Param(*pair) for pair in params]
    try:
        client.log_batch(run, params=entities)
    except Exception as error:
        if not _is_final(error):
            raise
        for entity in entities:
            _send_param(client, run, entity)


def _send_param(client: MlflowClient, run: str, param: Param) -> None:
    try:
        client.log_batch(run, params=[param])
    except Exception as error:
        if not _is_final(error):
            raise
        _refused(f"the parameter {param.key!r}", error)


def send_artifacts(
    client: MlflowClient, run: str, artifacts: Sequence[tuple[str, str | None]]
) -> None:
    """Send files, and folders with their files; those that are not there are told.

    Raises:
        Exception: The server did not take them, and may do so later.
    """
    for path, folder in artifacts:
        if os.path.isdir(path):
            client.log_artifacts(run, path, folder)
        elif os.path.exists(path):
            client.log_artifact(run, path, folder)
        else:
            _logger.warning("the artifact %s is not there, and was not sent to MLflow", path)


def send_status(client: MlflowClient, run: str, status: Status) -> None:
    """Set the status of a run."""
    with silence():
        client.set_terminated(run, status)


def _refused(what: str, error: Exception) -> None:
    _logger.warning("MLflow refused %s: %s", what, redacted(str(error)))


def _is_final(error: Exception) -> bool:
    """Whether the answer would be the same the next time."""
    return getattr(error, "error_code", None) in _FINAL
