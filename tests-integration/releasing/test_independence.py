# SPDX-License-Identifier: MIT
"""What is said of the independence of distributions is what their sources say."""

import re

import pytest
from packaging.requirements import Requirement

import independence
import weights
from workspace import ROOT, Member, asked_of_others, find, members, names

PACKAGES = members(ROOT)
PAGE = independence.refreshed(independence.TARGET.read_text("utf-8"), PACKAGES)


def test_a_page_is_brought_up_to_date_without_measuring():
    """What the sources tell is rewritten; what was measured stays, and so does what is true."""
    wrong = re.sub(r"(`callbacks-lr` \| )[^|]* ", r"\1`numpy` ", PAGE).replace(" kB", "00 kB")
    page = independence.refreshed(wrong, PACKAGES)
    assert list(independence.outdated(page, PACKAGES)) == []
    assert re.findall("[0-9.]+ M?[Bs]", page) == re.findall("[0-9.]+ M?[Bs]", PAGE)
    assert independence.refreshed(page, PACKAGES) == page


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        (r"\| `callbacks-notify` .*\n", "", "the table has "),
        (r"(`callbacks-lr` \| )[^|]* ", r"\1`torch` ", "callbacks-lr needs `callbacks-core`, `t"),
        (r"(?m)(^\| `callbacks-core` .* )\d+ \|", r"\1 7 |", "public names, not 7"),
        (r"(`callbacks-core` \| nothing \| 1 \| )\d+ kB", r"\1 9 kB", "kB, not 9 kB"),
    ],
)
def test_what_is_no_longer_so_is_told(pattern, replacement, message):
    """A dependency, a public name or a fifth of the size more or less is found."""
    page, count = re.subn(pattern, replacement, PAGE)
    assert count == 1
    (found,) = independence.outdated(page, PACKAGES)
    assert message in found


def test_a_size_may_differ_by_a_fifth():
    """A module more does not make the page wrong."""
    size = weights.own_size(PACKAGES["callbacks-core"])
    for factor, found in ((0.85, 0), (1.15, 0), (0.75, 1), (1.25, 1)):
        text = rf"\g<1>{factor * size / 1000:.0f} kB"
        page = re.sub(r"(`callbacks-core` \| nothing \| 1 \| )\d+ kB", text, PAGE)
        assert len(list(independence.outdated(page, PACKAGES))) == found


def test_only_the_measured_part_is_rewritten(monkeypatch):
    """The words around the table are a person's, and stay."""
    monkeypatch.setattr(independence, "report", lambda: "measured\n")
    page = independence.rewritten(PAGE)
    before, _, after = page.partition("measured\n")
    assert PAGE.startswith(before)
    assert PAGE.endswith(after)
    assert after.startswith(independence.END)
    with pytest.raises(ValueError, match="should have"):
        independence.rewritten(PAGE.replace(independence.END, ""))


def test_size_counts_sources_and_not_what_runs_leave(tmp_path):
    """Compiled Python and the caches of tools are not installed."""
    source = tmp_path / "src" / "fake"
    for file, text in {
        "__init__.py": "12345",
        "py.typed": "",
        "inner/data.html": "123",
        "__pycache__/x.pyc": "1234567",
        ".mypy_cache/3.11/cache.db": "1234567",
    }.items():
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        (source / file).write_text(text, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "fake"\n', encoding="utf-8")
    assert weights.own_size(Member(tmp_path)) == 8


def brought(*requirements, stop=None):
    return weights.brought(map(Requirement, requirements), PACKAGES, stop)


def test_what_is_brought_is_followed_to_its_end():
    """Dependencies of dependencies count, extras where they are asked for, markers where true."""
    assert brought("pytest") >= {"pytest", "pluggy", "iniconfig"}
    assert "colorama" not in brought("pytest") | brought("pytest; python_version < '3'")
    assert brought("pytest; python_version < '3'") == set()
    assert "apprise" not in brought("callbacks-notify")
    assert brought("callbacks-notify") == {"callbacks-notify", "callbacks-core"}


def test_what_only_torch_brings_is_left_out_with_it():
    """What something else brings as well still counts."""
    assert brought("callbacks-lr", stop="torch") == {"callbacks-lr", "callbacks-core"}
    assert "numpy" in brought("callbacks-trainer", stop="torch")
    assert "sympy" in brought("torch")


def test_the_meta_package_brings_every_distribution():
    """Who installs callboard has all of them."""
    assert PACKAGES.keys() <= brought("callboard")


def test_no_leaf_brings_another():
    """Whatever is installed alone comes with core, and with none of its siblings."""
    for name in PACKAGES.keys() - {"callboard"}:
        assert brought(name) & PACKAGES.keys() <= {name, "callbacks-core"}


def test_extras_are_followed_through_our_own_distributions():
    """What `all` of the meta-package asks of others is what all extras of all of them ask."""
    everything = {
        name
        for member in PACKAGES.values()
        for name in names(member.requirements)
        if name not in PACKAGES
    }
    assert names(asked_of_others(PACKAGES["callboard"], "all", PACKAGES)) == everything
    assert names(asked_of_others(PACKAGES["callbacks-lr"], "", PACKAGES)) == {"torch"}
    assert asked_of_others(PACKAGES["callbacks-core"], "all", PACKAGES) == []


def test_a_distribution_is_found_by_its_folder_too():
    """CI knows folders, people know names."""
    assert find("trainer", PACKAGES) is find("callbacks-trainer", PACKAGES)
    with pytest.raises(ValueError, match="did you mean 'callbacks-trainer'"):
        find("callbacks-trainr", PACKAGES)


def test_import_time_is_beyond_what_was_imported_before():
    """A module that is there already takes next to nothing; what it imports is known."""
    assert weights.import_time("json", after="json", times=1) < 5
    assert weights.imports("json", "json.decoder")
    assert not weights.imports("json", "torch")
