# SPDX-License-Identifier: MIT
"""A change runs the tests of what it touches, as git tells, and of all that depend on that."""

import json
import sys

import pytest

import affected
from workspace import members


@pytest.fixture
def changed(tree, monkeypatch, capsys):
    """Tells what a change since the commit `main` affects, as the command prints it."""
    monkeypatch.setattr(affected, "ROOT", tree.root)
    monkeypatch.setattr(affected, "members", lambda: members(tree.root))
    tree.add("fake-extra", "", [])
    project = tree.root / "packages/fake-extra/pyproject.toml"
    extras = '[project.optional-dependencies]\nfast = ["fake-lr~=1.0"]\n'
    project.write_text(project.read_text("utf-8") + extras, encoding="utf-8")
    tree.commit()
    tree.git("checkout", "--quiet", "-b", "change")

    def tell(base: str = "main") -> list[str]:
        monkeypatch.setattr(sys, "argv", ["affected.py", base])
        affected.main()
        return json.loads(capsys.readouterr().out)

    return tell


def test_no_change_affects_nothing(changed):
    """A branch that is its base has nothing to test."""
    assert changed() == []


def test_core_affects_all_that_need_it(changed, tree):
    """Whoever depends on it is affected, through an extra and through another too."""
    tree.write("packages/fake-core/src/fake_core/more.py", "")
    tree.commit()
    assert changed() == ["fake-core", "fake-extra", "fake-lr"]


def test_a_leaf_does_not_affect_what_it_needs(changed, tree):
    """Arrows point one way; who offers it as an extra is affected."""
    tree.write("packages/fake-lr/tests/test_more.py", "")
    tree.commit()
    assert changed() == ["fake-extra", "fake-lr"]


def test_a_file_that_moves_affects_both_ends(changed, tree):
    """Where it was is affected as is where it went, although git would call it a rename."""
    tree.write("packages/fake-extra/src/fake_extra/thing.py", "x = 1\n" * 40)
    tree.commit()
    tree.git("branch", "--force", "main")
    tree.git("mv", "packages/fake-extra/src/fake_extra/thing.py", "packages/fake-lr/src/thing.py")
    tree.commit()
    assert changed() == ["fake-extra", "fake-lr"]


def test_what_the_base_did_meanwhile_is_not_this_change(changed, tree):
    """It is compared with where the branch began, not with where its base is now."""
    tree.git("checkout", "--quiet", "main")
    tree.write("packages/fake-core/src/fake_core/more.py", "")
    tree.commit()
    tree.git("checkout", "--quiet", "change")
    tree.write("packages/fake-extra/README.md", "# more\n")
    tree.commit()
    assert changed() == ["fake-extra"]


def test_a_deleted_shared_file_affects_everything(changed, tree):
    """So does what is not committed yet."""
    tree.write("tools/more.py", "")
    tree.commit()
    tree.git("branch", "--force", "main")
    (tree.root / "tools/more.py").unlink()
    assert changed() == ["fake-core", "fake-extra", "fake-lr"]


@pytest.mark.parametrize("base", ["", "0" * 40, "no-such-branch"])
def test_without_a_known_base_everything_is_tested(changed, base):
    """A branch's first push, and a run by the clock, have nothing to compare with."""
    assert changed(base) == ["fake-core", "fake-extra", "fake-lr"]
