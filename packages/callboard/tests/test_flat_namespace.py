# SPDX-License-Identifier: MIT
"""The flat namespace: complete, lazy, and known to type checkers."""

import importlib
import subprocess
import sys

import pytest

import callboard

MODULES = (
    "callbacks_core",
    "callbacks_checkpoint",
    "callbacks_lr",
    "callbacks_policies",
    "callbacks_logging",
    "callbacks_notify",
    "callbacks_trainer",
    "callboard.experiment",
)


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_reached_from_callboard(module: str) -> None:
    """What a package exports is the same object under callboard, whatever other packages have."""
    package = importlib.import_module(module)
    for name in package.__all__:
        if name != "__version__":
            assert getattr(callboard, name) is getattr(package, name), name


def test_the_namespace_has_nothing_else() -> None:
    """Each name comes from a package, once, in order."""
    names = {name for module in MODULES for name in importlib.import_module(module).__all__}
    assert set(callboard.__all__) == names
    assert len(callboard.__all__) == len(set(callboard.__all__))
    assert dir(callboard) == sorted(callboard.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that nobody has fails as in any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nope'"):
        callboard.Nope  # noqa: B018
    with pytest.raises(ImportError, match="Nope"):
        exec("from callboard import Nope")


def test_importing_callboard_imports_nothing_heavy() -> None:
    """Neither a package of ours nor torch is imported until a name of it is used."""
    code = (
        "import sys, callboard; heavy = ['torch', 'mlflow', 'tensorboard', 'numpy', "
        f"*{MODULES!r}]; print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_using_a_name_of_core_does_not_import_torch() -> None:
    """`from callboard import EarlyStopping` imports core alone."""
    code = (
        "import sys; from callboard import EarlyStopping; "
        "print('torch' in sys.modules, 'callbacks_lr' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
