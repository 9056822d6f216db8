"""Exceptions as text: names and messages that go into a trace."""

from __future__ import annotations

from typing import Final

TEXT_LIMIT: Final = 1_000
"""Characters that are kept of an exception's text."""


def type_name(error: BaseException) -> str:
    """The exception's class as `module.QualifiedName`, without `builtins.`."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def safe_text(error: BaseException) -> str:
    """The exception's text, cut; a `__str__` that raises must not become our fault."""
    try:
        return str(error)[:TEXT_LIMIT]
    except Exception:  # noqa: BLE001 - any user's __str__ may raise anything
        return "<its __str__ raised>"
