# SPDX-License-Identifier: MIT
import copy
import importlib.util
import os
import pickle
import platform
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from callbacks_core import Callback, HopelessPathError, LambdaCallback, SimpleModel
from callbacks_core.testing import play
from callbacks_logging import MLFlowLogger, __version__
from callbacks_logging.mlflow_log import run, tracking
from callbacks_logging.mlflow_log.sending import Reading
from callbacks_logging.mlflow_log.service import Service
from callbacks_logging.mlflow_log.spool import METRIC, Spool
from callbacks_logging.mlflow_log.tracking import TrackingError

needs_mlflow = pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="needs mlflow")
pytestmark = [
    needs_mlflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # what MLflow does with SQLAlchemy
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Work in an empty folder, and leave MLflow's settings as they are."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "MLFLOW_TRACKING_URI",
        "MLFLOW_TRACKING_USERNAME",
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_ALLOW_FILE_STORE",
        *tracking._PATIENCE,
    ):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Wait until all is sent: on a busy machine MLflow alone takes longer to be imported."""
    monkeypatch.setitem(MLFlowLogger.__init__.__kwdefaults__, "timeout", 240.0)


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """Return the URI of a database, which takes seconds to make."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def client(database):
    from mlflow import MlflowClient

    return MlflowClient(database)


def model(*rates):
    return SimpleModel(None, SimpleNamespace(param_groups=[{"lr": rate} for rate in rates]))


def history(client, run_id, name):
    return [(metric.step, metric.value) for metric in client.get_metric_history(run_id, name)]


def test_an_epoch_is_a_step(database, client):
    """Values of epochs, the learning rate and the last epoch are there; the run is finished."""
    logger = MLFlowLogger("epochs", database)
    play(logger, [{"loss": 0.5, "val_loss": 1.0}, {"loss": 0.25}], model=model(0.1))
    found = client.get_run(logger.run_id)
    assert found.info.status == "FINISHED"
    assert found.info.end_time is not None
    assert set(found.data.metrics) == {"time", "loss", "val_loss", "lr", "last-epoch"}
    assert history(client, logger.run_id, "loss") == [(1, 0.5), (2, 0.25)]
    assert history(client, logger.run_id, "val_loss") == [(1, 1.0)]
    assert history(client, logger.run_id, "lr") == [(1, 0.1), (2, 0.1)]
    assert found.data.metrics["last-epoch"] == 2.0
    assert client.get_experiment(found.info.experiment_id).name == "epochs"


def test_nothing_is_left_in_the_working_folder(database, client):
    """Artifacts go beside the database, not to the tracking URI and not into ./mlruns."""
    logger = MLFlowLogger("artifacts", database)
    play(logger, [{"loss": 0.5}])
    client.log_text(logger.run_id, "words", "note.txt")
    location = client.get_run(logger.run_id).info.artifact_uri
    folder = os.path.dirname(database.removeprefix("sqlite:///"))
    assert location.startswith(f"file://{folder}/mlartifacts/artifacts/")
    assert client.list_artifacts(logger.run_id)[0].path == "note.txt"
    assert os.listdir() == []


def test_batches_have_series_of_their_own(database, client):
    """Steps count on over the epochs, and no value of a batch is among those of epochs."""
    logger = MLFlowLogger("batches", database, True)
    batches = [{"loss": 1.0}, {"loss": 2.0}]
    play(logger, [{"loss": 0.5, "val_loss": 3.0}] * 2, batches=batches, model=model(0.1))
    assert history(client, logger.run_id, "batch/loss") == [(1, 1.0), (2, 2.0), (3, 1.0), (4, 2.0)]
    assert history(client, logger.run_id, "batch/val_loss") == [(1, 3.0), (2, 3.0)]
    assert history(client, logger.run_id, "loss") == [(1, 0.5), (2, 0.5)]


class Halve(Callback):
    def on_epoch_end(self, epoch_number, logs):
        self.model.optimizer.param_groups[0]["lr"] /= 2


def test_the_learning_rate_is_the_one_of_the_epoch(database, client):
    """A scheduler before the logger does not matter."""
    logger = MLFlowLogger("rates", database)
    play([Halve(), logger], [{"loss": 0.5}] * 2, model=model(1.0))
    assert history(client, logger.run_id, "lr") == [(1, 1.0), (2, 0.5)]


