"""More ways to wait for other units, and when each wait is over."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

import pytest

from .running import run_virtual

MS = 1_000_000


async def worker(seconds: float = 1) -> float:
    await asyncio.sleep(seconds)
    return seconds


async def failing() -> None:
    await asyncio.sleep(1)
    raise ValueError("boom")


def waits(unit: Any) -> list[tuple[Any, Any]]:
    return [(event["await.how"], event["await.targets"]) for event in unit.of("awaits")]


def ids(units: list[Any]) -> list[str]:
    return [unit.span_id for unit in units]


def test_nested_gathers_name_all_members(record: Any) -> None:
    async def main() -> None:
        await asyncio.gather(asyncio.gather(worker(1), worker(2)), worker(3))

    with record() as trace:
        run_virtual(main)
    ((how, targets),) = waits(trace.one("task main"))
    assert how == "gather"
    assert sorted(targets) == sorted(ids(trace.named("task worker")))


def test_a_gather_that_fails_early_is_over_then(record: Any) -> None:
    async def main() -> None:
        with contextlib.suppress(ValueError):
            await asyncio.gather(worker(5), failing())
        await asyncio.sleep(10)

    with record() as trace:
        run_virtual(main)
    event = trace.one("task main").first("awaits")
    assert event["await.end_ns"] == event.time_ns + 1_000 * MS
    assert len(event["await.targets"]) == 2


@pytest.mark.parametrize(
    ("when", "over"), [(asyncio.FIRST_COMPLETED, 1_000), (asyncio.FIRST_EXCEPTION, 1_000), (asyncio.ALL_COMPLETED, 3_000)]
)
def test_wait_is_over_when_it_returns(record: Any, when: str, over: int) -> None:
    async def main() -> None:
        tasks = {asyncio.create_task(failing()), asyncio.create_task(worker(3))}
        await asyncio.wait(tasks, return_when=when)
        await asyncio.wait(tasks)
        for task in tasks:
            task.exception()

    with record() as trace:
        run_virtual(main)
    event = trace.one("task main").of("awaits")[0]
    assert event["await.end_ns"] == event.time_ns + over * MS


@pytest.mark.parametrize("how", ["await", "gather", "wait", "shield", "taskgroup"])
def test_a_wait_that_is_cancelled_is_over_then(record: Any, how: str) -> None:
    async def waits_for_it() -> None:
        if how == "taskgroup":
            async with asyncio.TaskGroup() as group:
                group.create_task(worker(60))
            return
        task = asyncio.create_task(worker(60))
        if how == "await":
            await task
        elif how == "gather":
            await asyncio.gather(task)
        elif how == "wait":
            await asyncio.wait({task})
        else:
            await asyncio.shield(task)

    async def main() -> None:
        task = asyncio.create_task(waits_for_it())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task waits_for_it")
    ((named, targets),) = waits(unit)
    assert (named, targets) == (how, ids(trace.named("task worker")))
    event = unit.first("awaits")
    assert event["await.end_ns"] == event.time_ns + 1_000 * MS
    assert unit.end_ns == event["await.end_ns"]


def test_whoever_waits_inside_a_scope_is_the_scope(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(worker(1))
        async with asyncio.timeout(5):
            await task

    with record() as trace:
        run_virtual(main)
    assert waits(trace.one("timeout main")) == [("await", [trace.one("task worker").span_id])]
    assert waits(trace.one("task main")) == []


def test_a_task_of_somebody_else_s(record: Any) -> None:
    async def main() -> None:
        async def opens() -> asyncio.Task[float]:
            return asyncio.create_task(worker(3))

        async def adopts(task: asyncio.Task[float]) -> None:
            await task

        await asyncio.create_task(adopts(await asyncio.create_task(opens())))

    with record() as trace:
        run_virtual(main)
    target = trace.one("task worker")
    assert target.parent == "task opens"
    assert waits(trace.one("task adopts")) == [("await", [target.span_id])]


@pytest.mark.python(">=3.13")  # as_completed is no asynchronous iterator
def test_as_completed_as_an_asynchronous_iterator(record: Any) -> None:
    async def main() -> None:
        iterator: Any = asyncio.as_completed([worker(2), worker(1)])
        async for done in iterator:
            await done

    with record() as trace:
        run_virtual(main)
    found = waits(trace.one("task main"))
    assert {how for how, _targets in found} == {"as_completed"}
    assert sorted(target for _how, targets in found for target in targets) == sorted(ids(trace.named("task worker")))


def test_two_loops_in_two_threads(record: Any) -> None:
    """Work handed to another loop is a future to whoever waits: a root of its own there, and no wait that names it."""
    import threading

    other = asyncio.new_event_loop()
    thread = threading.Thread(target=other.run_forever)

    async def main() -> None:
        assert await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(worker(0.01), other)) == 0.01

    with record() as trace:
        thread.start()
        try:
            asyncio.run(main())
        finally:
            other.call_soon_threadsafe(other.stop)
            thread.join()
            other.close()
    unit = trace.one("task worker")
    assert unit.parent is None
    assert unit.attributes["loop"] != trace.one("task main").attributes["loop"]
    assert unit.outcome == "completed"
    assert waits(trace.one("task main")) == []
    assert trace.faults == []


# --- eager tasks --------------------------------------------------------------------------------------------------------


def run_eagerly(main: Any) -> None:
    async def eager() -> None:
        asyncio.get_running_loop().set_task_factory(vars(asyncio)["eager_task_factory"])
        # However it ends: 3.12 cancels it in one of these programs.
        (task,), _ = await asyncio.wait({asyncio.create_task(main())})
        assert task.cancelled() or task.exception() is None

    run_virtual(eager)


needs_eager = pytest.mark.python(">=3.12")  # tasks cannot start eagerly


@needs_eager
def test_an_eager_task_that_ends_in_its_first_step(record: Any) -> None:
    async def quick() -> asyncio.Task[Any] | None:
        return asyncio.current_task()

    async def main() -> None:
        task = asyncio.create_task(quick())
        assert task.done()
        assert await task is task

    with record() as trace:
        run_eagerly(main)
    unit = trace.one("task quick")
    assert unit.ran
    assert unit.parent == "task main"
    assert unit.outcome == "completed"
    assert unit.attributes["end_seq"] < trace.one("task main").attributes["end_seq"]
    assert waits(trace.one("task main")) == []


@needs_eager
def test_an_eager_task_that_suspends(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(worker(2))
        assert asyncio.current_task() is not task
        await task

    with record() as trace:
        run_eagerly(main)
    assert waits(trace.one("task main")) == [("await", [trace.one("task worker").span_id])]
    assert trace.one("task worker").first("started").time_ns == trace.one("task worker").start_ns


@needs_eager
def test_an_eager_task_that_cancels_itself_in_its_first_step(record: Any) -> None:
    async def suicidal() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    async def main() -> None:
        await asyncio.wait({asyncio.create_task(suicidal())})

    with record() as trace:
        run_eagerly(main)
    unit = trace.one("task suicidal")
    request = unit.first("cancel.requested")
    assert request["request.by_span_id"] == unit.span_id
    assert request.get("request.before_first_step") is None
    assert [event["delivery.requests"] for event in unit.of("cancel.delivered")] == [[request["request.id"]]]
    assert unit.outcome == "cancelled"


@needs_eager
def test_a_group_whose_eager_member_fails_at_once(record: Any) -> None:
    """Its parent is asked while it runs. 3.13 takes that back; 3.12 throws it although the count is 0 by then."""

    async def fails() -> None:
        raise ValueError("at once")

    async def main() -> None:
        with contextlib.suppress(BaseExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
        await asyncio.sleep(1)

    with record() as trace:
        run_eagerly(main)
    unit = trace.one("task main")
    request = unit.first("cancel.requested")
    assert request["request.member_span_id"] == trace.one("task fails").span_id
    if sys.version_info >= (3, 13):
        assert [event["request.id"] for event in unit.of("cancel.withdrawn")] == [request["request.id"]]
        assert unit.outcome == "completed"
    else:
        assert [event["delivery.requests"] for event in unit.of("cancel.delivered")] == [[request["request.id"]]]
        assert unit.outcome == "cancelled"


@pytest.mark.parametrize(
    ("when", "timeout", "why"),
    [
        (asyncio.FIRST_COMPLETED, None, "done"),
        (asyncio.FIRST_EXCEPTION, None, "error"),
        (asyncio.ALL_COMPLETED, 2, "timeout"),
        (asyncio.FIRST_COMPLETED, 0.5, "timeout"),
        (asyncio.ALL_COMPLETED, None, "done"),
    ],
)
def test_why_a_wait_ended(record: Any, when: str, timeout: float | None, why: str) -> None:
    async def main() -> None:
        tasks: set[asyncio.Task[Any]] = {asyncio.create_task(failing()), asyncio.create_task(worker(3))}
        await asyncio.wait(tasks, return_when=when, timeout=timeout)
        await asyncio.gather(*tasks, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    assert trace.one("task main").first("awaits")["await.ended_by"] == why


@pytest.mark.parametrize(
    ("timeout", "looks", "why", "over"), [(None, 1, "error", 1_000), (None, 2, "done", 3_000), (0.5, 1, "timeout", 500)]
)
def test_why_and_when_as_completed_ended(record: Any, timeout: float | None, looks: int, why: str, over: int) -> None:
    async def main() -> None:
        members: list[Any] = [failing(), worker(3)]
        for number, each in enumerate(asyncio.as_completed(members, timeout=timeout), 1):
            with contextlib.suppress(ValueError, TimeoutError):
                await each
            if number == looks:
                break
        await asyncio.sleep(5)

    with record() as trace:
        run_virtual(main)
    (event,) = trace.one("task main").of("awaits")
    assert event["await.ended_by"] == why
    assert event["await.end_ns"] == event.time_ns + over * MS
    assert len(event["await.targets"]) == 2
