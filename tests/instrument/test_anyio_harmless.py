"""A program of anyio's does not notice that it is watched, nor that a probe breaks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import traceback
import weakref
from typing import Any

import anyio
import anyio.to_thread
import pytest

from spanproof.instrument import attach
from spanproof.instrument.anyio import groups, naming, requests, scopes
from spanproof.instrument.anyio.known import Scopes
from spanproof.instrument.testing import recorded

from .running import run_virtual


async def everything() -> list[str]:
    """Uses each thing that the seam watches, and tells what came of it, in order."""
    told: list[str] = []

    async def member(name: str, seconds: float) -> None:
        try:
            await anyio.sleep(seconds)
            if name == "fails":
                raise ValueError(name)
        except BaseException as error:
            told.append(f"{name}: {type(error).__name__}")
            raise
        told.append(f"{name}: done")

    async def started(*, task_status: Any) -> None:
        task_status.started(5)
        await member("started", 9)

    with anyio.move_on_after(3) as scope:
        scope.deadline -= 1
        await member("moved on", 9)
    told.append(f"{scope.cancel_called} {scope.cancelled_caught}")
    before = len(told)
    try:
        with anyio.fail_after(1), anyio.CancelScope(shield=True) as inner:
            inner.shield = False
            await member("failed", 9)
    except TimeoutError as error:
        told.append(repr(error))
    try:
        async with anyio.create_task_group() as group:
            told.append(str(await group.start(started)))
            group.start_soon(member, "fails", 1, name="given")
            group.start_soon(member, "sibling", 9)
            await member("body", 9)
    except BaseExceptionGroup as error:
        # anyio cancels the members of a group in the order of a set.
        told[before:] = sorted(told[before:])
        told.append(repr(error))
        told.extend(frame.name for frame in traceback.extract_tb(error.__traceback__) if "/instrument/" not in frame.filename)
    async with anyio.create_task_group() as group:
        group.start_soon(member, "waited for", 1)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await member("cancelled", 9)
    return told


BREAKABLE = [
    (scopes, "arm_scope"),
    (scopes, "move"),
    (scopes, "disarm"),
    (scopes, "end_await"),
    (scopes, "running_state"),
    (requests, "asked_of"),
    (requests, "_note"),
    (requests, "running_state"),
    (requests, "member_unit"),
    (groups, "begin_await"),
    (groups, "running_state"),
    (Scopes, "get"),
    (Scopes, "of"),
    (Scopes, "forget"),
]


@pytest.mark.parametrize(("owner", "name"), BREAKABLE, ids=lambda value: getattr(value, "__name__", value).rpartition(".")[2])
def test_a_probe_that_breaks_costs_its_seam_and_nothing_else(owner: Any, name: str, record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run_virtual(everything)

    def broken(*_arguments: Any, **_options: Any) -> Any:
        raise LookupError("a bug of the recorder's")

    monkeypatch.setattr(owner, name, broken)
    with record() as trace:
        watched = run_virtual(everything)
    assert watched == plain
    assert [(fault["fault.probe"], fault["exception.type"]) for fault in trace.faults] == [("anyio", "LookupError")]
    assert trace.seams["anyio"] == "lost: LookupError"
    assert trace.one("task everything").outcome == "completed"


def test_a_wrapper_that_cannot_be_looked_into_keeps_its_own_name(record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run_virtual(everything)

    def broken(*_arguments: Any) -> Any:
        raise LookupError("a bug of the recorder's")

    monkeypatch.setattr(naming, "variable", broken)
    with record() as trace:
        assert run_virtual(everything) == plain
    assert trace.named("task given") == []
    assert trace.faults == []


def test_the_program_s_order_and_errors_are_as_without_us(record: Any) -> None:
    plain = run_virtual(everything)
    with record() as trace:
        assert run_virtual(everything) == plain
    assert run_virtual(everything) == plain
    assert trace.faults == []


class BrokenError(Exception):
    """Can be referred to weakly, other than the built-in ones."""


def test_scopes_and_errors_die_when_they_would_have_died(record: Any) -> None:
    async def main() -> list[bool]:
        with anyio.move_on_after(1) as scope:
            await anyio.sleep(5)
        dead: list[weakref.ref[Any]] = []
        group = anyio.create_task_group()
        try:
            async with group:
                raise BrokenError
        except BaseExceptionGroup as error:
            (inner,) = error.exceptions
            dead = [weakref.ref(thing) for thing in (scope, group, inner)]
            del inner
        del scope, group
        return [ref() is None for ref in dead]

    gc.collect()
    gc.disable()
    try:
        plain = run_virtual(main)
        with record():
            assert run_virtual(main) == plain == [True] * 3
    finally:
        gc.enable()


def test_the_text_of_a_cancellation_is_as_without_us(record: Any) -> None:
    """It has the scope's address and the canceller's task in it; anyio reads it again."""

    async def main() -> str:
        text = ""
        with anyio.CancelScope() as scope:
            scope.cancel("enough")
            try:
                await anyio.sleep(1)
            except asyncio.CancelledError as error:
                text = re.sub(r"Task-\d+", "Task", str(error).replace(f"{id(scope):x}", "here"))
                raise
        return text

    plain = run_virtual(main)
    assert "reason: enough" in plain
    with record():
        assert run_virtual(main) == plain


def test_threads_of_anyio_s(record: Any) -> None:
    async def main() -> list[Any]:
        told: list[Any] = [await anyio.to_thread.run_sync(lambda: 5)]
        with contextlib.suppress(ZeroDivisionError):
            await anyio.to_thread.run_sync(lambda: 1 // 0)

        async def cancels() -> None:
            scope.cancel()
            await anyio.sleep(5)

        with anyio.CancelScope() as scope:
            await anyio.to_thread.run_sync(anyio.from_thread.run, cancels)
        return [*told, scope.cancelled_caught]

    plain = anyio.run(main)
    with record() as trace:
        assert anyio.run(main) == plain == [5, True]
    assert trace.faults == []


def test_two_sessions_one_after_the_other() -> None:
    for _ in range(2):
        with recorded() as trace:
            run_virtual(everything)
        assert trace.seams["anyio"] == "held"
        assert len(trace.named("task given")) == 1
        assert trace.faults == []


def test_an_error_out_of_nested_groups_is_held_by_nobody_else(record: Any) -> None:
    """As anyio takes care that it is; a copy of a frame's variables, left behind by looking at them, would hold it (3.11, 3.12)."""

    async def main() -> list[str]:
        async def child() -> None:
            async with anyio.create_task_group():
                raise BrokenError

        inner: BaseException | None = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(child)
        except BaseExceptionGroup as error:
            outer: Any = error
            inner = outer.exceptions[0].exceptions[0]
            del outer
        return [type(holder).__name__ for holder in gc.get_referrers(inner)]

    plain = run_virtual(main)
    with record():
        assert run_virtual(main) == plain


def test_nothing_holds_the_recording_after_the_session(record: Any) -> None:
    with record():
        run_virtual(everything)
        running = attach.active()
        assert running is not None
        ended = weakref.ref(running)
        del running
    gc.collect()
    assert ended() is None
