"""Moments, numbers and sizes as people read them; lengths of time are the business of `analyzers.words`."""

from __future__ import annotations

from datetime import UTC, datetime


def since(ns: int, start_ns: int) -> str:
    """A moment as the time since another, in ms, so that the moments of one trace line up."""
    return f"{(ns - start_ns) / 1_000_000:,.1f} ms"


def clock_time(ns: int) -> str:
    """A moment as UTC, to the millisecond."""
    moment = datetime.fromtimestamp(ns / 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


def count(number: int, singular: str, plural: str | None = None) -> str:
    """`1 trace`, `2,000 traces`, `no traces`."""
    word = singular if number == 1 else plural or f"{singular}s"
    return f"{number:,} {word}" if number else f"no {word}"


def size(number: int) -> str:
    """Bytes, in the largest unit that leaves at least one whole."""
    units = ("bytes", "KiB", "MiB", "GiB", "TiB")
    step = min(max(number.bit_length() - 1, 0) // 10, len(units) - 1)
    return f"{number:,} bytes" if step == 0 else f"{number / 1024**step:,.1f} {units[step]}"