def test_parameters_may_come_before_and_after_training(database, client):
    """Before training they wait for the run; afterwards they are sent to it at once."""
    logger = MLFlowLogger("parameters", database)
    logger.log_config_params(config_params={"optimizer": {"lr": 0.1, "betas": [0.9, 0.99]}})
    logger.log_config_params({f"p{index}": index for index in range(250)})
    logger.log_param(param_name="seed", value=42)
    logger.log_metric("before", 1.5, step=3)
    play(logger, [{"loss": 0.5}])
    logger.log_param("after", "yes")
    logger.log_metric(metric_name="test_accuracy", value=98.0)
    found = client.get_run(logger.run_id)
    assert found.data.params["optimizer.betas.1"] == "0.99"
    assert found.data.params["p249"] == "249"
    assert found.data.params["seed"] == "42"
    assert found.data.params["after"] == "yes"
    assert found.data.metrics["test_accuracy"] == 98.0
    assert history(client, logger.run_id, "before") == [(3, 1.5)]
    assert found.info.status == "FINISHED"


def test_a_parameter_that_is_changed_is_reported(database, client, caplog):
    """MLflow allows no second value; the others are logged, and training goes on."""
    logger = MLFlowLogger("changed", database)
    play(logger, [{"loss": 0.5}])
    logger.log_param("seed", 1)
    logger.log_config_params({"seed": 2, "other": 3})
    assert (
        "MLflow refused the parameter 'seed': Changing param values is not allowed" in caplog.text
    )
    assert client.get_run(logger.run_id).data.params == {"seed": "1", "other": "3"}


def test_a_test_adds_to_the_run(database, client):
    """Its values join the run of the training before it."""
    logger = MLFlowLogger("tests", database)
    play(logger, [{"loss": 0.5}])
    before = logger.run_id
    logger.on_test_begin({})
    logger.on_test_end({"time": 1.0, "test_loss": 0.75})
    logger.close()
    assert logger.run_id == before
    found = client.get_run(before)
    assert found.data.metrics["test_loss"] == 0.75
    assert found.data.metrics["last-epoch"] == 1.0
    assert found.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("x"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(143), "KILLED")],
)
def test_the_status_is_always_final(database, client, error, status):
    """However a run ends, it is not left running; what it had is there."""

    def fail(epoch, logs):
        if epoch == 2:
            raise error

    logger = MLFlowLogger("endings", database)
    with pytest.raises(type(error)):
        play([logger, LambdaCallback(on_epoch_begin=fail)], [{"loss": 0.5}] * 3)
    found = client.get_run(logger.run_id)
    assert found.info.status == status
    assert found.data.metrics["last-epoch"] == 1.0


def test_training_again_makes_a_new_run_and_going_on_does_not(database, client):
    """From the first epoch it is another training; from a later one it is the same."""
    logger = MLFlowLogger("again", database)
    play(logger, [{"loss": 0.5}])
    first = logger.run_id
    play(logger, [{"loss": 0.25}], initial_epoch=2)
    assert logger.run_id == first
    assert history(client, first, "loss") == [(1, 0.5), (2, 0.25)]
    play(logger, [{"loss": 0.125}])
    assert logger.run_id != first


def test_a_restored_state_goes_on_with_the_run(database, client):
    """With the state of a checkpoint another process continues the same run and its steps."""
    logger = MLFlowLogger("resumed", database, batch_granularity=True)
    play(logger, [{"loss": 0.5}])
    state = logger.state_dict()
    assert state == {"run_id": logger.run_id, "step": 2}
    resumed = MLFlowLogger("resumed", database, batch_granularity=True)
    resumed.load_state_dict(state)
    play(resumed, [{"loss": 0.25}], initial_epoch=2)
    assert resumed.run_id == logger.run_id
    assert [step for step, _ in history(client, resumed.run_id, "batch/loss")] == [1, 2, 3, 4]
    assert client.get_run(resumed.run_id).info.status == "FINISHED"


