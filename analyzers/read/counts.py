"""Whole numbers that come in any shape."""

from __future__ import annotations

from typing import Any


def count(given: Any) -> int:
    """A whole number that fits a BIGINT; 0 for what is none."""
    if given is None:
        return 0
    try:
        number = int(given)
    except (TypeError, ValueError, OverflowError):
        return 0
    return number if -(2**63) <= number < 2**63 else 0
