# SPDX-License-Identifier: MIT
"""The curves of a training, one figure for each metric."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import TYPE_CHECKING, Any, Final

from callbacks_core import PathLike, as_path, did_you_mean, make_folder, one_of

from .table import VALIDATION, History, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from callbacks_core import Mode

_UNSAFE: Final = re.compile(r'[\x00-\x1f<>:"/\\|?*]')


def plot_metric(
    history: History,
    metric: str,
    *,
    label: str | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    best: Mode | None = None,
) -> tuple[Figure, Axes]:
    """Draw one metric over the epochs, training beside validation.

    Args:
        history: What a training returned, a list of dicts; the path of the file that a
            `CSVLogger` wrote; or a pandas DataFrame with a row an epoch.
        metric: The metric's name, without ``val_``; ``"lr"`` for the learning rate, if it is
            there.
        label: What stands beside the vertical axis; by default the name.
        title: What stands above; by default nothing.
        ax: The axes to draw on; by default those of a new figure, which belongs to no window.
        best: Mark the epoch with the smallest (``"min"``) or largest (``"max"``) value, in the
            validation if there is one.

    Returns:
        The figure and the axes.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: *history* is none of the three.
        ValueError: There is no such metric, or *best* is neither of the two.

    Example:
        >>> history = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
        >>> figure, axes = plot_metric(history, "loss", best="min")  # doctest: +SKIP
    """
    table = Table(history)
    table.require(metric)
    if best is not None:
        one_of("best", best, ("min", "max"))
    axes = _new_axes(window=False) if ax is None else ax
    _draw(table, metric, axes, label=label, title=title, best=best)
    return _figure(axes), axes


def plot_history(
    history: History,
    metrics: Sequence[str] | str | None = None,
    *,
    labels: Sequence[str] | str | None = None,
    titles: Sequence[str] | str | None = None,
    axes: Sequence[Axes] | Axes | None = None,
    best: Mapping[str, Mode] | Mode | None = None,
    show: bool = False,
    save: bool = False,
    save_filename_template: str = "{metric}",
    save_directory: PathLike = ".",
    save_extensions: Sequence[str] | str = ("png",),
) -> tuple[list[Figure], list[Axes]]:
    """Draw each metric of a training over its epochs, in a figure of its own.

    No window is opened unless *show* is true, so it works where there is no screen.

    Args:
        history: As for `plot_metric`.
        metrics: The names of the metrics, without ``val_``; by default all there are.
        labels: For each metric, or for all, what stands beside the vertical axis; by default the
            metric's name.
        titles: Likewise what stands above; by default nothing.
        axes: The axes to draw on, one for each metric; by default new ones.
        best: The epoch to mark, as for `plot_metric`: for all metrics, or by their names.
        show: Whether to show the figures in windows.
        save: Whether to save each figure.
        save_filename_template: The name of a saved file, without its extension; ``{metric}``
            stands for the metric's name. What no file name may hold becomes ``_``.
        save_directory: The folder to save to. It is made if it is missing.
        save_extensions: The kinds of files to save, such as ``("png", "pdf")``.

    Returns:
        The figures and the axes, one for each metric.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: *history* is none of the three kinds.
        ValueError: There is no such metric; *labels*, *titles* or *axes* are not as many as the
            metrics; *best* has another name or mode; the template has another field, or two
            metrics would be saved to one file; matplotlib writes no files of such a kind.
        OSError: A file cannot be written.
    """
    table = Table(history)
    names = table.metrics if metrics is None else _listed(metrics)
    for name in names:
        table.require(name)
    modes = _modes(best, names)
    texts = [_each("labels", labels, names), _each("titles", titles, names)]
    places = _places(axes, names)
    stems = _stems(save_filename_template, names) if save else []
    folder = as_path("save_directory", save_directory)
    drawn = [_new_axes(window=show) for _ in names] if places is None else places
    extensions = _extensions(save_extensions, drawn) if save else []
    for name, axis, label, title in zip(names, drawn, *texts, strict=True):
        _draw(table, name, axis, label=label, title=title, best=modes.get(name))
    figures = [_figure(axis) for axis in drawn]
    if save:
        make_folder(folder)
    for figure, stem in zip(figures, stems, strict=False):
        for extension in extensions:
            figure.savefig(folder / f"{stem}.{extension}")
    if show:
        _pyplot().show()
    return figures, drawn


def _draw(
    table: Table, metric: str, axes: Axes, *, label: str | None, title: str | None, best: str | None
) -> None:
    from matplotlib.ticker import MaxNLocator

    marked = None
    for prefix, name in (("", "training"), (VALIDATION, "validation")):
        curve = table.curve(prefix + metric)
        if curve is None:
            continue
        axes.plot(curve.epochs, curve.values, marker="o", markersize=3, label=name)
        marked = curve
    found = marked.best(best) if marked is not None and best is not None else None
    if found is not None:
        epoch, value = found
        words = f"best: {value:.6g} in epoch {epoch:g}"
        axes.plot([epoch], [value], "*", color="black", markersize=11, label=words)
    if len(axes.lines) > 1:
        axes.legend(frameon=False)
    axes.set_xlabel("epoch")
    axes.set_ylabel(metric if label is None else label)
    axes.set_title(title or "")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _pyplot() -> Any:
    from matplotlib import pyplot

    return pyplot


def _new_axes(*, window: bool) -> Axes:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'drawing needs matplotlib: pip install "callbacks-logging[plot]"'
        ) from error
    figure = _pyplot().figure(layout="constrained") if window else Figure(layout="constrained")
    axes: Axes = figure.subplots()
    return axes


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("`axes` have been removed from their figure")
    return figure


def _listed(metrics: Sequence[str] | str) -> list[str]:
    return [metrics] if isinstance(metrics, str) else list(metrics)


def _each(
    argument: str, texts: Sequence[str] | str | None, names: Sequence[str]
) -> Sequence[str | None]:
    if texts is None or isinstance(texts, str):
        return [texts] * len(names)
    _as_many(argument, texts, names)
    return texts


def _places(axes: Sequence[Axes] | Axes | None, names: Sequence[str]) -> list[Axes] | None:
    if axes is None:
        return None
    places = list(axes) if isinstance(axes, Sequence) else _flat(axes)
    _as_many("axes", places, names)
    return places


def _flat(axes: Any) -> list[Axes]:
    """Return the axes in an array of them, as `subplots` returns, or the only ones."""
    return list(axes.flat) if hasattr(axes, "flat") else [axes]


def _as_many(argument: str, values: Sequence[object], names: Sequence[str]) -> None:
    if len(values) != len(names):
        raise ValueError(
            f"`{argument}` must be as many as the metrics, {len(names)} ({', '.join(names)}), "
            f"not {len(values)}"
        )


def _modes(best: Mapping[str, Mode] | Mode | None, names: Sequence[str]) -> Mapping[str, Mode]:
    if best is None:
        return {}
    if isinstance(best, str):
        one_of("best", best, ("min", "max"))
        return dict.fromkeys(names, best)
    for name, mode in best.items():
        one_of("best", name, names)
        one_of(f"best[{name!r}]", mode, ("min", "max"))
    return best


def _stems(template: str, names: Sequence[str]) -> list[str]:
    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise ValueError(f"`save_filename_template` {template!r} is no template: {error}") from None
    for field in fields:
        if field != "metric":
            raise ValueError(
                f"`save_filename_template` may have the field {{metric}} alone, not {field!r}"
                f"{did_you_mean(field, ['metric'])}"
            )
    stems = [template.format(metric=_UNSAFE.sub("_", name)) for name in names]
    if len(set(stems)) < len(stems):
        raise ValueError(
            f"`save_filename_template` {template!r} gives the same name to several metrics"
        )
    return stems


def _extensions(wanted: Sequence[str] | str, axes: Sequence[Axes]) -> list[str]:
    extensions = [kind.removeprefix(".") for kind in _listed(wanted)]
    if axes:
        known = sorted(_figure(axes[0]).canvas.get_supported_filetypes())
        for kind in extensions:
            one_of("save_extensions", kind, known)
    return extensions
