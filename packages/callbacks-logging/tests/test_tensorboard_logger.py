# SPDX-License-Identifier: MIT
import contextlib
import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import Callback, HopelessPathError, LambdaCallback, SimpleModel
from callbacks_core.testing import play
from callbacks_logging import TensorBoardLogger
from callbacks_logging.tensorboard_log import crc, events, hyper_parameters

PARTS = ("experiment", "session_start_info", "session_end_info")


class Writer:
    """A writer that remembers."""

    def __init__(self):
        self.scalars = []
        self.calls = []

    def add_scalars(self, main_tag, tag_scalar_dict, global_step):
        self.scalars.append((main_tag, tag_scalar_dict, global_step))

    def flush(self):
        self.calls.append("flush")

    def close(self):
        self.calls.append("close")


def model(*rates):
    return SimpleModel(None, SimpleNamespace(param_groups=[{"lr": rate} for rate in rates]))


def test_training_and_validation_share_a_chart():
    """Tags and curves are the reference's; the number of the epoch is the step."""
    writer = Writer()
    logs = {"loss": 0.5, "acc": 90.0, "val_loss": 0.25, "val_acc": 91.0}
    play(TensorBoardLogger(writer), [logs], model=model(0.1), initial_epoch=7)
    assert writer.scalars == [
        ("time", {"time": 0.0}, 7),
        ("loss", {"loss": 0.5, "val_loss": 0.25}, 7),
        ("acc", {"acc": 90.0, "val_acc": 91.0}, 7),
        ("lr", {"lr": 0.1}, 7),
    ]


def test_only_a_prefix_makes_a_value_one_of_the_validation():
    """A metric whose name has 'val_' inside keeps its name; a text has no curve."""
    writer = Writer()
    play(TensorBoardLogger(writer), [{"interval_err": 1.0, "note": "text"}])
    assert [tag for tag, _, _ in writer.scalars] == ["time", "loss", "interval_err"]


class Halve(Callback):
    def on_epoch_end(self, epoch_number, logs):
        self.model.optimizer.param_groups[0]["lr"] /= 2


@pytest.mark.parametrize("first", [True, False])
def test_the_learning_rate_is_the_one_of_the_epoch(first):
    """It does not matter whether a scheduler stands before or behind the logger."""
    writer = Writer()
    logger = TensorBoardLogger(writer)
    play([logger, Halve()] if first else [Halve(), logger], [{"loss": 1.0}] * 2, model=model(1.0))
    assert [curves for tag, curves, _ in writer.scalars if tag == "lr"] == [
        {"lr": 1.0},
        {"lr": 0.5},
    ]


def test_each_parameter_group_has_a_curve():
    """Several learning rates share a chart."""
    writer = Writer()
    play(TensorBoardLogger(writer), [{"loss": 1.0}], model=model(0.1, 0.2))
    assert writer.scalars[-1] == ("lr", {"lr_group_0": 0.1, "lr_group_1": 0.2}, 1)


def test_a_writer_that_was_handed_in_stays_open():
    """It is flushed; who opened it closes it."""
    writer = Writer()
    logger = TensorBoardLogger(writer)
    play(logger, [{"loss": 1.0}])
    assert writer.calls == ["flush"]
    assert logger.writer is writer


def test_other_ranks_write_nothing(monkeypatch, tmp_path):
    """Only rank zero writes, and only rank zero makes a folder."""
    monkeypatch.setenv("RANK", "1")
    writer = Writer()
    play([TensorBoardLogger(writer), TensorBoardLogger(tmp_path / "runs")], [{"loss": 1.0}])
    assert writer.scalars == []
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("writer", "message"),
    [
        (Writer, "`writer` is the class Writer, not an instance of it: write Writer(...)"),
        (
            3,
            "`writer` must have a method add_scalars, as torch's SummaryWriter does, or be the "
            "path of a folder; int is neither",
        ),
    ],
)
def test_something_else_is_refused_at_once(writer, message):
    """The message says what a writer needs."""
    with pytest.raises(TypeError) as caught:
        TensorBoardLogger(writer)
    assert str(caught.value) == message


