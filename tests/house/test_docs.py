"""The pages: links lead somewhere, and what they tell people to type exists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.house.tree import ROOT, committed_files, named

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [path for path in committed_files() if path.suffix == ".md"]
FENCED = re.compile(r"^(```|~~~).*?^\1", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """The text of a page without its code blocks and code words, where a bracket is no link."""
    return re.sub(r"`[^`\n]*`", "`", FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """The fragments that a page's headings can be linked by: lower case, no punctuation, dashes for spaces."""
    headings = re.findall(r"^#+ +(.*?) *$", FENCED.sub("", page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path, link: str) -> str | None:
    """What is wrong with a link of a page; None when it leads somewhere inside the repository, or outside it."""
    if re.match(r"[a-z]+:", link):
        return None
    target, _, fragment = link.partition("#")
    file = (page.parent / target).resolve() if target else page
    if not file.is_relative_to(ROOT):
        return "leads out of the repository"
    if not file.exists():
        return "no such file"
    if fragment and file.suffix == ".md" and fragment not in anchors(file):
        return f"no such heading; there are: {', '.join(sorted(anchors(file)))}"
    return None


def test_links_lead_somewhere() -> None:
    found = [(named(page), link, broken(page, link)) for page in PAGES for link in LINK.findall(prose(page))]
    assert [item for item in found if item[2]] == []
    assert len(found) > 20, "the pages link each other; has the pattern gone blind?"


def test_every_page_of_docs_is_linked_from_another() -> None:
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in PAGES for link in LINK.findall(prose(page))}
    reachable = linked | {folder / "README.md" for folder in linked}
    pages = [page for page in PAGES if page.is_relative_to(ROOT / "docs")]
    # A folder that is linked as a whole (decisions, generated reference) holds pages in a series.
    series = {ROOT / "docs" / "decisions", ROOT / "docs" / "reference" / "criteria"}
    assert [named(page) for page in pages if page not in reachable and page.parent not in series & linked] == []


def test_make_targets_that_pages_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named_targets = {
        (named(page), target)
        for page in PAGES
        for target in re.findall(r"(?:`|^ {4,}|\$ )make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert [item for item in sorted(named_targets) if item[1] not in targets] == []
    assert ("README.md", "study") in named_targets
    assert ("README.md", "test") in named_targets
