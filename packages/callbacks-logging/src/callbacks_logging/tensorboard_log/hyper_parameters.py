# SPDX-License-Identifier: MIT
"""The hyper-parameters of a training, as TensorBoard's own tab shows them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from ..base import Outcome

HyperParameters: TypeAlias = "dict[str, float | bool | str]"

_STATUS: Final[dict[Outcome, str]] = {
    "finished": "STATUS_SUCCESS",
    "failed": "STATUS_FAILURE",
    "interrupted": "STATUS_FAILURE",
}


def hyper_parameters(given: Mapping[str, object]) -> HyperParameters:
    """Return hyper-parameters as TensorBoard takes them: numbers, truths and texts.

    Args:
        given: Names with values; what is none of the three becomes a text.

    Raises:
        TypeError: *given* is no mapping with names.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"`hparams` must be a mapping of names to values, not {given!r}")
    for name in given:
        if not isinstance(name, str):
            raise TypeError(f"the names in `hparams` must be str, not {name!r}")
    return {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in given.items()
    }


def require_tensorboard() -> None:
    """Raise where TensorBoard is not installed, which knows how hyper-parameters are written.

    Raises:
        ImportError: It is not.
    """
    if find_spec("tensorboard") is None:
        raise ImportError(
            "`hparams` needs TensorBoard: pip install 'callbacks-logging[tensorboard]'"
        )


def beginning(given: HyperParameters, metrics: Iterable[tuple[str, str]]) -> list[bytes]:
    """Return the summaries that tell what a training was made with.

    Args:
        given: The hyper-parameters.
        metrics: The run and the tag of each curve that belongs to them.
    """
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    experiment = api_pb2.Experiment(
        hparam_infos=[
            api_pb2.HParamInfo(name=name, type=_kind(value)) for name, value in given.items()
        ],
        metric_infos=[
            api_pb2.MetricInfo(name=api_pb2.MetricName(group=run, tag=tag)) for run, tag in metrics
        ],
    )
    start = plugin_data_pb2.SessionStartInfo()
    for name, value in given.items():
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
    return [
        _message(metadata.EXPERIMENT_TAG, experiment=experiment),
        _message(metadata.SESSION_START_INFO_TAG, session_start_info=start),
    ]


def end(outcome: Outcome) -> bytes:
    """Return the summary that tells how the training ended."""
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    status = api_pb2.Status.Value(_STATUS[outcome])
    info = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    return _message(metadata.SESSION_END_INFO_TAG, session_end_info=info)


def _message(tag: str, **content: object) -> bytes:
    """Return a summary that carries data for TensorBoard's plugin."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
    plugin = SummaryMetadata.PluginData(
        plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString()
    )
    value = Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))
    return bytes(Summary(value=[value]).SerializeToString())


def _kind(value: float | bool | str) -> int:
    from tensorboard.plugins.hparams import api_pb2

    if isinstance(value, bool):
        return int(api_pb2.DATA_TYPE_BOOL)
    return int(api_pb2.DATA_TYPE_STRING if isinstance(value, str) else api_pb2.DATA_TYPE_FLOAT64)
