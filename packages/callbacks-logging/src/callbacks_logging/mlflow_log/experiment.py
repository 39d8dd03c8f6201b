# SPDX-License-Identifier: MIT
"""An experiment and its runs, found or made."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .tracking import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

_logger = logging.getLogger(__name__)


def open_run(
    client: MlflowClient,
    tracking: Tracking,
    experiment: str,
    run: str | None,
    tags: Mapping[str, str],
) -> str:
    """Return the id of a run that is running from now on.

    Args:
        client: The connection.
        tracking: Where it leads to.
        experiment: The experiment's name; one that was deleted is restored.
        run: The id of a run to go on with; if it is gone for good, a new one is made.
        tags: Tags of a new run, besides those that MLflow finds.
    """
    if run is not None and _reopened(client, run):
        return run
    found = {**tags, **_tags()}
    made = client.create_run(_experiment_id(client, tracking, experiment), tags=found)
    return str(made.info.run_id)


def _reopened(client: MlflowClient, run: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        found = client.get_run(run)
    except MlflowException as error:
        if not _is_missing(error):
            raise
        _logger.warning("there is no MLflow run %s any more: a new one is made", run)
        return False
    if found.info.lifecycle_stage == "deleted":
        client.restore_run(run)
    client.update_run(run, status="RUNNING")
    return True


def _experiment_id(client: MlflowClient, tracking: Tracking, name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, tracking.artifact_location(name)))
        except MlflowException:  # somebody else has just made it, or it cannot be made
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _is_missing(error: Exception) -> bool:
    return getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST"


def _tags() -> dict[str, str]:
    """Return who runs what: the user, the script and its git commit, where they can be found."""
    from mlflow.tracking.context.registry import resolve_tags

    try:
        return dict(resolve_tags())
    except Exception:  # a broken repository must not cost the run
        _logger.debug("no tags for the run", exc_info=True)
        return {}
