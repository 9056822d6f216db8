"""Which unit waits for which, so that owner and adoption can be decided."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .running import run_virtual

MS = 1_000_000


async def worker(seconds: float = 1) -> float:
    await asyncio.sleep(seconds)
    return seconds


def waits(unit: Any) -> list[tuple[Any, list[str]]]:
    return [(event["await.how"], event["await.targets"]) for event in unit.of("awaits")]


def test_a_plain_await_has_a_beginning_and_an_end(record: Any) -> None:
    async def main() -> None:
        await asyncio.create_task(worker())

    with record() as trace:
        run_virtual(main)
    event = trace.one("task main").first("awaits")
    target = trace.one("task worker")
    assert (event["await.how"], event["await.targets"]) == ("await", [target.span_id])
    assert event["await.end_ns"] == target.end_ns
    assert event["await.end_seq"] > target.attributes["end_seq"]


def test_what_is_done_already_is_no_wait(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(worker())
        await asyncio.sleep(2)
        await task

    with record() as trace:
        run_virtual(main)
    assert waits(trace.one("task main")) == []


def test_wait_names_its_members(record: Any) -> None:
    async def main() -> None:
        tasks = {asyncio.create_task(worker(1)), asyncio.create_task(worker(2))}
        await asyncio.wait(tasks, timeout=1.5)
        await asyncio.wait(tasks)

    with record() as trace:
        run_virtual(main)
    one, two = trace.named("task worker")
    first, second = trace.one("task main").of("awaits")
    assert sorted(first["await.targets"]) == sorted([one.span_id, two.span_id])
    assert first["await.end_ns"] == one.start_ns + 1_500 * MS
    assert second["await.targets"] == [two.span_id]


def test_shield_and_the_await_in_the_handler(record: Any) -> None:
    async def shielding() -> None:
        inner = asyncio.create_task(worker(3))
        try:
            await asyncio.shield(inner)
        except asyncio.CancelledError:
            await inner
            raise

    async def main() -> None:
        task = asyncio.create_task(shielding())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    inner = trace.one("task worker")
    assert waits(trace.one("task shielding")) == [("shield", [inner.span_id]), ("await", [inner.span_id])]
    assert inner.of("cancel.requested") == []
    assert trace.one("task shielding").first("awaits")["await.end_ns"] == inner.start_ns + 1_000 * MS


def test_as_completed_names_its_members(record: Any) -> None:
    async def main() -> None:
        for done in asyncio.as_completed([worker(2), worker(1)]):
            await done

    with record() as trace:
        run_virtual(main)
    found = waits(trace.one("task main"))
    assert {how for how, _targets in found} == {"as_completed"}
    assert sorted(target for _how, targets in found for target in targets) == sorted(unit.span_id for unit in trace.named("task worker"))


def test_a_callback_of_user_code_is_told_from_asyncio_s_own(record: Any) -> None:
    kept: set[Any] = set()

    async def main() -> None:
        mine = asyncio.create_task(worker(1))
        kept.add(mine)
        mine.add_done_callback(kept.discard)
        async with asyncio.TaskGroup() as group:
            group.create_task(worker(2))
        await asyncio.gather(asyncio.create_task(worker(3)))
        await asyncio.wait({asyncio.create_task(worker(4))})
        await asyncio.wait_for(asyncio.create_task(worker(5)), 10)
        await asyncio.shield(asyncio.create_task(worker(6)))
        await asyncio.create_task(worker(7))

    with record() as trace:
        run_virtual(main)
    marked = [bool(unit.attributes.get("user_done_callback")) for unit in trace.named("task worker")]
    assert marked == [True] + [False] * 6


def test_a_task_group_owns_and_waits(record: Any) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(worker(1))
        assert task.result() == 1

    with record() as trace:
        run_virtual(main)
    member, owner = trace.one("task worker"), trace.one("task main")
    assert member.attributes["group_owner_span_id"] == owner.span_id
    assert waits(owner) == [("taskgroup", [member.span_id])]


def test_a_task_of_a_callback_has_no_creator(record: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        made: list[Any] = []
        loop.call_later(0.1, lambda: made.append(loop.create_task(worker(1))))
        await asyncio.sleep(0.2)
        await made[0]

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task worker")
    assert unit.parent is None
    assert "creator_span_id" not in unit.attributes
    assert unit.trace_id != trace.one("task main").trace_id


def test_a_detached_task_begins_a_trace(record: Any) -> None:
    from spanproof import instrument

    async def main() -> None:
        with instrument.detached():
            task = asyncio.create_task(worker(5))
        await asyncio.sleep(1)
        task.cancel()

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task worker")
    assert unit.attributes["detached"] is True
    assert unit.attributes["origin.span_id"] == trace.one("task main").span_id
    assert unit.trace_id != trace.one("task main").trace_id


def test_declared_resources_and_heartbeats(record: Any) -> None:
    from spanproof import instrument

    async def main() -> None:
        with instrument.resource("connection"):
            instrument.heartbeat()
            await asyncio.sleep(1)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    assert unit.first("resource.acquired")["resource.name"] == "connection"
    assert unit.first("resource.acquired")["code.file.path"] == "test_awaits.py"
    assert unit.first("resource.released").time_ns - unit.first("resource.acquired").time_ns == 1_000 * MS
    assert unit.of("heartbeat")


def test_declarations_without_a_recording_do_nothing() -> None:
    from spanproof import instrument

    with instrument.detached(), instrument.resource("x"):
        instrument.heartbeat()


@pytest.mark.realtime
def test_a_blocked_loop_names_the_line_and_who_used_the_time(record: Any) -> None:
    import time

    async def sleeping() -> None:
        time.sleep(0.2)  # noqa: ASYNC251 - the fault that is planted

    async def main() -> None:
        await asyncio.create_task(sleeping())

    with record() as trace:
        asyncio.run(main())
    blocked = trace.one("task sleeping").first("loop.blocked")
    assert blocked["blocked.duration_ns"] >= 200 * MS
    assert blocked["code.line.number"] == sleeping.__code__.co_firstlineno + 1
    assert blocked["blocked.machine_stalled"] is False
    # It slept: the thread used a small part of the time.
    assert blocked["blocked.cpu_ns"] < 0.5 * blocked["blocked.duration_ns"]
    assert trace.one("task main").of("loop.blocked") == []


def test_eager_tasks_are_seen(record: Any) -> None:
    """On 3.11, which has none, the same program runs with ordinary tasks and is recorded alike."""

    async def quick() -> int:
        return 1

    async def main() -> None:
        factory = getattr(asyncio, "eager_task_factory", None)
        asyncio.get_running_loop().set_task_factory(factory)
        assert await asyncio.create_task(quick()) == 1
        task = asyncio.create_task(worker(5))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    assert trace.one("task quick").outcome == "completed"
    assert trace.one("task quick").parent == "task main"
    assert trace.one("task worker").first("cancel.delivered")["delivery.borrowed"] is False
    assert trace.one("task worker").outcome == "cancelled"
    assert trace.faults == []


def test_two_loops_in_two_threads(record: Any) -> None:
    import threading

    async def main() -> None:
        await asyncio.gather(*(worker(1) for _ in range(5)))

    with record() as trace:
        threads = [threading.Thread(target=run_virtual, args=(main,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    mains = trace.named("task main")
    assert len({unit.attributes["loop"] for unit in mains}) == 3
    assert len(trace.named("task worker")) == 15
    by_trace = {unit.trace_id: unit.attributes["loop"] for unit in mains}
    assert all(by_trace[unit.trace_id] == unit.attributes["loop"] for unit in trace.named("task worker"))
