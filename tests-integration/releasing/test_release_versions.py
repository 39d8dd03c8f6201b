# SPDX-License-Identifier: MIT
"""Which versions are taken, and which change needs which."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from releasing.api import Change
from releasing.versions import LEVELS, bumped, needed, parsed, step, too_small

NUMBERS = st.integers(0, 99)
VERSIONS = st.builds("{}.{}.{}".format, st.integers(1, 99), NUMBERS, NUMBERS).map(Version)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("new", "PEP 440 does not know it"),
        ("1.1.0-final-cut", "PEP 440 does not know it"),
        ("1.1", "it has not three numbers"),
        ("1.1.0.dev3", "it has more parts than those"),
        ("1.1.0+cpu", "it has more parts than those"),
        ("1!1.1.0", "it has more parts than those"),
        ("v1.1.0", "that is written 1.1.0"),
        ("1.1.0-rc.1", "that is written 1.1.0rc1"),
    ],
)
def test_a_bad_version_is_refused(text, why):
    """What is not spelled as we spell versions is refused, with the right spelling if any."""
    message = f"{text!r} is not a version like 1.1.0 or 1.1.0rc1: {why}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parsed(text)


@given(VERSIONS, st.sampled_from(LEVELS))
def test_the_next_version_is_newer_by_what_was_asked(version, level):
    """A bump is newer, differs on the level that it was asked for, and is a good version."""
    following = bumped(version, level)
    assert following > version
    assert step(version, following) == level
    assert parsed(str(following)) == following


def test_after_a_candidate_comes_its_version():
    """Whatever changed since a release candidate, what follows it is the version itself."""
    assert {bumped(Version("1.1.0rc2"), level) for level in LEVELS} == {Version("1.1.0")}


ADDS, BREAKS = Change("a.f: is new", False), Change("a.g: is gone", True)


@pytest.mark.parametrize(
    ("changes", "level"),
    [([], "patch"), ([ADDS], "minor"), ([BREAKS], "major"), ([BREAKS, ADDS], "major")],
)
def test_the_worst_change_decides(changes, level):
    """A breakage needs a major version, an addition a minor one, anything else a patch."""
    old = Version("1.2.3")
    assert needed(changes) == level
    for taken in LEVELS:
        problem = too_small("a", old, bumped(old, taken), changes)
        assert (problem is None) == (LEVELS.index(taken) >= LEVELS.index(level))


def test_a_version_that_promises_too_little_is_told_which_would_do():
    """The message names the least version that would do."""
    assert too_small("callbacks-lr", Version("1.2.3"), Version("1.3.0"), [BREAKS]) == (
        "callbacks-lr: changes since 1.2.3 break what is public, which needs a major version, "
        "2.0.0 or newer, not 1.3.0"
    )
