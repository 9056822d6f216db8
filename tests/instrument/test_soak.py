"""A shortened soak: memory is bounded, nothing is kept of what has ended, parts rotate and `max_bytes` holds."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def soak(checkout: Path) -> Any:
    """The benchmark, as a module."""
    spec = importlib.util.spec_from_file_location("soak", checkout / "benchmarks" / "soak.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["soak"] = module
    spec.loader.exec_module(module)
    return module


def test_ten_minutes_of_service_with_two_thousand_open_units(soak: Any, tmp_path: Path) -> None:
    told = soak.soak(tmp_path, seconds=600, open_units=2_000, rate=20)
    assert told.requests == 12_000
    assert told.dropped == 0
    # Only what is open is in memory, and the last request may still be at the writer's.
    assert told.kept < 50
    # A loop that never rests runs ahead of the writer: what waited for it at the worst is 14 to 27 MB. An hour at this rate, kept
    # whole, would be 300 MB; that nothing is kept is what the line above says.
    assert told.memory_end - told.memory_begin < 60_000_000
    # A request is a task and its deadline's scope with all their events.
    assert told.bytes_left / told.requests < 8_000
    assert told.parts_left == 1


def test_the_size_on_the_disk_is_bounded(soak: Any, tmp_path: Path) -> None:
    limit = 4_000_000
    told = soak.soak(tmp_path, seconds=1_800, open_units=100, rate=10, max_bytes=limit)
    assert told.parts_deleted > 0
    assert told.dropped > 0
    # A loop that never rests fills the part in hand with what was waiting before the next one begins.
    assert told.bytes_left < 4 * limit


@pytest.mark.realtime
def test_idle_units_cost_nearly_nothing(soak: Any, tmp_path: Path) -> None:
    share, per_unit = soak.idle(tmp_path, open_units=10_000, seconds=3)
    assert share < 0.1
    assert 0 < per_unit < 2_500
