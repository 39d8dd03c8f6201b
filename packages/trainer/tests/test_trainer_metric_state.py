# SPDX-License-Identifier: MIT
import io
import math
import warnings

import pytest
import torch
import torch.multiprocessing
import torchmetrics
from torchmetrics import classification

from callbacks_core import Callback, Stateful
from callbacks_trainer.metrics import Metric, MetricSet, SKLearnMetrics

SIZES = (5, 3, 4, 1)


class Counted(Metric):
    """A metric of one's own that can neither be saved nor be put together."""

    def reset(self):
        self.seen = 0

    def update(self, y_pred, y_true):
        self.seen += len(y_true)

    def compute(self):
        return self.seen


class Saved(Counted):
    """The same with all that is needed."""

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]

    def merge(self, states):
        return {"seen": sum(state["seen"] for state in states)}


def highest(y_true, y_pred):
    return y_pred.max()


def mean_label(y_true, y_pred):
    return y_true.mean()


def every_kind():
    """Return a set with metrics of all kinds, in both lists."""
    collection = torchmetrics.MetricCollection(
        {
            "their_f1": classification.MulticlassF1Score(3),
            "their_recall": classification.MulticlassRecall(3),
        }
    )
    for metric in (saved := Saved(), unlike := Saved()):
        metric.reset()
    return MetricSet(
        ["accuracy", "f1", "perplexity", classification.MulticlassAccuracy(3), ("one", saved)],
        [
            "auroc",
            SKLearnMetrics([highest, mean_label]),
            collection,
            ("seen", unlike),
            classification.MulticlassAUROC(3),
        ],
    )


def examples(sizes=SIZES):
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(size, 3, generator=generator), torch.arange(size) % 3) for size in sizes]


def values(metrics):
    return {name: float(value) for name, value in metrics.compute().items()}


@pytest.mark.parametrize("done", range(len(SIZES) + 1))
def test_metrics_go_on_where_they_were(done):
    """What was added up before a save counts after it, bit for bit, and once."""
    straight, first, second = (every_kind() for _ in range(3))
    assert isinstance(straight, Stateful)
    for number, batch in enumerate(examples()):
        straight.update(*batch)
        if number < done:
            first.update(*batch)
    second.update(*examples()[0])  # which is forgotten
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    for batch in examples()[done:]:  # which the state that was saved does not know of
        first.update(*batch)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    for batch in examples()[done:]:
        second.update(*batch)
    assert values(second) == values(straight) == values(first)
    second.reset()
    first.reset()
    for metrics in (first, second):
        metrics.update(*examples()[0])
    assert values(second) == values(first) != values(straight)


def test_only_what_was_saved_goes_on():
    """A metric that is new begins anew, and one that cannot be saved is left out."""
    metrics = MetricSet(epoch_metrics=[("seen", Saved()), "f1", ("own", Counted())])
    metrics.reset()
    metrics.update(torch.eye(3), torch.arange(3))
    state = metrics.state_dict()
    assert set(state) == {"seen", "fscore_macro"}
    del state["seen"]
    metrics.load_state_dict(state)
    assert values(metrics) == {"seen": 0, "fscore_macro": 1, "own": 0}


def test_nan_is_told_of_once(make_model, batches):
    """The log says NaN, and one warning names the metric, however many epochs it is NaN in."""

    def odd(y_pred, y_true):
        return math.nan

    def fine(y_pred, y_true):
        return 1.0

    model = make_model(batch_metrics=[odd, fine], epoch_metrics=[SKLearnMetrics(bad)])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        history = model.fit_generator(batches, batches, epochs=3, verbose=False)
        model.evaluate_generator(batches, verbose=False)
    assert all(math.isnan(logs["odd"]) and math.isnan(logs["val_bad"]) for logs in history)
    said = [str(warning.message) for warning in told]
    assert [message.split(" is NaN")[0] for message in said] == [
        "the metric 'odd'",
        "the metric 'bad'",
    ]


def bad(y_true, y_pred):
    return math.nan


