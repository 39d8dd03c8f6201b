# SPDX-License-Identifier: MIT
"""The tables of the README are those of the pages, and its links lead somewhere."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
PAGES = [page for page in PAGES if "_build" not in page.parts]
PACKAGES = sorted(ROOT.glob("packages/*/README.md"))
NO = "\N{EN DASH}"
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def tables() -> ModuleType:
    """The module that writes the tables, under a name that is nobody else's."""
    spec = spec_from_file_location("docs_tables", ROOT / "docs" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_shows_what_the_pages_have(tables: ModuleType) -> None:
    """After a change of a page: `python docs/tables.py`."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert tables.renewed(text) == text


def test_a_table_that_is_old_is_renewed(tables: ModuleType) -> None:
    """Its cells come from the page; what stands around it stays."""
    text = (ROOT / "README.md").read_text("utf-8")
    old = text.replace("| Notifications | ✓ |", f"| Notifications | {NO} |")
    assert old != text
    assert tables.renewed(old) == text


def test_packages_weigh_what_the_readme_says(tables: ModuleType) -> None:
    """Nearly: sizes change with each commit, and times with the machine's mood."""
    text = (ROOT / "README.md").read_text("utf-8")
    known = tables.weights()
    shown = {name: size for _, name, size, _ in tables.WEIGHED.findall(text)}
    assert shown.keys() == known.keys()
    for package, size in shown.items():
        now, then = (int(each.removesuffix(" kB")) for each in (known[package][0], size))
        assert abs(now - then) <= 0.25 * now, f"{package}: python docs/tables.py"
    old = re.sub(r"\d+ kB \| .* \|$", "1 kB | 2 ms |", text, flags=re.MULTILINE)
    assert old.count("1 kB | 2 ms |") == len(known)
    assert tables.WEIGHED.findall(tables.weighed(old)) == [
        (kept, name, *known[name]) for kept, name, *_ in tables.WEIGHED.findall(text)
    ]


def test_a_place_that_is_missing_is_an_error(tables: ModuleType) -> None:
    """A heading that was renamed does not leave a table behind for ever."""
    with pytest.raises(ValueError, match="no place for features"):
        tables.renewed("# callboard\n")
    with pytest.raises(ValueError, match="substring not found"):
        tables.rows("benchmarks.md", "## No such heading")


def test_every_sign_of_the_comparison_is_explained(tables: ModuleType) -> None:
    """Each row has a sign for everybody; each `◐` says what the part is, below the table."""
    head, _, *body = tables.rows("comparison.md", "## Features")
    page = (ROOT / "docs" / "comparison.md").read_text("utf-8")
    for feature, *signs in body:
        assert len(signs) == len(head) - 1, feature
        assert set(signs) <= {"✓", "◐", NO}, feature
        found = re.search(rf"^{re.escape(feature)}\n: (.*)$", page, re.MULTILINE)
        for who, sign in zip(head[1:], signs, strict=True):
            assert sign != "◐" or (found is not None and f"{who}: " in found[1]), (feature, who)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    """Beside the page that has them; the reference is made with the site."""
    for target in LINK.findall(page.read_text("utf-8")):
        path = target.partition("#")[0]
        if path and not path.startswith(("https://", "mailto:", "api/")):
            assert (page.parent / path).exists(), target


@pytest.mark.parametrize("page", PACKAGES, ids=name)
def test_the_readme_of_a_package_stands_alone(page: Path) -> None:
    """On an index there is nothing beside it: links and pictures are whole addresses."""
    text = page.read_text("utf-8")
    assert all(target.startswith("https://") for target in LINK.findall(text))
    assert all(target.startswith("https://") for target in re.findall(r"!\[.*?\]\((.*?)\)", text))
    assert text.startswith(f"# {project(page)}\n")
    assert "pip install" in text


def project(page: Path) -> str:
    """Return the name of a package."""
    [found] = re.findall(r'^name = "(.*)"$', page.with_name("pyproject.toml").read_text(), re.M)[:1]
    return found


@pytest.mark.parametrize("page", PACKAGES, ids=name)
def test_every_package_has_a_page(page: Path) -> None:
    """Made of its README, and in the table of contents."""
    site = ROOT / "docs" / "packages" / f"{project(page)}.md"
    assert f"../../{name(page)}" in site.read_text("utf-8")
    assert f"\npackages/{project(page)}\n" in (ROOT / "docs" / "index.md").read_text("utf-8")


def test_every_page_is_in_the_table_of_contents() -> None:
    """A page that nobody links to is not found."""
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.stem == "index" or f"\n{page.stem}\n" in index, page.name
