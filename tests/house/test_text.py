"""What no committed file may contain, and how long it may be."""

from __future__ import annotations

import ast
import re
import statistics
from typing import TYPE_CHECKING

import pytest

from tests.house.tree import committed_files, named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Written in pieces, so that this file does not find itself.
FORBIDDEN = {
    "a path of somebody's machine": r"(?<![\w~.-])/(?:ro" r"ot|wo" r"rk|fa" r"rm|Us" r"ers/\w+|ho" r"me/\w+)/",
    "the address of a package registry": r"py" r"pi\.org|python" r"hosted|index-" r"url\s*=|registry\.np" r"mjs|arti" r"factory",
    "deferred work": r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b",
}

LONGEST = {".py": 450, ".sql": 450}
"""Lines. The aim is a median of 120 and nine of ten below 350; whoever comes near should look for the second job in the file."""

LONG_LISTS = {"instrument/vocabulary.py"}
"""One list that has to stand in one place, whatever its length: it has no second job."""


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a text file; nothing for other files."""
    try:
        yield from enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    except UnicodeDecodeError:
        return


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_file_contains(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [f"{named(p)}:{n}: {line.strip()[:120]}" for p in committed_files() for n, line in lines_of(p) if pattern.search(line)]
    assert found == []


def test_the_patterns_find_what_they_should() -> None:
    assert re.search(FORBIDDEN["a path of somebody's machine"], "open('/ho" + "me/ann/x')")
    assert not re.search(FORBIDDEN["a path of somebody's machine"], "a/ho" + "me/page, /usr/lib, ~/wo" + "rk/x")
    assert re.search(FORBIDDEN["the address of a package registry"], "--index-" + "url = x")
    assert re.search(FORBIDDEN["deferred work"], "# TO" + "DO: later")


def test_files_are_short() -> None:
    lengths = {p: len(list(lines_of(p))) for p in committed_files() if p.suffix in LONGEST and named(p) not in LONG_LISTS}
    too_long = [f"{named(p)}: {n} lines, at most {LONGEST[p.suffix]}" for p, n in lengths.items() if n > LONGEST[p.suffix]]
    assert too_long == []
    modules = sorted(n for p, n in lengths.items() if p.suffix == ".py" and n)
    longest = ", ".join(f"{named(p)} {n}" for p, n in sorted(lengths.items(), key=lambda item: -item[1])[:10])
    assert modules[len(modules) * 9 // 10] < 350, f"the longest: {longest}"
    assert statistics.median(modules) <= 160, f"the longest: {longest}"


def test_functions_are_short() -> None:
    lengths = {
        f"{named(path)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in committed_files()
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    ordered = sorted(lengths.values())
    longest = ", ".join(f"{name} {n}" for name, n in sorted(lengths.items(), key=lambda item: -item[1])[:10])
    assert ordered[len(ordered) * 9 // 10] < 35, f"the longest: {longest}"
