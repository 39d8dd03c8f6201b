# SPDX-License-Identifier: MIT
"""Two processes, started by torchrun, that train together on the CPU."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from torch import distributed

SCRIPTS = Path(__file__).parent / "distributed"
TIMEOUT = 400

pytestmark = [
    pytest.mark.timeout(2 * TIMEOUT),
    pytest.mark.skipif(
        not distributed.is_available() or not distributed.is_gloo_available(),
        reason="needs torch with Gloo",
    ),
]


class Outcomes(NamedTuple):
    """What became of the checks."""

    told: list[dict[str, str]]
    """By rank, what became of each."""
    exit_code: int
    output: str


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Outcomes:
    """Run all checks once, and return what became of them, by ranks, and of the launch."""
    folder = tmp_path_factory.mktemp("ranks")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = subprocess.run(
        [sys.executable, *launcher, SCRIPTS / "checks.py", folder, empty_database],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"},
    )
    files = [folder / f"{rank}.json" for rank in (0, 1)]
    told = [json.loads(file.read_text("utf-8")) if file.exists() else {} for file in files]
    return Outcomes(told, done.returncode, done.stdout + done.stderr)


def checks() -> list[str]:
    """Return the names of the checks in ``training.py``."""
    tree = ast.parse((SCRIPTS / "training.py").read_text("utf-8"))
    return [
        function.name
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        and [argument.arg for argument in function.args.args] == ["folder"]
    ]


def callbacks() -> list[str]:
    """Return the names of all public callbacks, as the contract has them."""
    tree = ast.parse((SCRIPTS.parent / "test_callback_contract.py").read_text("utf-8"))
    [factories] = [
        statement.value
        for statement in tree.body
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and statement.target.id == "FACTORIES"
        and isinstance(statement.value, ast.Dict)
    ]
    return sorted(ast.literal_eval(key) for key in factories.keys if key is not None)


def assert_ok(outcomes: Outcomes, name: str) -> None:
    """Raise what a check raised in one of the processes."""
    for rank in (0, 1):
        outcome = outcomes.told[rank].get(name, "was not reached")
        assert outcome == "ok", f"rank {rank}: {outcome}\n{outcomes.output[-3000:]}"


@pytest.mark.parametrize("name", checks())
def test_two_processes(outcomes: Outcomes, name: str) -> None:
    """What the function of that name in ``training.py`` says."""
    assert_ok(outcomes, name)


@pytest.mark.parametrize("name", callbacks())
def test_every_callback_in_two_processes(outcomes: Outcomes, name: str) -> None:
    """Training goes on with it, and weights and logs are the same in both."""
    assert_ok(outcomes, name)


def test_an_exception_in_one_process_ends_all(outcomes: Outcomes) -> None:
    """The launcher fails, nobody waits, and the error itself is to be read."""
    assert outcomes.exit_code == 1
    assert "ValueError: the third batch was bad" in outcomes.output
    assert "rank 1 is closed" in outcomes.output
    assert "SIGALRM" not in outcomes.output
    assert "went on to the end" not in outcomes.output