def test_a_hopeless_folder_is_refused_before_the_first_batch(tmp_path):
    """A file in the place of the folder can never become one."""
    (tmp_path / "runs").touch()
    with pytest.raises(HopelessPathError, match="cannot be written"):
        play(TensorBoardLogger(tmp_path / "runs"), [{"loss": 1.0}])


@pytest.fixture
def curve(tmp_path):
    """Read a curve as TensorBoard itself reads it."""
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def read(folder, tag):
        events = module.EventAccumulator(str(tmp_path / "runs" / folder), {module.SCALARS: 0})
        events.Reload()
        return [(event.step, event.value) for event in events.Scalars(tag)]

    return read


def test_tensorboard_reads_what_was_written(tmp_path, curve):
    """A folder is enough; the curves are there afterwards, and a second training adds to them."""
    logger = TensorBoardLogger(tmp_path / "runs")
    play(logger, [{"loss": 0.5, "val_loss": 0.25}, {"loss": 0.125}], model=model(0.1))
    assert logger.writer is None
    play(logger, [{"loss": 0.0625}], model=model(0.1), initial_epoch=3)
    assert curve("loss_loss", "loss") == [(1, 0.5), (2, 0.125), (3, 0.0625)]
    assert curve("loss_val_loss", "loss") == [(1, 0.25)]
    assert [step for step, _ in curve("lr_lr", "lr")] == [1, 2, 3]


def test_curves_of_a_resumed_training_do_not_overlap(tmp_path, curve):
    """What is trained again is shown once, of epochs and of batches."""
    for first, count, loss in ((1, 4, 1.0), (3, 2, 2.0)):
        logger = TensorBoardLogger(tmp_path / "runs", batch_granularity=True)
        play(
            logger,
            [{"loss": loss}] * count,
            batches=[{"loss": loss}] * 2,
            initial_epoch=first,
        )
    assert curve("loss_loss", "loss") == [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0)]
    expected = [(step, 1.0 if step < 5 else 2.0) for step in range(1, 9)]
    assert curve("", "batch/loss") == expected


def test_every_batch_has_its_step(tmp_path, curve):
    """Over many batches, some steps of which need more bytes than others."""
    logger = TensorBoardLogger(tmp_path / "runs", batch_granularity=True)
    losses = [{"loss": step / 7, "été/acc": 1e300} for step in range(2_000)]
    play(logger, [{"loss": 0.5}], batches=losses, model=model(0.1))
    found = curve("", "batch/loss")
    assert [step for step, _ in found] == list(range(1, 2_001))
    assert [value for _, value in found] == pytest.approx([step / 7 for step in range(2_000)])
    assert curve("", "batch/été/acc")[0] == (1, float("inf"))
    assert curve("", "batch/lr")[-1] == (2_000, pytest.approx(0.1))


@given(
    st.lists(st.tuples(st.integers(0, 2**62), st.floats(width=32)), min_size=1, max_size=60),
    st.text(min_size=1, max_size=200),
)
def test_records_are_those_of_tensorboard(readings, tag):
    """What many and few values at once are encoded into is what TensorBoard's own classes make."""
    event_pb2 = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    steps, values = zip(*readings, strict=True)
    by_one = b"".join(events.scalars(tag, 1.5, [s], [v]) for s, v in readings)
    assert events.scalars(tag, 1.5, steps, values) == by_one
    expected = event_pb2.Event(wall_time=1.5, step=steps[0])
    expected.summary.value.add(tag=tag, simple_value=values[0])
    found = event_pb2.Event.FromString(events.scalars(tag, 1.5, steps[:1], values[:1])[12:-4])
    assert str(found) == str(expected)  # NaN does not equal itself


def test_checksums_are_those_of_the_standard():
    """The vector of RFC 3720, section B.4, and TensorBoard's own function."""
    tensorboard = pytest.importorskip("tensorboard.compat.tensorflow_stub.pywrap_tensorflow")
    assert crc.masked_crc(bytes(32)) == ((0x8A9136AA >> 15 | 0x8A9136AA << 17) + 0xA282EAD8) % 2**32
    data = bytes(range(256))
    assert crc.masked_crc(data) == tensorboard.masked_crc32c(data)


