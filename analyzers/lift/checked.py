"""Reads parts of a TOML file with errors that name the place, the value and what was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ..errors import AnalyzerError

if TYPE_CHECKING:
    from collections.abc import Iterable


class MapError(AnalyzerError):
    """A map that cannot be used. The message names the file, the rule, the value and what was expected."""


Table = dict[str, object]


def table(value: object, where: str, allowed: Iterable[str] | None = None) -> Table:
    """A table with no other keys than the allowed ones; None: any.

    Raises:
        MapError: it is none, or has others.
    """
    if not isinstance(value, dict):
        raise MapError(f"{where} must be a table, got {value!r}")
    found = cast("Table", value)
    if allowed is not None:
        names = tuple(allowed)
        for key in found:
            if key not in names:
                raise MapError(f"{where} has the unknown key {key!r}. Known: {', '.join(names)}")
    return found


def tables(value: object, where: str) -> list[object]:
    """A list; each of its values is looked at by the caller.

    Raises:
        MapError: it is none.
    """
    if not isinstance(value, list):
        raise MapError(f"{where} must be a list of tables ([[{where.rsplit(' ', 1)[-1]}]]), got {value!r}")
    return cast("list[object]", value)


def text(value: object, where: str) -> str:
    """A text that is not empty.

    Raises:
        MapError: it is none.
    """
    if not isinstance(value, str) or not value.strip():
        raise MapError(f"{where} must be a text, got {value!r}")
    return value


def one_of(value: object, where: str, choices: Iterable[str]) -> str:
    """One of some words.

    Raises:
        MapError: it is none of them.
    """
    words = tuple(choices)
    if value not in words:
        raise MapError(f"{where} must be one of {', '.join(words)}; got {value!r}")
    return str(value)


def texts(value: object, where: str) -> tuple[str, ...]:
    """One text or several. Numbers and truth values are taken as they are written in attributes.

    Raises:
        MapError: something else is there, or nothing.
    """
    many = cast("list[object]", value) if isinstance(value, list) else [value]
    if not many:
        raise MapError(f"{where} must be a text or a list of texts, got []")
    found: list[str] = []
    for each in many:
        if isinstance(each, bool):
            found.append("true" if each else "false")
        elif isinstance(each, str | int):
            found.append(str(each))
        else:
            raise MapError(f"{where} must be a text or a list of texts, got {each!r}")
    return tuple(found)
