# SPDX-License-Identifier: MIT
"""What is published is built once, looked at, and installed where nothing else is."""

from pathlib import Path

import pytest

from releasing.archives import Workshop, complaints, unlike_the_tree
from releasing.environments import Environment
from releasing.prepare import prepare
from releasing.verify import Verification, wrong_notes
from workspace import Member, members


@pytest.fixture
def core(tree) -> Member:
    return members(tree.root)["fake-core"]


@pytest.fixture
def workshop(tmp_path_factory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("archives"))


@pytest.fixture
def out(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("out")


def test_archives_are_built_once_and_sound(core, workshop, out):
    """The wheel that the sdist makes is the tree's, and neither has a flaw."""
    archives = workshop.archives(core)
    assert workshop.archives(core) is archives
    assert archives.wheel.name == "fake_core-1.0.0-py3-none-any.whl"
    assert unlike_the_tree(core, archives, out) == []
    assert complaints([archives]) == []


def test_an_sdist_that_lost_something_is_found_out(core, workshop, out):
    """A file that the wheel of the tree has and that of the sdist lacks is named."""
    project = core.path / "pyproject.toml"
    text = project.read_text("utf-8")
    kept = '["/src/fake_core/__*.py", "/tests", "/CHANGELOG.md"]'
    project.write_text(text.replace('["/src", "/tests", "/CHANGELOG.md"]', kept), encoding="utf-8")
    (core.source / "lost.py").write_text("", encoding="utf-8")
    found = unlike_the_tree(core, workshop.archives(core), out)
    assert "fake_core/lost.py" in found


def test_a_readme_that_no_index_would_show_is_refused(core, workshop):
    """Twine's complaints are passed on."""
    project = core.path / "pyproject.toml"
    text = project.read_text("utf-8").replace('readme = "README.md"', 'readme = "README.rst"')
    project.write_text(text, encoding="utf-8")
    (core.path / "README.rst").write_text("Title\n==\n\n.. gone::\n", encoding="utf-8")
    (found,) = complaints([workshop.archives(core)])
    assert "`long_description` has syntax errors" in found


def test_a_wheel_with_what_does_not_belong_is_refused(core, workshop):
    """The complaints of check-wheel-contents are passed on."""
    project = core.path / "pyproject.toml"
    text = project.read_text("utf-8").replace('"src/fake_core"]', '"src/fake_core", "tests"]')
    project.write_text(text, encoding="utf-8")
    (found,) = complaints([workshop.archives(core)])
    assert "W005" in found


def test_a_version_needs_its_notes(core):
    """The sources, the changelog and its fragments have to fit the version."""
    assert list(wrong_notes(core, "1.1.0")) == [
        "fake-core: the sources say 1.0.0, not 1.1.0",
        "fake-core: CHANGELOG.md has no `## 1.1.0`",
        "fake-core: changelog.d still holds 1.feature.md",
    ]
    prepare("fake-core", "1.1.0", core.path.parent.parent)
    assert list(wrong_notes(Member(core.path), "1.1.0")) == []


def test_a_wheel_is_tested_where_its_sources_are_not(tree, workshop, out, monkeypatch):
    """The tests of the sdist run against what is installed, beside what it asks for."""
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "1")
    tree.write(
        "packages/fake-lr/tests/test_home.py",
        "import fake_core, fake_lr\n\n\ndef test_home():\n"
        f"    for module in (fake_core, fake_lr):\n"
        f"        assert {str(out)!r} in module.__file__ and 'site-packages' in module.__file__\n",
    )
    member = members(tree.root)["fake-lr"]
    said = Verification(member, tree.root, out, workshop, tree.root).alone(tests=True)
    (line,) = said
    assert line.startswith("alone: 1 other packages; 2 passed")


def test_a_failing_test_stops_a_release(tree, core, workshop, out):
    """What a test says when it fails is in the message."""
    tree.write("packages/fake-core/src/fake_core/__init__.py", "def work(): return 2\n__all__ = []")
    environment = Environment(out / "environment")
    archives = workshop.archives(core)
    environment.install([str(archives.wheel)])
    with pytest.raises(RuntimeError, match=r"(?s)fake-core: its tests: failed.*assert 2 == 1"):
        environment.test(core, archives.sdist, ["-n", "0"])


def test_a_name_that_is_not_there_stops_a_release(tree, core, workshop, out):
    """Every public name is imported from what is installed."""
    tree.write(
        "packages/fake-core/src/fake_core/__init__.py",
        'from fake_core.__about__ import __version__\n\n__all__ = ["__version__", "gone"]\n',
    )
    environment = Environment(out / "environment")
    environment.install([str(workshop.archives(core).wheel)])
    with pytest.raises(RuntimeError, match=r"(?s)fake-core: import: failed.*'gone'"):
        environment.check(core)


def test_the_oldest_release_that_is_allowed_is_tried(tree, workshop, out):
    """A dependent that uses what only a newer core has is found out, when core was released."""
    tree.commit("fake-core-v0.9.0", "fake-core-v1.0.0")
    tree.write("packages/fake-core/src/fake_core/__about__.py", '__version__ = "1.1.0"\n')
    tree.write("packages/fake-core/src/fake_core/newer.py", "")
    tree.write("packages/fake-lr/src/fake_lr/use.py", "import fake_core.newer\n")
    source = tree.root / "packages/fake-lr/src/fake_lr/__init__.py"
    source.write_text("import fake_lr.use\n" + source.read_text("utf-8"), encoding="utf-8")
    verification = Verification(members(tree.root)["fake-lr"], tree.root, out, workshop, tree.root)
    assert list(verification.alone(tests=False)) == ["alone: 1 other packages; imported"]
    with pytest.raises(RuntimeError, match=r"No module named 'fake_core\.newer'"):
        list(verification.oldest(tests=False))


def test_what_is_oldest_is_said(tree, workshop, out):
    """The oldest release is named, and where there is none yet, that is told."""
    member = members(tree.root)["fake-lr"]
    verification = Verification(member, tree.root, out, workshop, tree.root)
    assert list(verification.oldest(tests=False)) == [
        "oldest of ours: no release within the bounds yet of fake-core"
    ]
    tree.commit("fake-core-v1.0.0")
    (line,) = verification.oldest(tests=False)
    assert line == "oldest of ours (fake-core 1.0.0): 1 other packages; imported"
