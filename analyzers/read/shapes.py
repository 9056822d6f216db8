"""What a value that came out of a JSON parser is, in words that type checkers understand."""

from __future__ import annotations

from typing import Any, Final, TypeGuard


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether it is a JSON array."""
    return isinstance(value, list)


def is_map(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether it is a JSON object."""
    return isinstance(value, dict)


def as_list(value: object) -> list[Any]:
    """A JSON array as it is, anything else as a list of one."""
    return value if is_list(value) else [value]


def items(value: Any) -> list[Any]:
    """What a member holds that should be a list: nothing of null, anything else that is no list as a list of one."""
    if value.__class__ is list:
        return value
    return [] if value is None else [value]


def shown(value: object, length: int = 60) -> str:
    """The beginning of a value, for a message."""
    try:
        return repr(value)[:length]
    except RecursionError:
        return "(nested too deeply)"


MALFORMED: Final = (TypeError, KeyError, ValueError, AttributeError, IndexError, OverflowError)
"""What code that expects one shape of JSON raises on another."""


def why(error: Exception) -> str:
    """What is wrong with a JSON value, in words for people, from one of MALFORMED."""
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    return str(error) if type(error) is ValueError else "a part of it is not of the kind that belongs there"
