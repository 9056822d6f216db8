"""More ways in which a cancellation begins: threads, callbacks, groups, gather, the runner, Ctrl-C; and ways in which none does."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from .cancelling import deliveries, requests, sleeper
from .running import run_virtual


async def failing(seconds: float = 1) -> None:
    await asyncio.sleep(seconds)
    raise ValueError("boom")


# --- by whom ------------------------------------------------------------------------------------------------------------


def test_by_itself(record: Any) -> None:
    async def suicidal() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await sleeper()

    async def main() -> None:
        await asyncio.wait({asyncio.create_task(suicidal())})

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task suicidal")
    (request,) = requests(unit)
    assert request["request.by_span_id"] == unit.span_id
    assert request["code.line.number"] == suicidal.__code__.co_firstlineno + 3
    assert deliveries(unit) == [[request["request.id"]]]


def test_by_a_thread(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(sleeper())
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(task.cancel, "from a thread"))
        await asyncio.sleep(0.01)
        thread.start()
        await asyncio.wait({task})
        thread.join()

    with record() as trace:
        asyncio.run(main())
    (request,) = requests(trace.one("task sleeper"))
    assert request["request.mechanism"] == "task_cancel"
    assert request["request.message"] == "from a thread"
    assert request.get("request.by_span_id") is None


def test_by_a_done_callback(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(sleeper())

        def stop(_: object) -> None:
            task.cancel()

        asyncio.create_task(sleeper(1)).add_done_callback(stop)
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    victim = trace.named("task sleeper")[0]
    (request,) = requests(victim)
    assert request["request.mechanism"] == "task_cancel"
    assert request["code.function.name"].endswith("stop")
    assert request.get("request.by_span_id") is None
    assert deliveries(victim) == [[request["request.id"]]]


def test_twice_before_a_step_is_one_delivery(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(sleeper())
        await asyncio.sleep(1)
        task.cancel("one")
        task.cancel("two")
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task sleeper")
    first, second = requests(unit)
    assert (first["request.count"], second["request.count"]) == (1, 2)
    assert deliveries(unit) == [[first["request.id"], second["request.id"]]]


def test_a_chain_of_awaits(record: Any) -> None:
    async def level(depth: int) -> None:
        if depth:
            task = asyncio.create_task(level(depth - 1), name=str(depth))
            await task
        await sleeper()

    async def main() -> None:
        task = asyncio.create_task(level(4))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    chain = trace.named("task level")
    ids = [requests(unit)[0]["request.id"] for unit in chain]
    assert [requests(unit)[0].get("request.via") for unit in chain] == [None, *ids[:-1]]
    # The innermost gets it first, and each gets its own.
    seqs = [unit.first("cancel.delivered").seq for unit in chain]
    assert seqs == sorted(seqs, reverse=True)
    assert [deliveries(unit) for unit in chain] == [[[number]] for number in ids]


# --- taken back ---------------------------------------------------------------------------------------------------------


@pytest.mark.python(">=3.13")  # uncancel() takes nothing back
def test_all_of_them_are_withdrawn_when_the_count_is_zero(record: Any) -> None:
    async def lucky() -> None:
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        for _ in range(2):
            task.cancel()
        assert task.uncancel() == 1
        assert task.uncancel() == 0
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(1)

    async def main() -> None:
        await asyncio.wait({asyncio.create_task(lucky())})

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task lucky")
    first, second, third = (event["request.id"] for event in requests(unit))
    assert sorted(event["request.id"] for event in unit.of("cancel.withdrawn")) == [first, second]
    # What was withdrawn is not answered by what comes later.
    assert deliveries(unit) == [[third]]


# --- gather, wait, shield -----------------------------------------------------------------------------------------------


def test_cancelling_the_gathered_future(record: Any) -> None:
    async def main() -> None:
        gathered = asyncio.gather(sleeper(), sleeper())
        await asyncio.sleep(1)
        gathered.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathered

    with record() as trace:
        run_virtual(main)
    for member in trace.named("task sleeper"):
        (request,) = requests(member)
        assert request["request.mechanism"] == "gather"
        assert request["request.by_span_id"] == trace.one("task main").span_id
        assert request["code.line.number"] == main.__code__.co_firstlineno + 3
    assert [event["delivery.borrowed"] for event in trace.one("task main").of("cancel.delivered")] == [True]


@pytest.mark.parametrize("quiet", [True, False])
def test_a_member_that_fails_asks_nobody(record: Any, quiet: bool) -> None:
    async def main() -> None:
        with contextlib.suppress(ValueError):
            await asyncio.gather(sleeper(2), failing(), return_exceptions=quiet)
        await asyncio.sleep(3)

    with record() as trace:
        run_virtual(main)
    assert requests(trace.one("task sleeper")) == []
    assert trace.one("task sleeper").outcome == "completed"


def test_wait_with_a_timeout_asks_nobody(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(sleeper(3))
        done, _pending = await asyncio.wait({task}, timeout=1)
        assert done == set()
        await task

    with record() as trace:
        run_virtual(main)
    assert requests(trace.one("task sleeper")) == []
    assert [unit.name for unit in trace.units if unit.kind == "scope"] == []


def test_a_shield_keeps_it_away(record: Any) -> None:
    async def shields() -> None:
        await asyncio.shield(sleeper(3))

    async def main() -> None:
        task = asyncio.create_task(shields())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        await asyncio.sleep(5)

    with record() as trace:
        run_virtual(main)
    assert requests(trace.one("task sleeper")) == []
    assert trace.one("task sleeper").outcome == "completed"
    unit = trace.one("task shields")
    assert deliveries(unit) == [[requests(unit)[0]["request.id"]]]


def test_wait_for_hands_an_outside_request_to_a_task(record: Any) -> None:
    async def outer(task: asyncio.Task[Any]) -> None:
        await asyncio.wait_for(task, 60)

    async def main() -> None:
        inner = asyncio.create_task(sleeper())
        task = asyncio.create_task(outer(inner))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task, inner})

    with record() as trace:
        run_virtual(main)
    (own,) = requests(trace.one("task outer"))
    (passed_on,) = requests(trace.one("task sleeper"))
    assert (passed_on["request.mechanism"], passed_on["request.via"]) == ("task_cancel", own["request.id"])
    assert trace.one("timeout outer").attributes["deadline_state"] == "disarmed"


@pytest.mark.python("<3.12")  # wait_for has no inner task
def test_3_11_s_wait_for_asked_twice_leaves_its_task_behind(record: Any) -> None:
    """What goes on behind it is in no unit of its own; the task that went on must not lose what comes to it."""

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(5)

    async def outer() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(slow(), 30)
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(outer())
        for _ in range(3):
            await asyncio.sleep(1)
            task.cancel()
        await asyncio.wait({task})
        await asyncio.sleep(10)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task outer")
    assert unit.outcome == "cancelled"
    third = requests(unit)[2]["request.id"]
    assert deliveries(unit)[-1] == [third]
    assert trace.faults == []
