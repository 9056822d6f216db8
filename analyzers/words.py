"""Numbers and names as people read them; one place, so that report, message and explanation never differ."""

from __future__ import annotations

from typing import Final

KINDS: Final = ("program", "pipeline", "stage", "subpipeline", "task", "cleanup", "timeout")
"""First words of span names; a scope is called `timeout <function>`."""


def duration(ns: float) -> str:
    """A time in the unit that suits it, three digits: `1.20 s`, `400 ms`, `12.5 µs`, `0 ms`."""
    size = abs(ns)
    if size == 0:
        return "0 ms"
    for factor, unit in ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")):
        # From 999.5 on three digits would read 1000: the next unit has it.
        if size >= factor * 0.9995:
            value = ns / factor
            digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
            text = f"{value:.{digits}f}"
            return f"{_short(text)} {unit}"
    return f"{ns:.0f} ns"


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(value: float | None, unit: str | None) -> str:
    """A measured value with its unit; `none` when there is no value."""
    if value is None:
        return "none"
    if unit == "ns":
        return duration(value)
    text = str(int(value)) if float(value).is_integer() else f"{value:g}"
    return f"{text} {unit}" if unit else text


def unit_name(name: str) -> str:
    """A span name with its own part in quotes: `stage fetch` becomes `stage 'fetch'`."""
    kind, _, rest = name.partition(" ")
    return f"{kind} '{rest}'" if rest and kind in KINDS else f"'{name}'"


def subject_name(unit: str, thing: str | None) -> str:
    """A unit, or a thing of a unit, as a message names it: `task 'fetch'`, `'connection' of task 'fetch'`."""
    return unit_name(unit) if thing is None else f"'{thing}' of {unit_name(unit)}"


def plural(count: int, word: str) -> str:
    """`1 trace`, `2 traces`."""
    return f"{count:,} {word if count == 1 else word + 's'}"
