# SPDX-License-Identifier: MIT
"""An experiment in two processes: one directory, and the same best weights in both."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, sys, torch
from callboard import Experiment, StepLR

torch.manual_seed(0)
x = torch.randn(70, 4)
y = (x.sum(1) > 0).long()
network = torch.nn.Linear(4, 2)
experiment = Experiment("run", network, task="classification")
told = []
for epochs in (2, 4):
    history = experiment.train_data(
        x[:50], y[:50], (x[50:], y[50:]), epochs=epochs, batch_size=4,
        lr_schedulers=[StepLR(2)], verbose=False, disable_tensorboard=True,
    )
    logs = experiment.test_data(x[50:], y[50:], verbose=False)
    weights = [parameter.tolist() for parameter in network.parameters()]
    told.append([len(history), len(experiment.history), logs["test_loss"], weights])
with open(f"rank-{torch.distributed.get_rank()}.json", "w") as file:
    json.dump(told, file)
"""


def test_two_processes_share_an_experiment(tmp_path: Path) -> None:
    """Both go on with it, know its log, and test the same weights."""
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "script.py"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=240)
    first, second = (json.loads((tmp_path / f"rank-{n}.json").read_text()) for n in (0, 1))
    assert first == second
    assert [told[:2] for told in first] == [[2, 2], [4, 4]]
    assert len(json.loads((tmp_path / "run/environment.json").read_text())) == 2