def test_a_run_that_is_gone_is_replaced(database, caplog):
    """A state that names an unknown run does not end training."""
    logger = MLFlowLogger("gone", database)
    logger.load_state_dict({"run_id": "0" * 32, "step": 2})
    play(logger, [{"loss": 0.5}], initial_epoch=2)
    assert logger.run_id not in (None, "0" * 32)
    assert f"there is no MLflow run {'0' * 32} any more: a new one is made" in caplog.text


def test_a_deleted_experiment_is_restored(database, client):
    """An experiment is found by its name, and used again even after it was deleted."""
    first = MLFlowLogger("deleted", database)
    play(first, [{"loss": 0.5}])
    experiment = client.get_run(first.run_id).info.experiment_id
    client.delete_experiment(experiment)
    second = MLFlowLogger("deleted", database)
    play(second, [{"loss": 0.5}])
    assert client.get_run(second.run_id).info.experiment_id == experiment
    assert client.get_experiment(experiment).lifecycle_stage == "active"


def test_the_run_can_be_asked_for_before_training(database, client):
    """Whoever wants to put the id elsewhere gets it; training uses that run."""
    logger = MLFlowLogger("early", database)
    early = logger.run_id
    assert client.get_run(early).info.status == "RUNNING"
    play(logger, [{"loss": 0.5}])
    assert logger.run_id == early
    assert client.get_run(early).info.status == "FINISHED"


def test_copies_and_pickles_log_too(database, client):
    """Neither a connection nor a thread is in the way."""
    logger = MLFlowLogger("copies", database)
    play(logger, [{"loss": 0.5}])
    for other in (copy.deepcopy(logger), pickle.loads(pickle.dumps(logger))):
        play(other, [{"loss": 0.5}])
        assert other.run_id != logger.run_id
        assert client.get_run(other.run_id).info.status == "FINISHED"


def test_the_process_with_mlflow_may_die(database, client):
    """Whatever ends it, another one takes over and nothing is lost."""
    logger = MLFlowLogger("killed", database)

    def kill(epoch, logs):
        logger._run.flush(240)
        logger._run._service._process._process.kill()

    play([logger, LambdaCallback(on_epoch_begin=kill)], [{"loss": 0.5}, {"loss": 0.25}])
    assert history(client, logger.run_id, "loss") == [(1, 0.5), (2, 0.25)]
    assert client.get_run(logger.run_id).info.status == "FINISHED"


def test_what_the_dying_process_was_asked_is_asked_again(database, client):
    """It may die between the question and the answer too."""
    logger = MLFlowLogger("dying", database)
    run = logger.run_id
    process = logger._run._service._process._process
    process.send_signal(signal.SIGSTOP)  # it takes the question and does not answer
    logger._run.log_metrics([Reading("loss", 0.5, 1, 1)])
    while not logger._run._in_flight:
        time.sleep(0.01)
    process.kill()
    logger._run.flush(240)
    assert history(client, run, "loss") == [(1, 0.5)]
    play(logger, [])


def test_the_script_and_the_user_are_tags(database, client):
    """Those of the program that trains, not of the process in which MLflow is at work."""
    logger = MLFlowLogger("tags", database)
    play(logger, [{"loss": 0.5}])
    tags = client.get_run(logger.run_id).data.tags
    assert tags["mlflow.source.name"] == sys.argv[0]
    assert tags["mlflow.user"]
    assert tags["environment.Python"] == platform.python_version()
    assert tags["environment.callbacks-logging"] == __version__
    assert "mlflow.source.git.commit" not in tags


