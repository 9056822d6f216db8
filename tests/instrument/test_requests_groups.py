"""Requests that TaskGroups make: which member failed, a parent that was asked, a body that raised, groups in groups."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

from .cancelling import deliveries, requests, sleeper
from .running import run_virtual


async def failing(seconds: float = 1) -> None:
    await asyncio.sleep(seconds)
    raise ValueError("boom")


# --- TaskGroup ----------------------------------------------------------------------------------------------------------


def test_a_group_whose_body_raises(record: Any) -> None:
    async def main() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(sleeper())
                await asyncio.sleep(1)
                raise ValueError("body")
        except* ValueError:
            pass

    with record() as trace:
        run_virtual(main)
    (request,) = requests(trace.one("task sleeper"))
    assert request["request.mechanism"] == "taskgroup"
    assert request.get("request.member_span_id") is None
    assert request["request.by_span_id"] == trace.one("task main").span_id
    assert requests(trace.one("task main")) == []


def test_a_group_whose_parent_is_cancelled(record: Any) -> None:
    async def parent() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper())

    async def main() -> None:
        task = asyncio.create_task(parent())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    (own,) = requests(trace.one("task parent"))
    (passed_on,) = requests(trace.one("task sleeper"))
    assert passed_on["request.mechanism"] == "taskgroup"
    assert passed_on["request.via"] == own["request.id"]
    assert trace.one("task parent").outcome == trace.one("task sleeper").outcome == "cancelled"


def test_nested_groups(record: Any) -> None:
    async def inner() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper())

    async def main() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(inner())
                group.create_task(failing())
        except* ValueError:
            pass

    with record() as trace:
        run_virtual(main)
    member = trace.one("task failing").span_id
    (asked,) = requests(trace.one("task inner"))
    assert asked["request.member_span_id"] == member
    (below,) = requests(trace.one("task sleeper"))
    assert below["request.via"] == asked["request.id"]
    assert trace.one("task main").first("cancel.consumed")["consumed.by"] == "taskgroup"
    assert trace.one("task main").of("cancel.swallowed") == []


def test_a_group_that_raises_while_its_parent_is_cancelled(record: Any) -> None:
    """The members' errors take precedence. 3.13 asks the parent anew, on behalf of whoever asked."""

    async def stubborn() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise ValueError("not now") from None

    async def parent() -> None:
        with contextlib.suppress(BaseExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(stubborn())
        await asyncio.sleep(1)

    async def main() -> None:
        task = asyncio.create_task(parent())
        await asyncio.sleep(1)
        task.cancel("stop")
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task parent")
    first, *again = requests(unit)
    assert unit.first("cancel.consumed")["delivery.requests"] == [first["request.id"]]
    if sys.version_info >= (3, 13):
        (second,) = again
        assert (second["request.mechanism"], second["request.via"]) == ("task_cancel", first["request.id"])
        assert deliveries(unit) == [[first["request.id"]], [second["request.id"]]]
        assert unit.outcome == "cancelled"
    else:
        assert again == []
        assert unit.outcome == "completed"


def test_a_scope_around_a_group_that_raises_is_asked_anew_for_itself(record: Any) -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise ValueError("not now") from None

    async def scoped() -> None:
        with contextlib.suppress(BaseExceptionGroup):
            async with asyncio.timeout(1), asyncio.TaskGroup() as group:
                group.create_task(stubborn())
        await asyncio.sleep(1)

    async def main() -> None:
        task = asyncio.create_task(scoped())
        await asyncio.sleep(3)
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    unit, scope = trace.one("task scoped"), trace.one("timeout scoped")
    assert scope.outcome == "failed"
    # Nothing of the scope's is left on the task around it.
    assert requests(unit) == []
    assert deliveries(unit) == []
    assert unit.outcome == "completed"
