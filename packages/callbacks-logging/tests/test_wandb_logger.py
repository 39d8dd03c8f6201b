# SPDX-License-Identifier: MIT
import copy
import json
import os
import pickle
import re
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from callbacks_core import LambdaCallback, SimpleModel
from callbacks_core.testing import play
from callbacks_logging import WandBLogger
from callbacks_logging.wandb_log import connection
from callbacks_logging.wandb_log import logger as module

QUIET = {"x_disable_stats": True, "x_save_requirements": False, "disable_git": True}
MODEL = SimpleModel(None, SimpleNamespace(param_groups=[{"lr": 0.1}]))


class Fake:
    """A stand-in for W&B, which keeps what it is told."""

    def __init__(self, refuses=0):
        self.runs = []
        self.refuses = refuses

    def init(self, **options):
        if self.refuses and options.get("mode") != "offline":
            self.refuses -= 1
            raise RuntimeError("no answer from https://me:secret@host/ at all")
        self.runs.append(FakeRun(options))
        return self.runs[-1]


class FakeRun:
    def __init__(self, options):
        self.options = options
        self.thread = threading.current_thread()
        self.dir = "/somewhere/offline-run-1/files"
        self.logged = []
        self.exit_code = None

    def define_metric(self, *arguments, **options):
        pass

    def log(self, values):
        self.logged.append(values)

    def finish(self, exit_code):
        self.exit_code = exit_code


@pytest.fixture
def wandb(monkeypatch):
    fake = Fake()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setattr(module, "find_spec", lambda name: fake)
    return fake


def test_an_epoch_is_logged_with_its_number(wandb):
    """Its values and the learning rate, under their names; by a thread of the logger's own."""
    logger = WandBLogger(project="digits", name="first", config={"lr": 0.1}, tags=["a"])
    play(logger, [{"loss": 0.5, "val_loss": 0.25, "note": "text"}], model=MODEL, initial_epoch=7)
    [run] = wandb.runs
    assert run.logged == [{"epoch": 7, "time": 0.0, "loss": 0.5, "val_loss": 0.25, "lr": 0.1}]
    assert run.exit_code == 0
    assert run.thread is not threading.current_thread()
    given = {name: run.options[name] for name in ("project", "name", "config", "tags")}
    assert given == {"project": "digits", "name": "first", "config": {"lr": 0.1}, "tags": ["a"]}
    assert run.options["id"] == logger.run_id


def test_batches_have_charts_of_their_own(wandb):
    """Over the batches since training began; validation batches too."""
    logger = WandBLogger(batch_granularity=True)
    play(logger, [{"val_loss": 1.0}] * 2, batches=[{"loss": 0.5}] * 2, model=MODEL)
    rows = [row for row in wandb.runs[0].logged if "batch/loss" in row]
    assert rows[0] == {"batch/time": 0.0, "batch/loss": 0.5, "batch/lr": 0.1, "batch/step": 1}
    assert [row["batch/step"] for row in rows] == [1, 2, 3, 4]
    valid = [row["batch/step"] for row in wandb.runs[0].logged if "batch/val_loss" in row]
    assert valid == [1, 2]


@pytest.mark.parametrize(
    ("error", "code"), [(RuntimeError("no"), 1), (KeyboardInterrupt(), 255)], ids=repr
)
def test_the_run_tells_how_training_ended(wandb, error, code):
    """Failed after an exception, killed after Ctrl-C."""

    def fail(*_):
        raise error

    with pytest.raises(type(error)):
        play([WandBLogger(), LambdaCallback(on_epoch_end=fail)], [{}])
    assert wandb.runs[0].exit_code == code


def test_each_training_is_a_run_and_a_resumed_one_goes_on(wandb):
    """With the id of the state; a test after a training goes to its run."""
    logger = WandBLogger()
    for _ in range(2):
        play(logger, [{}])
    logger.on_test_end({"test_loss": 0.5, "time": 1.0})
    resumed = WandBLogger()
    resumed.load_state_dict(json.loads(json.dumps(logger.state_dict())))
    play(resumed, [{}], initial_epoch=2)
    ids = [run.options["id"] for run in wandb.runs]
    assert ids[0] != ids[1] == ids[2] == ids[3]
    assert wandb.runs[2].logged == [{"test_loss": 0.5, "time": 1.0}]
    assert all(run.options["resume"] == "allow" for run in wandb.runs)