def test_the_git_commit_is_a_tag(database, client, tmp_path):
    """That of the folder in which the training runs."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("0123456789abcdef\n")
    logger = MLFlowLogger("commits", database)
    play(logger, [{"loss": 0.5}])
    tags = client.get_run(logger.run_id).data.tags
    assert tags["mlflow.source.git.commit"] == "0123456789abcdef"


def test_training_does_not_import_mlflow(database, tmp_path):
    """Neither its seconds nor its memory are the training's."""
    code = (
        "import sys; from callbacks_core.testing import play; from callbacks_logging import *\n"
        f"play(MLFlowLogger('light', {database!r}), [{{'loss': 0.5}}])\n"
        "sys.exit('mlflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_other_ranks_log_nothing(database, monkeypatch):
    """Two processes make one run, not two."""
    monkeypatch.setenv("RANK", "1")
    logger = MLFlowLogger("ranks", database)
    logger.log_param("seed", 1)
    logger.log_metric("early", 1.0)
    play(logger, [{"loss": 0.5}])
    assert logger.run_id is None


def test_a_dead_server_does_not_end_training_and_hears_no_secret(caplog, capfd):
    """The failure is told once, what was lost is counted, and the password is nowhere."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    uri = f"http://ada:hunter2@127.0.0.1:{port}"
    logger = MLFlowLogger("dead", uri)
    assert logger.tracking_uri == f"http://127.0.0.1:{port}"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "hunter2"
    assert len(play(logger, [{"loss": 0.5}] * 3, model=model(0.1)).history) == 3
    told = [record for record in caplog.records if "did not take what it was" in record.message]
    assert len(told) == 1
    assert "MLflow run (not made) is incomplete: 10 values were not sent" in caplog.text
    assert "hunter2" not in caplog.text + str(capfd.readouterr())


def test_what_was_not_taken_is_sent_later(database, client, monkeypatch):
    """A server that fails for a while gets everything, in order, once it is back."""
    from mlflow import MlflowClient

    real, failures = MlflowClient.log_batch, []

    def moody(self, *arguments, **options):
        if len(failures) < 2:
            failures.append(1)
            raise ConnectionError("try again")
        return real(self, *arguments, **options)

    monkeypatch.setattr(MlflowClient, "log_batch", moody)
    monkeypatch.setattr(run, "Courier", Service)
    logger = MLFlowLogger("moody", database)
    logger.log_param("seed", 1)
    flush = LambdaCallback(on_epoch_end=lambda epoch, logs: logger._run.flush(240))
    play([logger, flush], [{"loss": float(epoch)} for epoch in range(1, 5)])
    assert history(client, logger.run_id, "loss") == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]
    assert client.get_run(logger.run_id).data.params == {"seed": "1"}


def test_what_waits_for_too_long_goes_to_a_file(monkeypatch, caplog, tmp_path):
    """Memory is bounded, and nothing is lost."""
    monkeypatch.setattr(run, "CAPACITY", 10)
    monkeypatch.setattr(run, "Courier", lambda tracking: SimpleNamespace(check=lambda: None))
    dead = SimpleNamespace(
        probe=lambda: None,
        is_common=True,
        unsent=lambda: tmp_path / "unsent",
        resolved=lambda: "somewhere",
    )
    endless = run.Run(dead, "endless")
    endless.connect()
    endless._schedule = lambda: None  # a thread that hangs
    for step in range(25):
        endless.log_metrics([Reading("loss", float(step), 0, step)])
        assert len(endless._readings) <= 10
    endless.close(30)
    assert "25 values were not sent, its status is unknown" in caplog.text
    (kept,) = Spool.found(tmp_path / "unsent", "somewhere")
    steps = [content[3] for kind, *content in kept.read() if kind == METRIC]
    assert steps == list(range(25))


def test_what_a_dead_server_did_not_take_is_sent_with_the_next_training(
    database, client, monkeypatch, caplog, tmp_path
):
    """Parameters, metrics, artifacts and the status; the file is gone then."""
    from mlflow import MlflowClient

    unsent = tmp_path / "unsent"
    (tmp_path / "note.txt").write_text("words")
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", lambda *args, **options: 1 / 0)
        patch.setattr(run, "Courier", Service)
        broken = MLFlowLogger("later", database, True, artifacts=["note.txt"], unsent=unsent)
        broken.log_param("seed", 1)
        fail = LambdaCallback(on_epoch_begin=lambda epoch, logs: raise_at(3, epoch))
        with pytest.raises(RuntimeError):
            play([broken, fail], [{"loss": 0.5}] * 3)
    assert f"What is missing is kept in {min(unsent.iterdir())}" in caplog.text
    following = MLFlowLogger("later", database, unsent=unsent)
    play(following, [{"loss": 0.5}])
    assert following.run_id != broken.run_id
    found = client.get_run(broken.run_id)
    assert found.info.status == "FAILED"
    assert found.data.params == {"seed": "1"}
    assert history(client, broken.run_id, "loss") == [(1, 0.5), (2, 0.5)]
    assert [step for step, _ in history(client, broken.run_id, "batch/loss")] == [1, 2, 3, 4]
    assert client.list_artifacts(broken.run_id)[0].path == "note.txt"
    assert not unsent.exists()


def test_a_run_that_was_never_made_is_one_run_later(database, client, monkeypatch, tmp_path):
    """What came before, during and after the training belongs together."""
    unsent = tmp_path / "unsent"
    (tmp_path / "note.txt").write_text("words")
    with monkeypatch.context() as patch:
        patch.setattr(Service, "open_run", lambda *args: 1 / 0)
        patch.setattr(run, "Courier", Service)
        dead = MLFlowLogger("never", database, artifacts=["note.txt"], unsent=unsent)
        play(dead, [{"loss": 0.5}])
        dead.log_metric("later", 2.0)
    play(MLFlowLogger("never", database, unsent=unsent), [{"loss": 1.0}])
    experiment = client.get_experiment_by_name("never").experiment_id
    runs = client.search_runs([experiment])
    (found,) = (each for each in runs if each.data.metrics["loss"] == 0.5)
    assert len(runs) == 2
    assert found.data.metrics["later"] == 2.0
    assert client.list_artifacts(found.info.run_id)[0].path == "note.txt"
    assert not unsent.exists()


def raise_at(last, epoch):
    if epoch == last:
        raise RuntimeError("no")


def test_files_of_a_process_that_lives_are_left_alone(tmp_path, caplog):
    """It may still add to them; what is no such file stays as it is."""
    folder = tmp_path / "unsent"
    mine = Spool.new(folder, "here", "name")
    mine.append([(METRIC, "loss", 1.0, 0, 1)])
    assert list(Spool.found(folder, "here")) == []
    mine.release()
    assert [spool.path for spool in Spool.found(folder, "here")] == [mine.path]
    assert list(Spool.found(folder, "elsewhere")) == []
    alive = mine.path.read_text().replace(str(os.getpid()), str(os.getppid()), 1)
    mine.path.write_text(alive)
    assert list(Spool.found(folder, "here")) == []
    mine.path.write_text("no such file")
    assert list(Spool.found(folder, "here")) == []
    assert "cannot be read and stays as it is" in caplog.text


def test_artifacts_are_logged_when_all_have_ended(database, client, tmp_path, caplog):
    """What another callback leaves at the very end is there; what is missing is told."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner.txt").write_text("words")
    leave = LambdaCallback(on_train_end=lambda logs: (tmp_path / "best.pt").write_text("weights"))
    logger = MLFlowLogger("artifacts", database, artifacts=["best.pt", tmp_path / "folder", "gone"])
    play([logger, leave], [{"loss": 0.5}])
    logger.log_artifact("best.pt", "again")
    found = {artifact.path for artifact in client.list_artifacts(logger.run_id)}
    assert found == {"best.pt", "inner.txt", "again"}
    assert f"the artifact {tmp_path / 'gone'} is not there" in caplog.text
    assert client.get_run(logger.run_id).info.status == "FINISHED"


