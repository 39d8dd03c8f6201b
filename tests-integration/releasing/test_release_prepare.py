# SPDX-License-Identifier: MIT
"""A release is prepared whole or not at all."""

import re
import subprocess
import sys

import pytest
from packaging.version import Version

from releasing.prepare import follow, outgrown, prepare
from releasing.tags import export, last_before, releases
from workspace import ROOT, members


def test_version_and_changelog_are_written_and_nothing_else(tree):
    """The sources say the version, the fragments became notes, and no other file changed."""
    prepare("fake-core", "1.1.0", tree.root)
    assert members(tree.root)["fake-core"].version == "1.1.0"
    notes = (tree.root / "packages/fake-core/CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^## 1\.1\.0 - \d{4}-\d\d-\d\d\n\n### Features\n\n- It is new\.", notes, re.M)
    changed = {line[3:] for line in tree.git("status", "--porcelain").splitlines()}
    assert changed == {
        "packages/fake-core/CHANGELOG.md",
        "packages/fake-core/changelog.d/1.feature.md",
        "packages/fake-core/src/fake_core/__about__.py",
    }


def test_what_was_never_released_can_be_released_as_it_stands(tree):
    """The first release may have the version that the sources say, and only the first."""
    prepare("fake-core", "1.0.0", tree.root)
    assert "## 1.0.0" in (tree.root / "packages/fake-core/CHANGELOG.md").read_text("utf-8")
    tree.commit("fake-core-v1.0.0")
    with pytest.raises(ValueError, match=r"1\.0\.0 is not newer than 1\.0\.0, the last release"):
        prepare("fake-core", "1.0.0", tree.root)


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("fake-cor", "1.1.0", "no distribution is called 'fake-cor'; did you mean 'fake-core'?"),
        ("zebra", "1.1.0", "no distribution is called 'zebra'; there are fake-core, fake-lr"),
        ("fake-core", "0.9.0", "fake-core: 0.9.0 is not newer than 1.0.0 of the sources"),
        ("fake-core", "1.1", "'1.1' is not a version like 1.1.0 or 1.1.0rc1"),
    ],
)
def test_a_refused_release_touches_nothing(tree, name, version, message):
    """A name or version that will not do is told, before anything is written."""
    with pytest.raises(ValueError, match=re.escape(message)):
        prepare(name, version, tree.root)
    assert tree.git("status", "--porcelain") == ""


def test_changes_that_are_not_committed_are_not_mixed_in(tree):
    """What is not committed is named; that of other distributions is no matter."""
    tree.write("packages/fake-lr/README.md", "# changed\n")
    tree.write("packages/fake-core/src/fake_core/more.py", "")
    with pytest.raises(ValueError, match=r"fake-core: commit these first: .*fake_core/more\.py$"):
        prepare("fake-core", "1.1.0", tree.root)
    tree.git("clean", "--quiet", "--force")
    prepare("fake-core", "1.1.0", tree.root)


@pytest.mark.parametrize("broken", ['template = "gone.md"\n', 'filename = "src"\n'])
def test_a_failure_leaves_all_as_it_was(tree, broken):
    """Whatever towncrier fails at, git finds nothing changed."""
    project = tree.root / "packages/fake-core/pyproject.toml"
    text = project.read_text("utf-8").replace('filename = "CHANGELOG.md"\n', "")
    project.write_text(text + broken, encoding="utf-8")
    tree.commit()
    with pytest.raises(RuntimeError, match="fake-core: towncrier build"):
        prepare("fake-core", "1.1.0", tree.root)
    assert tree.git("status", "--porcelain") == ""
    assert members(tree.root)["fake-core"].version == "1.0.0"


def test_bounds_that_a_version_outgrows_are_named_and_can_follow(tree):
    """A minor version breaks no bound; a major one tells what the bounds must become."""
    packages = members(tree.root)
    core = packages["fake-core"]
    assert list(outgrown(core, Version("1.9.0"), packages)) == []
    ((who, old, new),) = outgrown(core, Version("2.0.0"), packages)
    assert (who.name, str(old), str(new)) == ("fake-lr", "fake-core~=1.0", "fake-core~=2.0")
    follow(core, Version("2.0.0"), packages)
    assert list(outgrown(core, Version("2.0.0"), members(tree.root))) == []


def test_extras_stay_when_a_bound_follows():
    """The whole requirement is named as it must be written."""
    packages = members(ROOT)
    found = outgrown(packages["callbacks-logging"], Version("2.0.0"), packages)
    assert "callbacks-logging[plot]~=2.0" in {str(new) for _, _, new in found}


def test_releases_are_what_tags_say(tree):
    """Versions are sorted as such; tags of others, or of something else, are none."""
    tree.commit("fake-core-v1.9.0", "fake-core-v1.10.0", "fake-core-vnext", "fake-core-lr-v3.0.0")
    assert releases("fake-core", tree.root) == [Version("1.9.0"), Version("1.10.0")]
    assert last_before("fake-core", Version("1.10.0"), tree.root) == Version("1.9.0")
    assert last_before("fake-core", Version("1.9.0"), tree.root) is None


def test_a_release_can_be_had_again(tree, tmp_path_factory):
    """The tree of a tag is written out, whatever became of it since."""
    tree.commit("fake-core-v1.0.0")
    prepare("fake-core", "1.1.0", tree.root)
    tree.commit()
    folder = tmp_path_factory.mktemp("old")
    old = members(export("fake-core", Version("1.0.0"), folder, tree.root))
    assert old["fake-core"].version == "1.0.0"


def test_the_command_says_what_is_wrong_in_a_line():
    """A mistake on the command line is told without a traceback."""
    command = [
        sys.executable,
        str(ROOT / "tools" / "release.py"),
        "prepare",
        "callback-lr",
        "9.0.0",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "no distribution is called 'callback-lr'; did you mean 'callbacks-lr'?\n"
