# SPDX-License-Identifier: MIT
"""A real MLflow server, and in front of it a gate that does what servers and networks do."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress

import pytest

from callbacks_core import LambdaCallback
from callbacks_core.testing import play
from callbacks_logging import MLFlowLogger
from callbacks_logging.mlflow_log import tracking

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="needs mlflow"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # what MLflow does with SQLAlchemy
]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start `mlflow server` on loopback, with a database, and stop it in the end."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            start_new_session=True,
        )
    deadline = time.monotonic() + 300
    while True:
        with suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
            break
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the server did not start: {(folder / 'log').read_text()}")
        time.sleep(0.1)
    yield port
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(120)


ANSWERS = {
    "429": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n",
    "500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno",
    "garbage": b"\x00\xffnot HTTP at all\r\n\r\n",
    "not JSON": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>hi<",
}


class Gate:
    """Hands connections on to the server, or does something else with them.

    Attributes:
        mode: ``"open"``, ``"hang"``, ``"drop"``, or one of `ANSWERS`.
    """

    def __init__(self, target):
        self.target = target
        self.mode = "open"
        self._connections = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._socket.close()

    def turn(self, mode):
        """Cut what is connected, and treat otherwise what comes."""
        self.mode = mode
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with suppress(OSError), connection:
            if self.mode == "open":
                with socket.create_connection(("127.0.0.1", self.target)) as behind:
                    threading.Thread(target=pump, args=(connection, behind), daemon=True).start()
                    pump(behind, connection)
            elif self.mode == "hang":
                time.sleep(20)
            elif self.mode in ANSWERS:
                connection.recv(65536)
                connection.sendall(ANSWERS[self.mode])


def pump(source, target):
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def the_gate(server):
    """One for all tests, since a process with MLflow in it starts for each address."""
    gate = Gate(server)
    yield gate
    gate.close()


@pytest.fixture
def gate(the_gate, monkeypatch, tmp_path):
    """Return the gate, open, with MLflow's settings as the tests need them."""
    monkeypatch.chdir(tmp_path)
    for name in ("TRACKING_URI", "TRACKING_USERNAME", "TRACKING_PASSWORD"):
        monkeypatch.setenv(f"MLFLOW_{name}", "")
        monkeypatch.delenv(f"MLFLOW_{name}")
    for name in tracking._PATIENCE:
        monkeypatch.setenv(name, "0" if "RETRIES" in name else "10")
    the_gate.turn("open")
    return the_gate


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Wait until all is sent: on a busy machine MLflow alone takes longer to be imported."""
    monkeypatch.setitem(MLFlowLogger.__init__.__kwdefaults__, "timeout", 240.0)


@pytest.fixture
def client(server):
    from mlflow import MlflowClient

    return MlflowClient(f"http://127.0.0.1:{server}")


def losses(client, run_id):
    return [(metric.step, metric.value) for metric in client.get_metric_history(run_id, "loss")]


EPOCHS = [{"loss": 0.5}, {"loss": 0.25}, {"loss": 0.125}]
ALL = [(1, 0.5), (2, 0.25), (3, 0.125)]


def test_a_server_gets_everything(gate, client, tmp_path):
    """Epochs, batches, parameters, artifacts, tags and the status, with a user in the URI."""
    (tmp_path / "best.pt").write_text("weights")
    uri = f"http://ada:hunter2@127.0.0.1:{gate.port}"
    logger = MLFlowLogger("whole", uri, batch_granularity=True, artifacts=["best.pt"])
    logger.log_config_params({"optimizer": {"lr": 0.1}})
    play(logger, EPOCHS, batches=3)
    found = client.get_run(logger.run_id)
    assert found.info.status == "FINISHED"
    assert losses(client, logger.run_id) == ALL
    assert len(client.get_metric_history(logger.run_id, "batch/loss")) == 9
    assert found.data.params == {"optimizer.lr": "0.1"}
    assert found.data.tags["mlflow.source.name"]
    assert [artifact.path for artifact in client.list_artifacts(logger.run_id)] == ["best.pt"]
    assert not (tmp_path / "mlflow-unsent").exists()


@pytest.mark.parametrize("fault", ["refuse", "hang", "drop", *ANSWERS, "disappear"])
def test_a_faulty_server_costs_nothing_but_time(fault, gate, client, caplog, capfd, tmp_path):
    """Training ends well, the failure is told once, and the next training sends what was kept."""
    port = free_port() if fault == "refuse" else gate.port
    gate.turn(fault if fault in ("hang", "drop", *ANSWERS) else "open")
    uri = f"http://ada:hunter2@127.0.0.1:{port}"
    logger = MLFlowLogger(f"fault {fault}", uri, batch_granularity=True, timeout=2.0)
    logger.log_param("seed", 1)
    told = "MLflow did not take what it was sent"

    def after(epoch, logs):
        logger._run.flush(0.2 if fault != "disappear" else 30)
        if fault == "disappear" and epoch == 2:
            gate.turn("drop")

    waiting = LambdaCallback(on_epoch_end=after)
    assert len(play([logger, waiting], EPOCHS, batches=300).history) == 3
    assert sum(told in record.message for record in caplog.records) <= 1
    assert "is incomplete" in caplog.text
    kept = list((tmp_path / "mlflow-unsent").iterdir())
    assert kept
    if fault == "refuse":
        content = b"".join(path.read_bytes() for path in kept)
        for path in kept:  # as though it had been meant for the server that works
            path.write_bytes(path.read_bytes().replace(str(port).encode(), b"%d" % gate.port))
        assert b"hunter2" not in content
    gate.turn("open")
    uri = f"http://ada:hunter2@127.0.0.1:{gate.port}"
    following = MLFlowLogger(f"fault {fault}", uri)
    play(following, [{"loss": 1.0}])
    assert not (tmp_path / "mlflow-unsent").exists()
    experiment = client.get_experiment_by_name(f"fault {fault}").experiment_id
    runs = [run for run in client.search_runs([experiment]) if run.data.params]
    assert [losses(client, run.info.run_id) for run in runs] == [ALL]
    assert runs[0].info.status == "FINISHED"
    assert runs[0].data.params == {"seed": "1"}
    steps = [m.step for m in client.get_metric_history(runs[0].info.run_id, "batch/loss")]
    assert sorted(set(steps)) == list(range(1, 901))
    assert "hunter2" not in caplog.text + str(capfd.readouterr())
