# SPDX-License-Identifier: MIT
import subprocess
import sys
from pathlib import Path

import pytest

import callbacks_core

SOURCE = Path(callbacks_core.__file__).parents[1]

LOADED = """
import sys
before = set(sys.modules)
sys.path.insert(0, {source!r})
import {module}
print(*sorted(set(sys.modules) - before))
"""

SLOW = {"asyncio", "dataclasses", "difflib", "inspect", "logging", "pathlib", "queue", "threading"}


def loaded(module):
    """Return the modules that importing *module* brings into a fresh interpreter."""
    code = LOADED.format(source=str(SOURCE), module=module)
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in run.stdout.split()}


@pytest.mark.parametrize("module", ["callbacks_core", "callbacks_core.testing"])
def test_importing_brings_the_standard_library_alone(module):
    """Neither torch nor anything else from outside is imported, and nothing slow from inside."""
    modules = loaded(module)
    assert "callbacks_core" in modules
    assert modules - {"callbacks_core"} <= sys.stdlib_module_names
    assert not modules & SLOW


def test_every_public_name_is_there_and_listed_once():
    """`__all__` is sorted, complete and true."""
    names = callbacks_core.__all__
    assert len(names) == len(set(names))
    assert all(hasattr(callbacks_core, name) for name in names)
    submodules = {path.stem for path in Path(callbacks_core.__file__).parent.iterdir()}
    public = {name for name in vars(callbacks_core) if not name.startswith("_")}
    assert public - submodules <= set(names)
