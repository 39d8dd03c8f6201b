# SPDX-License-Identifier: MIT
"""What is public is compared with what was, as those who use it would feel it."""

import shutil

import pytest

from releasing.api import changes, imported_by_others
from releasing.archives import Workshop
from releasing.verify import Verification
from workspace import ROOT, members

BEFORE = '''\
from fake_core._inside import helper
from fake_core.parts import Part

__all__ = ["Part", "work"]


def work(speed: int = 1) -> int:
    """Work."""
    return helper()
'''
PARTS = '''\
class Part:
    """A part."""

    def __init__(self, size: int) -> None:
        self.size = size

    def turn(self) -> None:
        """Turn."""

    def _hum(self) -> None: ...
'''


@pytest.fixture
def compared(tree, tmp_path_factory):
    """Tells the changes that replacing a text in a file of fake-core makes."""
    tree.write("packages/fake-core/src/fake_core/__init__.py", BEFORE)
    tree.write("packages/fake-core/src/fake_core/parts.py", PARTS)
    tree.write("packages/fake-core/src/fake_core/_inside.py", "def helper(): return 1\n")
    tree.write("packages/fake-core/src/fake_core/shared.py", "def share(): ...\n")
    tree.write("packages/fake-core/src/fake_core/own.py", "def own(): ...\n")
    tree.write("packages/fake-lr/src/fake_lr/use.py", "from fake_core.shared import share\n")
    old = tmp_path_factory.mktemp("old") / "tree"
    shutil.copytree(tree.root, old)

    def compare(file: str, text: str, replacement: str) -> list[tuple[str, bool]]:
        path = tree.root / "packages/fake-core/src/fake_core" / file
        before = path.read_text("utf-8")
        assert text in before
        path.write_text(before.replace(text, replacement), encoding="utf-8")
        return list(changes(members(tree.root)["fake-core"], old, tree.root))

    return compare


@pytest.mark.parametrize(
    ("file", "text", "replacement", "said"),
    [
        ("__init__.py", 'Part", "work"', 'Part"', "work: Public object was removed"),
        ("__init__.py", "speed: int", "pace: int", "work(speed): Parameter was removed"),
        ("__init__.py", "speed: int = 1", "speed: int", "Parameter is now required"),
        ("parts.py", "def turn", "def rotate", "Part.turn: Public object was removed"),
        ("parts.py", "size: int", "size: int, name: str", "Parameter was added as required"),
        ("shared.py", "share", "divide", "share: Public object was removed"),
    ],
)
def test_what_users_would_miss_breaks(compared, file, text, replacement, said):
    """A name, a method or an argument that goes or is asked for anew is a breakage."""
    assert any(said in change.text for change in compared(file, text, replacement) if change.breaks)


@pytest.mark.parametrize(
    ("file", "text", "replacement", "said"),
    [
        ("__init__.py", 'Part"', 'Part", "helper"', "fake_core.helper: is new"),
        ("parts.py", "def turn", "def go(self): ...\n    def turn", "Part.go: is new"),
        ("parts.py", "size: int", "size: int = 0, *, name: str = ''", "has a new parameter"),
    ],
)
def test_what_users_could_newly_use_is_an_addition(compared, file, text, replacement, said):
    """A name, a method or an optional argument more breaks nothing and is told."""
    found = compared(file, text, replacement)
    assert [change.breaks for change in found] == [False]
    assert said in found[0].text


@pytest.mark.parametrize(
    ("file", "text", "replacement"),
    [
        ("_inside.py", "helper", "helper_of_old"),
        ("parts.py", "_hum", "_whirr"),
        ("own.py", "own", "mine"),
        ("__about__.py", "1.0.0", "1.0.1"),
        ("__init__.py", '"""Work."""', '"""Work hard."""'),
    ],
)
def test_what_is_not_public_may_change(compared, file, text, replacement):
    """What no `__all__` lists and no other distribution imports is free to change."""
    assert compared(file, text, replacement) == []


def test_our_own_distributions_read_the_same_as_themselves():
    """No false alarm: a package does not differ from itself."""
    packages = members(ROOT)
    assert changes(packages["callbacks-core"], ROOT, ROOT) == []


def test_modules_that_others_import_are_found():
    """Core's modules that leaves reach into count as public."""
    core = members(ROOT)["callbacks-core"]
    assert "callbacks_core.secrets" in imported_by_others(core, ROOT)
    assert "callbacks_core.hooks" not in imported_by_others(core, ROOT)


def test_a_version_is_held_to_the_change(tree, tmp_path_factory):
    """A minor version with a breakage is refused, once the changes are listed."""
    tree.commit("fake-core-v1.0.0")
    source = "packages/fake-core/src/fake_core"
    tree.write(f"{source}/__init__.py", "__all__ = []\n")
    tree.write(f"{source}/__about__.py", '__version__ = "1.1.0"\n')
    folder = tmp_path_factory.mktemp("out")
    member = members(tree.root)["fake-core"]
    said = Verification(member, tree.root, folder, Workshop(folder), tree.root).api()
    assert next(said) == "what is public: changes since 1.0.0: 1"
    assert next(said) == "  breaks work: Public object was removed"
    with pytest.raises(ValueError, match=r"needs a major version, 2\.0\.0 or newer, not 1\.1\.0"):
        next(said)