def test_a_run_that_is_named_by_its_id_is_gone_on_with(wandb):
    """The next training is another one."""
    logger = WandBLogger(run_id="abc")
    play(logger, [{}])
    play(logger, [{}])
    assert wandb.runs[0].options["id"] == "abc" != wandb.runs[1].options["id"]


def test_what_cannot_be_sent_is_kept(wandb, caplog):
    """The warning says where, and no secret."""
    wandb.refuses = 1
    logger = WandBLogger(mode="online")
    play(logger, [{"loss": 1.0}] * 2)
    [run] = wandb.runs
    assert run.options["mode"] == "offline"
    assert [row["loss"] for row in run.logged] == [1.0, 1.0]
    assert f"wandb sync --id {logger.run_id} /somewhere/offline-run-1" in caplog.text
    assert "secret" not in caplog.text


def test_a_hung_server_holds_up_nothing(wandb, caplog):
    """No step, no epoch; the end waits as long as it is told to."""
    release = threading.Event()
    init = wandb.init

    def hang(**options):
        release.wait(30)
        return init(**options)

    wandb.init = hang
    logger = WandBLogger(timeout=0.1)
    logger._grace = 0.0
    begin = time.monotonic()
    play(logger, [{}] * 50)
    took = time.monotonic() - begin
    release.set()
    assert took < 10
    assert "was not done after 0.1 s" in caplog.text


def test_a_server_that_hangs_at_the_end_is_left(wandb, caplog):
    """After the time there is; the warning says how to send the run."""
    release = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeRun, "finish", lambda self, exit_code: release.wait(30))
        logger = WandBLogger(timeout=2)
        logger._grace = 0.0
        play(logger, [{"loss": 1.0}])
        release.set()
    assert f"W&B run {logger.run_id} was not sent in time" in caplog.text
    assert "wandb sync /somewhere/offline-run-1" in caplog.text
    caplog.clear()
    play(logger, [{"loss": 1.0}])
    assert caplog.text == ""


def test_a_server_that_fails_ends_no_training(wandb, caplog):
    """It is told once, and what was not taken is tried again."""
    failures = [RuntimeError("503")]
    original = FakeRun.log

    def log(self, values):
        if failures:
            raise failures.pop()
        original(self, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeRun, "log", log)
        play(WandBLogger(), [{"loss": 1.0}, {"loss": 2.0}])
    assert [row["loss"] for row in wandb.runs[0].logged] == [1.0, 2.0]


def test_other_ranks_have_no_run(wandb, monkeypatch):
    """Only rank zero."""
    monkeypatch.setenv("RANK", "1")
    play(WandBLogger(), [{}])
    assert wandb.runs == []


def test_copies_have_no_run(wandb):
    """A copy that is made while training runs opens its own."""
    logger = WandBLogger()
    copies = []

    def look(*_):
        logger._session.wait(10)
        assert logger.run is not None
        copies.extend([copy.deepcopy(logger), pickle.loads(pickle.dumps(logger))])

    play([logger, LambdaCallback(on_epoch_end=look)], [{}])
    assert [duplicate.run for duplicate in copies] == [None, None]
    assert logger.run is None