@pytest.mark.filterwarnings("ignore")  # MLflow's own, about how models are kept
@pytest.mark.parametrize("example", [True, False])
def test_the_network_is_logged_as_a_model(database, client, example):
    """With its signature where there is an example, and as it is when all have ended."""
    torch = pytest.importorskip("torch")
    from mlflow.models import Model

    network = torch.nn.Linear(3, 2)
    inputs = torch.ones(2, 3) if example else None
    logger = MLFlowLogger("models", database, model_name="net", input_example=inputs)
    change = LambdaCallback(on_train_end=lambda logs: network.weight.data.zero_())
    play([logger, change], [{"loss": 0.5}], model=SimpleModel(network, None))
    folder = client.download_artifacts(logger.run_id, "net")
    signature = Model.load(folder).signature
    assert signature.inputs.inputs[0].shape == (-1, 3) if example else signature is None
    assert network.training
    from mlflow.pytorch import load_model

    assert torch.equal(load_model(folder)(torch.ones(2, 3)), network.bias.expand(2, 2))


def test_a_run_can_be_gone_on_with_by_its_id(database, client):
    """Whoever knows the id hands it in."""
    first = MLFlowLogger("by id", database)
    play(first, [{"loss": 0.5}])
    second = MLFlowLogger("by id", database, run_id=first.run_id)
    play(second, [{"loss": 0.25}], initial_epoch=2)
    assert history(client, first.run_id, "loss") == [(1, 0.5), (2, 0.25)]


