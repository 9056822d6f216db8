"""What `show` says of a unit beyond its deadline and its requests."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rich.console import Console

from spanproof.cli import timeline
from tests.analyzers.traces import TRACE, event, loaded, unit

if TYPE_CHECKING:
    from pathlib import Path

HERE: dict[str, Any] = {"code__file__path": "/src/a.py", "code__line__number": 7}


def shown(tmp_path: Path, *spans: dict[str, Any]) -> list[str]:
    sink = io.StringIO()
    Console(file=sink, width=1000, color_system=None).print(timeline.draw(loaded(tmp_path, *spans), TRACE))
    return [line.rstrip() for line in sink.getvalue().splitlines()[2:] if line.strip()]


def test_what_was_left_is_told(tmp_path: Path) -> None:
    lines = shown(
        tmp_path,
        unit(
            "pipeline",
            1,
            0,
            400,
            event("cancel.flagged", 10, flag__id=1, flag__run_span_id="x", flag__mechanism="token", **HERE),
            event("resource.acquired", 20, resource__id=1, resource__name="lock"),
            event("resource.acquired", 21, resource__id=2, resource__name="file 2", **HERE),
            event("resource.released", 30, resource__id=2, resource__name="file 2", resource__how="collected"),
            event("generator.opened", 40, generator__id=1, generator__name="lines", **HERE),
            event("generator.opened", 41, generator__id=2, generator__name="late"),
            event("generator.closed", 50, generator__id=2, generator__name="late", generator__how="hook"),
            event("thread.started", 60, thread__id=1, thread__name="work", **HERE),
            event("thread.started", 61, thread__id=2, thread__name="on"),
            event("thread.finished", 450, thread__id=2, thread__name="on", thread__outcome="completed"),
            event("loop.blocked", 300, blocked__duration_ns=150_000_000, **HERE),
        ),
        unit("scope", 2, 0, 400, parent=1, shielded=True),
    )
    assert lines == [
        (
            "0.0 ms  400 ms  pipeline 1  completed · blocked the loop for 150 ms at a.py:7 · flagged 10.0 ms by token at a.py:7"
            ", nobody looked"
            " · lock not given back · file 2 at a.py:7 left to the garbage collector"
            " · generator lines at a.py:7 left open · generator late closed late by the loop"
            " · thread work at a.py:7 is still at work · thread on went on for 50 ms"
        ),
        "0.0 ms  400 ms  └─ scope 2  completed · shielded",
    ]


def test_what_was_put_in_order_is_not(tmp_path: Path) -> None:
    lines = shown(
        tmp_path,
        unit(
            "task",
            1,
            0,
            400,
            event("resource.acquired", 20, resource__id=1, resource__name="lock"),
            event("resource.released", 30, resource__id=1, resource__name="lock"),
            event("generator.opened", 40, generator__id=1, generator__name="lines"),
            event("generator.closed", 50, generator__id=1, generator__name="lines", generator__how="exhausted"),
            event("thread.started", 60, thread__id=1, thread__name="work"),
            event("thread.finished", 70, thread__id=1, thread__name="work", thread__outcome="completed"),
            event("thread.started", 60, thread__id=2, thread__name="never"),
            event("thread.finished", 390, thread__id=2, thread__name="never", thread__outcome="never_ran"),
            event("loop.blocked", 300, blocked__duration_ns=50_000_000),
        ),
    )
    assert lines == ["0.0 ms  400 ms  task 1  completed"]
