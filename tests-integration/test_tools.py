# SPDX-License-Identifier: MIT
"""The tools that guard the workspace: what a change affects, and which bounds hold."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EVERYTHING = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))


@pytest.fixture(scope="module")
def tools():
    """The tools as modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        import affected
        import bounds
        import workspace

        yield {"affected": affected, "bounds": bounds, "workspace": workspace}


@pytest.fixture
def affected(tools):
    packages = tools["workspace"].members(ROOT)
    return lambda *files: tools["affected"].affected(files, packages)


@pytest.fixture
def copy(tmp_path):
    """A copy of what the bounds are read from, free to be broken."""
    for pattern in (
        "packages/*/pyproject.toml",
        "packages/*/src/*/__about__.py",
        "tools/constraints.txt",
    ):
        for source in ROOT.glob(pattern):
            target = tmp_path / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return tmp_path


def edit(file: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, file.read_text(encoding="utf-8"))
    assert count, f"{pattern!r} is not in {file}"
    file.write_text(text, encoding="utf-8")


def test_there_are_eight_packages():
    """The folders of `packages/` are the eight of the design."""
    assert len(EVERYTHING) == 8


def test_a_leaf_affects_itself_and_the_meta_package(affected):
    """Who depends on a changed package is affected with it."""
    files = "packages/callbacks-lr/src/callbacks_lr/__init__.py", "docs/index.md"
    assert affected(*files) == ["callbacks-lr", "callboard"]


@pytest.mark.parametrize(
    "file", ["packages/callbacks-core/pyproject.toml", "hatch.toml", "tools/constraints.txt"]
)
def test_core_and_what_all_share_affect_everything(affected, file):
    """Nothing escapes a change to core or to the environments."""
    assert affected(file) == EVERYTHING


@pytest.mark.parametrize(
    "file", ["README.md", "docs/hooks.md", "tests-integration/test_tools.py", "packages/gone/x.py"]
)
def test_prose_affects_no_package(affected, file):
    """What no package contains affects none."""
    assert affected(file) == []


def test_an_unknown_commit_affects_everything():
    """A first push, whose base is all zeros, runs every package."""
    command = [sys.executable, str(ROOT / "tools" / "affected.py"), "0" * 40]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == EVERYTHING


def test_the_tree_as_it_stands_fits_together(tools):
    """No bound, dependency, extra or pin is wrong in this tree."""
    assert tools["bounds"].problems(ROOT) == []


@pytest.mark.parametrize(
    ("file", "pattern", "replacement", "message"),
    [
        (
            "packages/callbacks-core/src/callbacks_core/__about__.py",
            r'"1\.[\d.]+"',
            '"2.0.0"',
            "callbacks-lr: `callbacks-core~=1.0` excludes callbacks-core 2.0.0 of this tree",
        ),
        (
            "packages/callbacks-lr/pyproject.toml",
            "callbacks-core~=",
            "callbacks-core>=",
            "callbacks-lr: `callbacks-core>=1.0` should be a single `~=`",
        ),
        (
            "packages/callboard/pyproject.toml",
            r"callbacks-logging\[plot\]~=1.0",
            "callbacks-logging[plot]",
            "callboard: `callbacks-logging[plot]` should be a single `~=`",
        ),
        (
            "packages/callbacks-lr/pyproject.toml",
            '"torch>=2.6"',
            '"callbacks-policies~=1.0", "torch>=2.6"',
            "callbacks-lr: depends on ['callbacks-core', 'callbacks-policies', 'torch'], "
            "should on ['callbacks-core', 'torch']",
        ),
        (
            "packages/callbacks-logging/pyproject.toml",
            "plot,tensorboard",
            "tensorboard",
            "callbacks-logging: extra `all` leaves out ['plot']",
        ),
        (
            "packages/callbacks-notify/pyproject.toml",
            "apprise = .*\n",
            "",
            "has extras ['all', 'notif'], should have ['all', 'apprise', 'notif']",
        ),
        (
            "tools/constraints.txt",
            r"(torch==[\d.]+)",
            r"\1+cpu",
            "`torch==2.13.0+cpu` should read `name==version`, nothing more",
        ),
    ],
)
def test_what_does_not_fit_is_named(tools, copy, file, pattern, replacement, message):
    """Each kind of misfit is found, in a sentence that says where and what."""
    edit(copy / file, pattern, replacement)
    assert any(problem.endswith(message) for problem in tools["bounds"].problems(copy))