def test_a_folder_is_refused_with_the_fix(tmp_path):
    """The installed MLflow keeps no runs in folders: the error says what to write instead."""
    with pytest.raises(TrackingError) as caught:
        MLFlowLogger("folder", tmp_path / "runs")
    database = (tmp_path / "runs" / "mlflow.db").as_posix()
    assert f"keeps no runs in a folder such as '{tmp_path / 'runs'}': use" in str(caught.value)
    assert f"tracking_uri='sqlite:///{database}', or set the environment" in str(caught.value)
    assert "MLFLOW_ALLOW_FILE_STORE=true" in str(caught.value)


def test_a_folder_is_used_where_mlflow_allows_it(tmp_path, monkeypatch):
    """Whoever asked MLflow for folders gets them."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    logger = MLFlowLogger("folder", tmp_path / "runs")
    play(logger, [{"loss": 0.5}])
    found = MlflowClient(str(tmp_path / "runs")).get_run(logger.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.metrics["loss"] == 0.5


def test_a_hopeless_database_is_refused_before_the_first_batch(tmp_path):
    """A database that can never be written is told at once."""
    (tmp_path / "file").touch()
    with pytest.raises(HopelessPathError, match="cannot be written"):
        play(MLFlowLogger("hopeless", f"sqlite:///{tmp_path}/file/mlflow.db"), [{"loss": 0.5}])


def test_an_unknown_kind_of_uri_is_refused_before_the_first_batch(monkeypatch):
    """MLflow's own words are passed on, without the password."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "gopher://ada:hunter2@host/x")
    with pytest.raises(TrackingError, match="cannot use 'gopher://\\*\\*\\*@host/x'") as caught:
        play(MLFlowLogger("unknown"), [{"loss": 0.5}])
    assert "hunter2" not in str(caught.value)


def test_a_scheme_that_is_given_and_unknown_is_refused_at_once():
    """The near miss is named, and no password."""
    with pytest.raises(TrackingError, match=r"begins with 'htps://'.*mean 'https'") as caught:
        MLFlowLogger("unknown", "htps://ada:hunter2@host/x")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3,), TypeError, "`experiment_name` must be a str, not 3"),
        ((" ",), ValueError, "`experiment_name` must not be empty"),
        (("name", 3), TypeError, "`tracking_uri` must be a str or a path, not 3"),
    ],
)
def test_bad_arguments_are_refused_at_once(arguments, error, message):
    """The message says what was expected."""
    with pytest.raises(error) as caught:
        MLFlowLogger(*arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"artifacts": "best.pt"},
            TypeError,
            "`artifacts` must be several paths: write ['best.pt']",
        ),
        ({"artifacts": [3]}, TypeError, "`artifacts` must be a str or a path, not 3"),
        ({"model_name": ""}, ValueError, "`model_name` must not be empty"),
        ({"run_id": 3}, TypeError, "`run_id` must be a str, not 3"),
        ({"unsent": ""}, ValueError, "`unsent` must not be empty"),
    ],
)
def test_bad_options_are_refused_at_once(options, error, message):
    """The message says what was expected."""
    with pytest.raises(error) as caught:
        MLFlowLogger("name", **options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("timeout", "error", "message"),
    [
        ("1", TypeError, "`timeout` must be a number of seconds, not '1'"),
        (-1, ValueError, "`timeout` must be zero or more, and finite, not -1"),
    ],
)
def test_a_bad_timeout_is_refused_at_once(timeout, error, message):
    """The message says what was expected."""
    with pytest.raises(error) as caught:
        MLFlowLogger("name", timeout=timeout)
    assert str(caught.value) == message


def test_without_mlflow_the_extra_is_named(monkeypatch):
    """The error holds the command that adds what is missing."""
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(ImportError) as caught:
        MLFlowLogger("name")
    assert str(caught.value) == (
        'MLFlowLogger needs MLflow: pip install "callbacks-logging[mlflow]"'
    )
