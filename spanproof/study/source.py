"""Finds the lines of the library's source that explain a finding.

A line number in a report must belong to the version that ran. So the statement is looked for, in the installed source, every time;
a version in which it is not there says so.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Final

from .model import Place, Statement

PACKAGE: Final = "stageflow"
DISTRIBUTION: Final = "stageflow-core"


def locate(statement: Statement) -> Place:
    """Where a statement stands in the installed library. Nothing of it is imported: the file is read."""
    return Place(statement, f"{PACKAGE}/{statement.module}", _line(statement), library())


def library() -> str:
    """Name and version of the library that is studied."""
    try:
        return f"{DISTRIBUTION} {importlib.metadata.version(DISTRIBUTION)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{DISTRIBUTION} (not installed)"


def _line(statement: Statement) -> int | None:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / statement.module
    if not path.is_file():
        return None
    source = path.read_text(encoding="utf-8")
    span = _function(ast.parse(source).body, statement.function.split("."))
    if span is None:
        return None
    lines = source.splitlines()
    below = not statement.after
    for number in range(span[0], span[1] + 1):
        text = lines[number - 1].strip()
        if below and text.startswith(statement.text):
            return number
        below = below or text.startswith(statement.after)
    return None


def _function(body: list[ast.stmt], names: list[str]) -> tuple[int, int] | None:
    """First and last line of a function, by its qualified name (classes and module level only)."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == names[0]:
            if len(names) > 1:
                return _function(node.body, names[1:])
            return node.lineno, node.end_lineno or node.lineno
    return None
