# SPDX-License-Identifier: MIT
"""Write the flat namespace of the meta-package: every public name of every other package.

    python tools/flat.py            writes packages/callboard/src/callboard/__init__.py
    python tools/flat.py --check    tells whether it is up to date, and writes nothing

The names are spelled out in the file, so that editors and type checkers know them, although they
are imported only when they are used.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "packages/callboard/src/callboard/__init__.py"
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

HEAD = '''\
# SPDX-License-Identifier: MIT
"""Training callbacks for PyTorch, à la carte: every public name in one place.

``from callboard import Model, EarlyStopping`` imports what is asked for and nothing else.
"""

# Written by tools/flat.py; do not edit.

from importlib import import_module
from typing import TYPE_CHECKING

from callboard.__about__ import __version__

if TYPE_CHECKING:
'''

TAIL = '''
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

if not TYPE_CHECKING:  # a type checker would take it to have every name there is

    def __getattr__(name):
        """Import a public name where it lives."""
        if name not in _HOMES:
            raise AttributeError(f"module 'callboard' has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
'''


def public_names(module: str) -> list[str]:
    """Return the names in a package's ``__all__``, read from its source."""
    source = next(ROOT.glob(f"packages/*/src/{module.replace('.', '/')}/__init__.py")).read_text(
        "utf-8"
    )
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [name for name in ast.literal_eval(node.value) if name != "__version__"]
    raise SystemExit(f"{module} has no __all__")


def homes() -> dict[str, list[str]]:
    """Return each package's names; one that several have is the first one's."""
    taken: set[str] = set()
    found: dict[str, list[str]] = {}
    for module in MODULES:
        found[module] = [name for name in public_names(module) if name not in taken]
        taken.update(found[module])
    return found


def flat_source() -> str:
    """Return the meta-package's source, formatted."""
    names = homes()
    lines = [HEAD]
    for module in sorted(names):
        lines += [f"    from {module} import (", *(f"        {name}," for name in names[module])]
        lines.append("    )")
    lines += ["", "__all__ = ["]
    everything = [name for listed in names.values() for name in listed]
    lines += [f'    "{name}",' for name in [*everything, "__version__"]]
    lines += ["]", "", "_NAMES = {"]
    for module, listed in names.items():
        lines += [f'    "{module}": (', *(f'        "{name}",' for name in listed), "    ),"]
    lines += ["}", TAIL]
    source = "\n".join(lines)
    for arguments in (["check", "--fix-only", "--select", "I,RUF022"], ["format"]):
        source = subprocess.run(
            ["ruff", *arguments, "--quiet", "--stdin-filename", str(TARGET), "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout
    return source


def main() -> None:
    """Write the file, or tell whether it is up to date."""
    source = flat_source()
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(source, "utf-8")
    elif TARGET.read_text("utf-8") != source:
        raise SystemExit("the flat namespace of callboard is out of date: run tools/flat.py")


if __name__ == "__main__":
    main()
