"""Attributes of the tables as the values that they were: text, whole number, number, truth, bytes, list, map, or nothing."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson

from ..read.texts import BOOLEAN, BYTES, DOUBLE, INTEGER, NESTED, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value: TypeAlias = "str | bool | int | float | bytes | list[Value] | dict[str, Value] | None"

LONGEST_NUMBER: Final = 64
"""Digits of a whole number that is taken as one: more are nobody's number, and turning them into one takes long."""


def _integer(text: str) -> Value:
    return int(text) if len(text) <= LONGEST_NUMBER else text


def _bytes(text: str) -> Value:
    return base64.b64decode(text, validate=True)


_AS: Final[Mapping[str, Callable[[str], Value]]] = {
    INTEGER: _integer,
    DOUBLE: float,
    BOOLEAN: lambda text: text == "true",
    BYTES: _bytes,
    NESTED: orjson.loads,
}


def values(attributes: Mapping[str, str | None] | None, kinds: str | None) -> dict[str, Value]:
    """The attributes with their values. What does not read as its kind stays the text that it is.

    Args:
        attributes: a map of the tables.
        kinds: its column `kinds`; of what it does not reach, all is text.
    """
    if not attributes:
        return {}
    if not kinds or len(kinds) > len(attributes):
        return dict(attributes)
    return {
        key: text if letter == TEXT or text is None else _value(text, letter)
        for (key, text), letter in zip(attributes.items(), kinds.ljust(len(attributes), TEXT), strict=True)
    }


def _value(text: str, letter: str) -> Value:
    try:
        return _AS[letter](text)
    except (ValueError, KeyError, binascii.Error):
        return text


def text_of(value: Value) -> str:
    """A value as text, as the tables have it; nothing is an empty text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, int | float):
        return str(value)
    return orjson.dumps(value).decode()
