"""A unit's facts as values that OpenTelemetry takes: what `encode` writes into the file, as Python values.

The same limits and the same stand-ins as there, so that what goes to an endpoint is what the file holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from .encode import RESOURCE_TEXT_LIMIT, TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..records import Unit

Plain: TypeAlias = "str | bool | int | float | list[Plain]"
PlainEvent: TypeAlias = "tuple[str, int, dict[str, Plain]]"
"""(name, time_ns, attributes)"""

_NESTING = 4
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_SMALL = 2**63


def plain_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """The text without lone surrogates, cut at `limit` characters."""
    if type(text) is not str:
        text = str.__str__(text)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def plain_value(value: object, limit: int = TEXT_LIMIT, depth: int = 0) -> Plain:
    """The value as OTLP can hold it. No code of the program runs: of a foreign type only its name is kept."""
    if isinstance(value, str):
        return plain_text(value, limit)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if _INT64_MIN <= value <= _INT64_MAX else _digits(value)
    if isinstance(value, float):
        text = float.__repr__(value)
        # As "NaN" in a double they break Jaeger's searches.
        return float(text) if text[-1].isdigit() else text
    if depth < _NESTING and isinstance(value, (list, tuple)):
        # A copy: the program's thread may append meanwhile.
        return [plain_value(item, limit, depth + 1) for item in tuple(cast("list[object]", value))]
    return plain_text(f"<{type(value).__name__}>")


def _digits(value: int) -> str:
    try:
        return int.__repr__(value)
    except ValueError:  # more digits than Python turns into text
        return hex(value)


def plain_attributes(attributes: Mapping[str, object], limit: int = TEXT_LIMIT) -> dict[str, Plain]:
    """All of them as OTLP can hold them."""
    found: dict[str, Plain] = {}
    # A copy, made in one go: the unit may be open, and what grows under an iteration ends it.
    for key, value in dict(attributes).items():
        # What most of them are is told without a call: with an application's TracerProvider this runs in its own threads.
        as_it_is = (type(value) is str and len(value) <= limit and value.isascii()) or (type(value) is int and -_SMALL < value < _SMALL)
        found[key if key.isascii() else plain_text(key)] = cast("Plain", value) if as_it_is else plain_value(value, limit)
    return found


def plain_resource(attributes: Mapping[str, object]) -> dict[str, Plain]:
    """The same for a resource, whose texts may be long: expectations travel there."""
    return plain_attributes(attributes, RESOURCE_TEXT_LIMIT)


def facts_of(unit: Unit) -> tuple[dict[str, Plain], list[PlainEvent]]:
    """Attributes and events of a unit, in order. It may be open and change meanwhile; what changes then may be in or not."""
    events = [(plain_text(name), time_ns, plain_attributes(attrs)) for name, time_ns, _seq, attrs in unit.all_events()]
    return plain_attributes(unit.attributes()), events
