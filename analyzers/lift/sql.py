"""Pieces of SQL over a span `s`, its resource `r`, and an event `e`. Every text of a map is a literal here, never code."""

from __future__ import annotations


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def attribute(name: str, of: str = "s") -> str:
    """The value of an attribute, null when it is not there."""
    return f"{of}.attributes[{literal(name)}]"


def fits(expression: str, patterns: tuple[str, ...]) -> str:
    """Whether a text fits one of the patterns, which are those of file names: `*`, `?`, `[...]`. Null does not fit."""
    some = " or ".join(f"{expression} glob {literal(pattern)}" for pattern in patterns)
    return f"coalesce({some}, false)"


def all_of(conditions: list[str]) -> str:
    """Whether all hold; of none: true."""
    return " and ".join(f"({each})" for each in conditions) or "true"