def test_it_needs_wandb(monkeypatch):
    """Where it is missing, the error names the extra."""
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'callbacks-logging\[wandb\]'"):
        WandBLogger()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"mode": "ofline"}, ValueError, "`mode` must be one of 'online', 'offline', 'disabled'"),
        ({"mode": "ofline"}, ValueError, "did you mean 'offline'?"),
        ({"project": ""}, ValueError, "`project` must not be empty"),
        ({"name": 3}, TypeError, "`name` must be a str, not 3"),
        ({"config": [1]}, TypeError, "`config` must be a mapping of names to values, not [1]"),
        ({"timeout": -1}, ValueError, "`timeout` must be zero or more"),
        ({"timeout": "1"}, TypeError, "`timeout` must be a number of seconds"),
        ({"id": "a"}, TypeError, "`id` is what the logger itself fills; write run_id=..."),
        ({"settings": 3}, TypeError, "`settings` must be a mapping, not 3"),
        ({"folder": 3}, TypeError, "`folder` must be a str or a path"),
    ],
)
def test_bad_arguments_are_refused_at_once(wandb, options, error, message):
    """The message says what is expected."""
    with pytest.raises(error, match=re.escape(message)):
        WandBLogger(**options)


REAL = """
import json, sys
from callbacks_core.testing import play
from callbacks_logging import WandBLogger

options = json.loads(sys.argv[1])
logger = WandBLogger(folder=".", batch_granularity=True, config={"lr": 0.1}, **options)

play(logger, [{"loss": 0.5, "val_loss": 0.25}, {"loss": float("nan")}], batches=[{"loss": 2.0}])
logger.on_test_end({"test_loss": 0.125})
print(logger.run_id)
"""


def train_really(folder, **options):
    """Train in a process of its own; return the id of the run, and what is told."""
    pytest.importorskip("wandb")
    settings = {**QUIET, **options.pop("settings", {})}
    done = subprocess.run(
        [sys.executable, "-c", REAL, json.dumps({**options, "settings": settings})],
        cwd=folder,
        env={**os.environ, "WANDB_API_KEY": "a" * 40, "WANDB_ERROR_REPORTING": "false"},
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return done.stdout.strip(), done.stderr


def records(folder):
    """Read the runs that W&B has kept in a folder: of each, the records by their types."""
    from wandb.proto.wandb_internal_pb2 import Record

    found = []
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        data, at, part, by_type = path.read_bytes(), 7, b"", {}
        while at + 7 <= len(data):  # LevelDB's log format, in blocks of 32 KiB
            left = 32768 - at % 32768
            if left < 7:
                at += left
                continue
            size = int.from_bytes(data[at + 4 : at + 6], "little")
            part += data[at + 7 : at + 7 + size]
            if data[at + 6] in (1, 4):
                record = Record.FromString(part)
                kind = record.WhichOneof("record_type")
                by_type.setdefault(kind, []).append(getattr(record, kind))
                part = b""
            at += 7 + size
        found.append(by_type)
    return found


def test_an_offline_run_has_everything(tmp_path):
    """W&B itself writes it: epochs, batches, the test, the configuration and the exit code."""
    run_id, told = train_really(tmp_path, mode="offline", project="digits", name="first")
    first, second = records(tmp_path)
    [run] = first["run"]
    assert (run.run_id, run.project, run.display_name) == (run_id, "digits", "first")
    assert {item.key: item.value_json for item in run.config.update}["lr"] == "0.1"
    rows = [
        {"/".join(item.nested_key) or item.key: item.value_json for item in history.item}
        for history in first["history"]
    ]
    epochs = [(row["epoch"], row["loss"]) for row in rows if "loss" in row]
    assert epochs == [("1", "0.5"), ("2", "NaN")]
    assert [row["batch/step"] for row in rows if "batch/loss" in row] == ["1", "2"]
    assert [exit.exit_code for exit in (*first["exit"], *second["exit"])] == [0, 0]
    assert second["run"][0].run_id == run_id
    assert told == ""


def test_a_dead_server_leaves_an_offline_run(tmp_path):
    """Nothing listens at its address: training ends well, and the run can be sent."""
    settings = {"base_url": "http://127.0.0.1:9"}
    run_id, told = train_really(tmp_path, mode="online", timeout=12, settings=settings)
    assert f"W&B run {run_id} is kept on this machine" in told
    assert len(records(tmp_path)[0]["history"]) >= 4
    assert "a" * 40 not in told


def test_nothing_is_ever_asked_for_the_connection():
    """Making one costs no import of W&B."""
    assert connection.Connection({}, None, 1.0).run is None