def test_a_kill_leaves_what_was_flushed(tmp_path, curve):
    """The values of an epoch are in the files soon after its end, not when the files are closed."""
    logger = TensorBoardLogger(tmp_path / "runs")
    waiting = LambdaCallback(on_epoch_end=lambda epoch, logs: logger.state_dict())
    logger.epoch_timeout = 30.0
    seen = []
    look = LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(len(curve("loss_loss", "loss")))
    )
    play([logger, waiting, look], [{"loss": 0.5}] * 3)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("error", [None, RuntimeError("no")])
def test_hyper_parameters_have_their_tab(tmp_path, error):
    """Numbers, truths and texts arrive as such, with the curves that belong to them."""
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.plugins.hparams import plugin_data_pb2

    def fail(epoch, logs):
        if error is not None:
            raise error

    hparams = {"lr": 0.1, "nesterov": True, "optimizer": "sgd", "betas": (0.9, 0.99)}
    logger = TensorBoardLogger(tmp_path / "runs", hparams=hparams)
    with pytest.raises(RuntimeError) if error else contextlib.nullcontext():
        play([logger, LambdaCallback(on_epoch_end=fail)], [{"loss": 1.0}])
    accumulator = module.EventAccumulator(str(tmp_path / "runs"))
    accumulator.Reload()
    found = {
        tag: plugin_data_pb2.HParamsPluginData.FromString(content)
        for tag, content in accumulator.PluginTagToContent("hparams").items()
    }
    experiment, start, end = (found[f"_hparams_/{part}"] for part in PARTS)
    metrics = [(info.name.group, info.name.tag) for info in experiment.experiment.metric_infos]
    assert metrics == [("time_time", "time"), ("loss_loss", "loss")]
    values = start.session_start_info.hparams
    assert values["lr"].number_value == 0.1
    assert values["nesterov"].bool_value is True
    assert values["optimizer"].string_value == "sgd"
    assert values["betas"].string_value == "(0.9, 0.99)"
    assert end.session_end_info.status == (2 if error else 1)


def test_hyper_parameters_need_tensorboard(monkeypatch):
    """Where it is missing, the error names the extra."""
    monkeypatch.setattr(hyper_parameters, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'callbacks-logging\[tensorboard\]'"):
        TensorBoardLogger("runs", hparams={"lr": 0.1})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"batch_granularity": True},
            "with `batch_granularity` the writer must have a method add_",
        ),
        ({"hparams": {"lr": 0.1}}, "with `hparams` the writer must have a method add_hparams"),
        ({"hparams": [0.1]}, "`hparams` must be a mapping of names to values, not [0.1]"),
        ({"hparams": {1: 0.1}}, "the names in `hparams` must be str, not 1"),
    ],
)
def test_what_a_writer_lacks_is_told_at_once(options, message):
    """Not when training has ended."""
    with pytest.raises(TypeError, match=re.escape(message)):
        TensorBoardLogger(Writer(), **options)


def test_the_writer_of_torch_takes_everything(tmp_path):
    """Epochs, batches and hyper-parameters."""
    pytest.importorskip("torch")
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "runs")) as writer:
        logger = TensorBoardLogger(writer, batch_granularity=True, hparams={"lr": 0.1})
        play(logger, [{"loss": 0.5}], batches=[{"loss": 1.0}, {"loss": 2.0}])
    accumulator = module.EventAccumulator(str(tmp_path / "runs"))
    accumulator.Reload()
    found = [(event.step, event.value) for event in accumulator.Scalars("batch/loss")]
    assert found == [(1, 1.0), (2, 2.0)]


def test_a_training_may_begin_anew_in_its_folder(tmp_path, curve):
    """Without `append`, what an earlier one has left no longer counts, as after a kill."""
    for loss in (1.0, 2.0):
        logger = TensorBoardLogger(tmp_path / "runs", batch_granularity=True, append=False)
        play(logger, [{"loss": loss}] * 2, batches=[{"loss": loss}] * 2)
    assert curve("loss_loss", "loss") == [(1, 2.0), (2, 2.0)]
    assert curve("", "batch/loss") == [(step, 2.0) for step in range(1, 5)]
