# SPDX-License-Identifier: MIT
"""Examples are tests: those of the READMEs, of the documentation and of every docstring.

Each file's examples share one namespace and run, in order, in a folder that is empty at first.
Where an optional package that an example needs is not installed (a package's own environment holds
its hard dependencies only), that example and those after it in its file are skipped.
"""

import ast
import gc
import os
import signal
import tempfile
from collections.abc import Iterable, Iterator
from doctest import ELLIPSIS
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings
from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser
from sybil.typing import Evaluator, Parser

settings.register_profile("callboard", deadline=None)  # a busy machine fails no test
settings.load_profile("callboard")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a job in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

PACKAGES = Path(__file__).parent / "packages"

# What an example may ask for and not find, outside the environment that holds everything.
OPTIONAL = {path.parent.name for path in PACKAGES.glob("*/src/*/__init__.py")} | {
    "apprise",
    "matplotlib",
    "mlflow",
    "notif",
    "numpy",
    "sklearn",
    "tensorboard",
    "torch",
    "torchmetrics",
    "wandb",
}


def imported(source: str) -> Iterator[str]:
    """Yield the modules that *source* imports by their full names."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.ImportFrom(module=str() as module, level=0):
                yield module


def absent(modules: Iterable[str]) -> str | None:
    """Return the first optional package of *modules* that is not installed."""
    for module in modules:
        name = module.partition(".")[0]
        if name in OPTIONAL and find_spec(name) is None:
            return name
    return None


def skipping(evaluate: Evaluator) -> Evaluator:
    """Wrap *evaluate*: skip an example that lacks a package, and all that follow it."""

    def run(example: Example) -> str | None:
        namespace = example.namespace
        source = getattr(example.parsed, "source", example.parsed)
        missing = namespace.get("__missing__") or absent(imported(source))
        try:
            if not missing:
                return evaluate(example)
        except ImportError as error:
            cause = error.__cause__ or error
            missing = absent([getattr(cause, "name", None) or ""])
            if not missing:
                raise
        namespace["__missing__"] = missing
        pytest.skip(f"needs {missing}")

    return run


def where_installed(parse: Parser) -> Parser:
    """Let *parse* find the same examples, and run those whose imports are installed."""

    def regions(document: Document) -> Iterable[Region]:
        for region in parse(document):
            if region.evaluator is not None:
                region.evaluator = skipping(region.evaluator)
            yield region

    return regions


class Folder:
    """An empty working directory for the examples of one file."""

    def enter(self, namespace: dict[str, object]) -> None:
        self.before = os.getcwd()
        self.temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        os.chdir(self.temporary.name)
        namespace["__name__"] = "__main__"

    def leave(self, namespace: dict[str, object]) -> None:
        os.chdir(self.before)
        self.temporary.cleanup()
        namespace.clear()


folder = Folder()

prose = Sybil(
    [where_installed(PythonCodeBlockParser(doctest_optionflags=ELLIPSIS)), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/*/*.md"],
    excludes=["docs/getting-started.md"],  # test_docs_outputs.py runs it and reads what it prints
    setup=folder.enter,
    teardown=folder.leave,
)
docstrings = Sybil(
    [where_installed(DocTestParser(optionflags=ELLIPSIS))],
    path="packages",
    patterns=["src/*/*.py", "src/*/*/*.py", "src/*/*/*/*.py"],
    setup=folder.enter,
    teardown=folder.leave,
)

pytest_collect_file = (prose + docstrings).pytest()


def pytest_collection_finish() -> None:
    """Keep what was imported for all tests out of every later collection of garbage."""
    gc.collect()
    gc.freeze()


@cache
def has_gpu() -> bool:
    """Return whether torch is installed and sees a CUDA device."""
    if find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked `gpu` on a machine without one."""
    if item.get_closest_marker("gpu") and not has_gpu():
        pytest.skip("needs a CUDA device")
