# SPDX-License-Identifier: MIT
import builtins
import os
import subprocess
import sys

import pytest

from callbacks_core.testing import play
from callbacks_logging import CSVLogger, HistoryLogger, plot_history, plot_metric

HISTORY = [
    {"epoch": 3, "time": 1.0, "loss": 0.5, "acc": 80.0, "val_loss": 0.7, "val_acc": 70.0},
    {"epoch": 4, "time": 1.0, "loss": 0.3, "acc": 90.0, "val_loss": 0.4, "val_acc": 85.0},
    {"epoch": 5, "time": 1.0, "loss": 0.2, "acc": 95.0, "val_loss": 0.6, "val_acc": 84.0},
]


@pytest.fixture(autouse=True)
def _needs_matplotlib():
    pytest.importorskip("matplotlib")


def drawn(axes):
    """Return the curves by their names."""
    return {
        line.get_label(): (list(map(float, line.get_xdata())), list(map(float, line.get_ydata())))
        for line in axes.lines
    }


def test_each_metric_has_a_figure_of_its_own():
    """Training and validation are drawn over the numbers of the epochs."""
    figures, axes = plot_history(HISTORY)
    assert len(set(figures)) == 2
    assert [axis.get_ylabel() for axis in axes] == ["loss", "acc"]
    assert drawn(axes[0]) == {
        "training": ([3, 4, 5], [0.5, 0.3, 0.2]),
        "validation": ([3, 4, 5], [0.7, 0.4, 0.6]),
    }
    assert [text.get_text() for text in axes[1].get_legend().get_texts()] == [
        "training",
        "validation",
    ]


def test_a_csv_file_is_a_history(tmp_path):
    """The file of a `CSVLogger`, with rows of batches among those of epochs and any separator."""
    path = tmp_path / "log.tsv"
    play(
        CSVLogger(path, separator="\t", batch_granularity=True),
        [{key: row[key] for key in row if key not in ("epoch", "time")} for row in HISTORY],
        initial_epoch=3,
    )
    for file in (path, str(path)):
        assert drawn(plot_history(file)[1][1]) == drawn(plot_history(HISTORY)[1][1])


def test_a_dataframe_is_a_history():
    """As `HistoryLogger.to_dataframe` returns it; what is missing is a gap."""
    pytest.importorskip("pandas")
    logger = HistoryLogger()
    play(logger, [{"loss": 0.5, "val_loss": 1.0}, {"loss": 0.25}])
    axes = plot_metric(logger.to_dataframe(), "loss")[1]
    assert drawn(axes)["training"] == ([1, 2], [0.5, 0.25])
    assert drawn(axes)["validation"][1][0] == 1.0


def test_what_some_epochs_lack_is_drawn_where_it_is():
    """Validation every other epoch, texts, and metrics that only the validation has."""
    history = [{"loss": 1.0, "note": "x"}, {"loss": 0.5, "val_loss": 2.0, "val_f1": 0.5}]
    _, axes = plot_history(history)
    assert drawn(axes[0])["validation"] == ([2], [2.0])
    assert [axis.get_ylabel() for axis in axes] == ["loss", "f1"]
    assert drawn(axes[1]) == {"validation": ([2], [0.5])}


def test_the_best_epoch_is_marked():
    """In the validation, each metric in its own direction; NaN is never the best."""
    spoiled = [*HISTORY, {"epoch": 6, "loss": float("nan"), "val_loss": float("nan")}]
    _, axes = plot_history(spoiled, best={"loss": "min", "acc": "max"})
    assert drawn(axes[0])["best: 0.4 in epoch 4"] == ([4], [0.4])
    assert drawn(axes[1])["best: 85 in epoch 4"] == ([4], [85.0])
    only = plot_metric([{"loss": float("nan")}], "loss", best="min")[1]
    assert list(drawn(only)) == ["training"]


