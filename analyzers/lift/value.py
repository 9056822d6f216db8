"""`set`: what a rule says of a span, as attributes of our vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from . import checked, sql

if TYPE_CHECKING:
    from collections.abc import Callable

UNITS: Final = ("task", "scope", "stage", "pipeline", "subpipeline", "cleanup")
OUTCOMES: Final = ("completed", "failed", "timed_out", "cancelled", "skipped", "unfinished")
FACTORS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000}
"""Nanoseconds in a unit of time."""


@dataclass(frozen=True, slots=True)
class Said:
    """An attribute of ours and the SQL of its value; a null value leaves it out."""

    name: str
    sql: str


def _plain(name: str, *choices: str) -> Callable[[object, str], list[Said]]:
    """A word of the map's own, or what an attribute of the span says."""

    def parse(value: object, where: str) -> list[Said]:
        if isinstance(value, dict):
            given = checked.table(cast("object", value), where, ("attribute",))
            return [Said(name, sql.attribute(checked.text(given.get("attribute"), f"{where}.attribute")))]
        word = checked.one_of(value, where, choices) if choices else checked.text(value, where)
        return [Said(name, sql.literal(word))]

    return parse


def _flag(name: str) -> Callable[[object, str], list[Said]]:
    def parse(value: object, where: str) -> list[Said]:
        if not isinstance(value, bool):
            raise checked.MapError(f"{where} must be true or false, got {value!r}")
        return [Said(name, sql.literal("true"))] if value else []

    return parse


def _nanoseconds(value: object, where: str) -> str:
    """SQL of a time or duration that an attribute holds as a number, in nanoseconds."""
    given = checked.table(value, where, ("attribute", "unit"))
    factor = FACTORS[checked.one_of(given.get("unit"), f"{where}.unit", FACTORS)]
    number = sql.attribute(checked.text(given.get("attribute"), f"{where}.attribute"))
    # Exact as an integer where it is one; a fraction of a nanosecond is no time.
    return f"coalesce(try_cast({number} as BIGINT) * {factor}, try_cast(round(try_cast({number} as DOUBLE) * {factor}) as BIGINT))"


def _timeout(value: object, where: str) -> list[Said]:
    ns = _nanoseconds(value, where)
    return [Said("spanproof.timeout_ns", f"{ns}::VARCHAR"), Said("spanproof.deadline_ns", f"(s.start_ns + {ns})::VARCHAR")]


def _deadline(value: object, where: str) -> list[Said]:
    ns = _nanoseconds(value, where)
    return [Said("spanproof.deadline_ns", f"{ns}::VARCHAR"), Said("spanproof.timeout_ns", f"({ns} - s.start_ns)::VARCHAR")]


def _owner(value: object, where: str) -> list[Said]:
    checked.one_of(value, where, ("parent", "nobody"))
    return [Said("spanproof.creator_span_id", "s.parent_span_id")] if value == "parent" else []


SETTERS: Final[dict[str, Callable[[object, str], list[Said]]]] = {
    "unit": _plain("spanproof.unit", *UNITS),
    "outcome": _plain("spanproof.outcome", *OUTCOMES),
    "owner": _owner,
    "timeout": _timeout,
    "deadline": _deadline,
    "detached": _flag("spanproof.detached"),
    "stage": _plain("spanproof.stage"),
    "pipeline": _plain("spanproof.pipeline"),
    "attempt": _plain("spanproof.attempt"),
    "error_type": _plain("error.type"),
    "error_message": _plain("exception.message"),
}


def parse(value: object, where: str) -> list[Said]:
    """What `set` says, in the order of the map.

    Raises:
        MapError: it cannot be used.
    """
    given = checked.table(value, where, SETTERS)
    return [said for name, each in given.items() for said in SETTERS[name](each, f"{where}.{name}")]