def test_nan_of_a_test_is_told_of(make_model, batches):
    """A test warns as well, by the name in its logs; a mapping's values too."""

    def odd(y_pred, y_true):
        return {"strange": math.nan}

    model = make_model(batch_metrics=[odd])
    with pytest.warns(UserWarning, match="the metric 'test_strange' is NaN"):
        model.evaluate_generator(batches, verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit_generator(batches, epochs=1, verbose=False)


class Spoils(Callback):
    """Leaves something in the logs that is no number, and no metric."""

    def on_epoch_end(self, epoch_number, logs):
        logs["mine"] = math.nan
        logs["note"] = "text"


def test_nan_of_others_is_theirs(make_model, batches):
    """What a callback adds to the logs is no metric."""
    model = make_model(batch_metrics=["accuracy"])
    model.fit_generator(batches, epochs=2, callbacks=Spoils(), verbose=False)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, 2.0], "the metric 'odd' must return a number.*as many names"),
        (torch.ones(2), r"'odd' must be a scalar, not a tensor of shape \(2,\)"),
    ],
)
def test_an_epoch_metric_of_the_wrong_shape(make_model, batches, value, message):
    """The error names the metric, and says how several values are named."""
    metric = SKLearnMetrics(lambda y_true, y_pred: value)
    model = make_model(epoch_metrics=[("odd", metric)])
    with pytest.raises(ValueError, match=message):
        model.fit_generator(batches, epochs=1, verbose=False)


def test_names_for_a_single_value(make_model, batches):
    """Several names need several values."""
    model = make_model(batch_metrics=[(["one", "two"], lambda y_pred, y_true: 1.0)])
    with pytest.raises(ValueError, match=r"names \['one', 'two'\], but returned a single value"):
        model.fit_generator(batches, epochs=1, verbose=False)


def run_rank(rank, cases, folder):
    """What each process does: for each case, as many batches for each rank as it says."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    found = [together(rank, sizes) for sizes in cases]
    with pytest.raises(TypeError, match="derive Counted from SummingMetric or GatheringMetric"):
        MetricSet(epoch_metrics=[Counted()]).reset()
    torch.save(found, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def together(rank, sizes):
    """Return the values of an epoch, of one that went on after it, and of a new one."""
    every = examples(sum(sizes, ()))
    start = sum(map(len, sizes[:rank]))
    mine = every[start : start + len(sizes[rank])]
    metrics = every_kind() if all(sizes) else ours()
    metrics.reset()
    for batch in mine:
        metrics.update(*batch)
    found = {"once": values(metrics), "again": values(metrics)}
    for batch in mine:
        metrics.update(*batch)
    found["twice"] = values(metrics)
    metrics.reset()
    metrics.update(*every[rank])
    return {**found, "anew": values(metrics)}


def ours():
    """Return a set of metrics that need no torchmetrics."""
    return MetricSet(["accuracy", "f1", "top2"], ["mcc", SKLearnMetrics([highest, mean_label])])


def alone(make, sizes, *, times=1, batches=None):
    """Return what one process finds that sees everything."""
    metrics = make()
    for batch in examples(sizes)[:batches] * times:
        metrics.update(*batch)
    return values(metrics)


def test_metrics_of_several_processes(tmp_path, request, monkeypatch):
    """Each process has the values over the batches of all, though it has fewer, or none."""
    monkeypatch.syspath_prepend(request.config.rootpath)  # where the others find this module
    cases = [((5, 3), (4,)), ((6, 2), ())]
    torch.multiprocessing.spawn(run_rank, (cases, tmp_path), nprocs=2)
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    assert ranks[0] == ranks[1]
    for sizes, found in zip(cases, ranks[0], strict=True):
        make, every = every_kind if all(sizes) else ours, sum(sizes, ())
        assert found["once"] == found["again"] == pytest.approx(alone(make, every))
        assert found["twice"] == pytest.approx(alone(make, every, times=2))
        assert found["anew"] == pytest.approx(alone(make, every, batches=2))