def test_labels_titles_and_axes_can_be_given():
    """One for each metric, or one for all."""
    from matplotlib.figure import Figure

    figure = Figure()
    places = figure.subplots(1, 2)
    figures, axes = plot_history(
        HISTORY, ["acc", "loss"], labels=["%", "nats"], titles="the run", axes=places
    )
    assert figures == [figure, figure]
    assert axes == list(places)
    assert [axis.get_ylabel() for axis in axes] == ["%", "nats"]
    assert [axis.get_title() for axis in axes] == ["the run", "the run"]
    assert plot_metric(HISTORY, "acc", label="%", title="one", ax=axes[0])[0] is figure


def test_figures_are_saved(tmp_path):
    """Under names made of the metric's, in every kind asked for, in a folder made for them."""
    history = [{"loss": 0.5, "a/b": 1.0}]
    plot_history(
        history,
        save=True,
        save_directory=tmp_path / "deep" / "plots",
        save_filename_template="run_{metric}",
        save_extensions=("png", ".svg"),
    )
    assert sorted(os.listdir(tmp_path / "deep" / "plots")) == [
        "run_a_b.png",
        "run_a_b.svg",
        "run_loss.png",
        "run_loss.svg",
    ]
    assert (tmp_path / "deep/plots/run_loss.png").read_bytes()[1:4] == b"PNG"


def test_no_window_and_no_global_figure(tmp_path):
    """Without `show`, pyplot is not even imported: it works without a screen and leaks nothing."""
    script = (
        "import sys; from callbacks_logging import plot_history; "
        "plot_history([{'loss': 1.0}], save=True); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
    assert os.listdir(tmp_path) == ["loss.png"]


def test_figures_are_shown_on_request(monkeypatch):
    """With `show` they belong to pyplot, which shows them."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.extend(pyplot.get_fignums()))
    figures, _ = plot_history(HISTORY, show=True)
    assert len(shown) == 2
    for figure in figures:
        pyplot.close(figure)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": "los"}, "no metric 'los' in `history`, which has 'loss', 'acc'; did you mean"),
        ({"labels": ["one"]}, r"`labels` must be as many as the metrics, 2 \(loss, acc\), not 1"),
        ({"titles": []}, "`titles` must be as many as the metrics"),
        ({"axes": []}, "`axes` must be as many as the metrics"),
        ({"best": "smallest"}, "`best` must be one of 'min', 'max', not 'smallest'"),
        ({"best": {"los": "min"}}, "did you mean 'loss'"),
        ({"best": {"loss": "mni"}}, "did you mean 'min'"),
        ({"save_filename_template": "{metrics}"}, "did you mean 'metric'"),
        ({"save_filename_template": "{metric.__class__}"}, "may have the field {metric} alone"),
        ({"save_filename_template": "{"}, "is no template"),
        ({"save_filename_template": "plot"}, "the same name to several metrics"),
        ({"save_extensions": "pgn"}, "did you mean 'png'"),
    ],
)
def test_wrong_values_are_refused_before_anything_is_written(tmp_path, options, message):
    """The message says what was wrong, and the near miss."""
    folder = tmp_path / "plots"
    with pytest.raises(ValueError, match=message):
        plot_history(HISTORY, save=True, save_directory=folder, **options)
    assert not folder.exists()


@pytest.mark.parametrize("history", [[], [{"epoch": None}]])
def test_a_history_without_an_epoch_is_refused(history):
    """There is nothing to draw."""
    with pytest.raises(ValueError, match="has no epoch"):
        plot_history(history)


@pytest.mark.parametrize("history", [{"loss": [1.0]}, [1.0], 3])
def test_something_else_is_no_history(history):
    """The message lists what is."""
    with pytest.raises(TypeError, match="a list of dicts, the path of a CSV file or a pandas"):
        plot_history(history)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    """The message has the command that adds it."""
    found = builtins.__import__

    def without(name, *arguments):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return found(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "callbacks-logging\[plot\]"'):
        plot_history(HISTORY)
