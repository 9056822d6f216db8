"""Async generators: who opens one, who iterates it later, who closes it and how, and that none lives longer for being watched."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import weakref
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.instrument import attach
from spanproof.instrument.holds import TOLD_LIMIT
from spanproof.instrument.sinks import MemorySink
from spanproof.instrument.testing import recorded

from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MS = 1_000_000
LESS = "held: without who iterates later and how it ends; that needs sys.monitoring"


async def numbers(count: int = 3) -> AsyncGenerator[int]:
    for number in range(count):
        await asyncio.sleep(1)
        yield number


async def tidy(log: list[str]) -> AsyncGenerator[int]:
    """Its cleanup takes half a second."""
    try:
        yield 1
        yield 2
    finally:
        await asyncio.sleep(0.5)
        log.append("closed")


def sees_all(trace: Any) -> bool:
    """Whether `sys.monitoring` was at work; the trace says so."""
    said = trace.seams["generator"]
    assert said in ("held", LESS)
    return bool(said == "held")


def told(trace: Any, how: str) -> str | None:
    """How a generator is told to have ended, where it closes without the loop's help."""
    return how if sees_all(trace) else None


def test_the_seam_says_what_this_python_cannot_see() -> None:
    with recorded(delivery="probe") as trace:
        pass
    assert trace.seams["generator"] == LESS
    if sys.version_info >= (3, 12):
        with recorded(delivery="monitoring") as trace:
            pass
        assert trace.seams["generator"] == "held"


def test_an_exhausted_one_is_opened_and_closed_by_its_unit(record: Any) -> None:
    async def main() -> None:
        async for _ in numbers(2):
            pass

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    opened, closed = unit.first("generator.opened"), unit.first("generator.closed")
    assert opened["generator.name"] == "numbers"
    assert opened["generator.by_span_id"] == unit.span_id
    assert (opened["code.file.path"], opened["code.function.name"]) == (
        "test_generators.py",
        "test_an_exhausted_one_is_opened_and_closed_by_its_unit.<locals>.main",
    )
    assert opened["code.line.number"] == main.__code__.co_firstlineno + 1
    assert closed["generator.id"] == opened["generator.id"]
    assert closed.get("generator.how") == told(trace, "exhausted")
    assert closed.time_ns - opened.time_ns == 2_000 * MS
    assert unit.of("generator.iterated") == []
    assert trace.faults == []


def test_one_left_by_break_is_closed_by_the_loop_s_hook_in_another_task(record: Any) -> None:
    log: list[str] = []

    async def main() -> None:
        async for _ in tidy(log):
            break
        await asyncio.sleep(1)

    with record() as trace:
        run_virtual(main)
    assert log == ["closed"]
    unit = trace.one("task main")
    closed = unit.first("generator.closed")
    assert closed["generator.how"] == "hook"
    assert closed.get("generator.by_span_id") is None
    assert closed.time_ns - unit.start_ns == 500 * MS
    assert [unit.name for unit in trace.units] == ["program test", "task main"]


def test_what_the_hook_closes_after_the_unit_s_end_still_reaches_its_record(record: Any) -> None:
    async def main() -> None:
        await asyncio.create_task(leaving())
        await asyncio.sleep(2)

    async def leaving() -> None:
        async for _ in tidy([]):
            break

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task leaving")
    closed = unit.first("generator.closed")
    assert closed["generator.how"] == "hook"
    assert unit.end_ns is not None
    assert closed.time_ns - unit.end_ns == 500 * MS
    assert closed.seq > unit.attributes["end_seq"]


def test_aclosing_closes_at_once(record: Any) -> None:
    async def main() -> None:
        async with aclosing(tidy([])) as generator:
            async for _ in generator:
                break
        await asyncio.sleep(5)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    closed = unit.first("generator.closed")
    assert closed.get("generator.how") == told(trace, "aclose")
    if sees_all(trace):
        assert closed.time_ns - unit.start_ns == 500 * MS
        assert closed["generator.by_span_id"] == unit.span_id


def test_one_that_is_closed_and_kept_is_closed_all_the_same(record: Any) -> None:
    """Its frame is gone, its object is not: without sys.monitoring that shows at the end of the unit that opened it."""
    kept: list[Any] = []

    async def main() -> None:
        generator = tidy([])
        kept.append(generator)
        await anext(generator)
        await generator.aclose()
        await asyncio.sleep(5)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    assert unit.end_ns is not None
    closed = unit.first("generator.closed")
    assert closed.time_ns == (unit.start_ns + 500 * MS if sees_all(trace) else unit.end_ns)
    assert closed.seq < unit.attributes["end_seq"]


def test_one_that_answers_the_close_by_returning_was_closed(record: Any) -> None:
    async def stubborn() -> AsyncGenerator[int]:
        with contextlib.suppress(GeneratorExit):
            yield 1

    async def main() -> None:
        generator = stubborn()
        await anext(generator)
        await generator.aclose()

    with record() as trace:
        run_virtual(main)
    assert trace.one("task main").first("generator.closed").get("generator.how") == told(trace, "aclose")


def test_one_that_never_began_can_be_closed(record: Any) -> None:
    async def main() -> None:
        await numbers().aclose()

    with record() as trace:
        run_virtual(main)
    assert trace.one("task main").first("generator.closed").get("generator.how") == told(trace, "aclose")


def test_one_that_fails_and_one_whose_consumer_is_cancelled(record: Any) -> None:
    async def failing() -> AsyncGenerator[int]:
        yield 1
        raise ValueError("broken")

    async def consumer() -> None:
        async for _ in numbers(100):
            pass

    async def main() -> None:
        with pytest.raises(ValueError, match="broken"):
            async for _ in failing():
                pass
        task = asyncio.create_task(consumer())
        await asyncio.sleep(1.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    assert trace.one("task main").first("generator.closed").get("generator.how") == told(trace, "raised")
    unit = trace.one("task consumer")
    closed = unit.first("generator.closed")
    assert closed.get("generator.how") == told(trace, "cancelled")
    assert closed.time_ns == unit.first("cancel.delivered").time_ns


def test_one_that_is_handed_over_names_who_iterates_and_who_closes(record: Any) -> None:
    async def other(generator: AsyncGenerator[int]) -> None:
        async for number in generator:
            if number == 2:
                break
        await generator.aclose()

    async def main() -> None:
        generator = numbers(10)
        await anext(generator)
        await asyncio.create_task(other(generator))
        del generator

    with record() as trace:
        run_virtual(main)
    opener, taker = trace.one("task main"), trace.one("task other")
    assert taker.of("generator.opened") == taker.of("generator.closed") == []
    if sees_all(trace):
        assert [event["generator.by_span_id"] for event in taker.of("generator.iterated")] == [taker.span_id]
        closed = opener.first("generator.closed")
        assert closed["generator.by_span_id"] == taker.span_id
        assert closed["generator.how"] == "aclose"
        assert closed.seq < taker.attributes["end_seq"]
    else:
        assert taker.of("generator.iterated") == []
        assert opener.of("generator.closed") != []


def test_one_that_is_iterated_inside_a_scope_of_its_own_unit_has_no_other_owner(record: Any) -> None:
    """A scope is no owner: it is left long before the generator is due."""

    async def main() -> None:
        generator = numbers(2)
        for _ in range(2):
            async with asyncio.timeout(5):
                await anext(generator)
        await generator.aclose()

    with record() as trace:
        run_virtual(main)
    assert len(trace.one("task main").of("generator.opened")) == 1
    assert [event.name for unit in trace.named("timeout main") for event in unit.events if event.name.startswith("generator")] == []
    assert trace.one("task main").of("generator.iterated") == []


def test_one_left_open_is_closed_by_the_loop_s_teardown(record: Any) -> None:
    kept: list[Any] = []

    async def main() -> None:
        kept.append(tidy([]))
        await anext(kept[0])

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    closed = unit.first("generator.closed")
    assert closed["generator.how"] == "shutdown"
    assert closed.seq > unit.attributes["end_seq"]


def test_one_that_nobody_can_close_stays_open(record: Any) -> None:
    kept: list[Any] = []

    async def main() -> None:
        kept.append(tidy([]))
        await anext(kept[0])

    with record() as trace:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()  # without a teardown
        kept.clear()
        gc.collect()
    unit = trace.one("task main")
    assert unit.of("generator.opened") != []
    assert unit.of("generator.closed") == []
    assert trace.faults == []


def test_a_context_manager_made_of_one_is_told_by_the_line_that_enters_it(record: Any) -> None:
    @asynccontextmanager
    async def connection() -> AsyncGenerator[int]:
        yield 1

    async def main() -> None:
        async with connection():
            await asyncio.sleep(1)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    assert unit.first("generator.opened")["code.line.number"] == main.__code__.co_firstlineno + 1
    assert unit.first("generator.closed").get("generator.how") == told(trace, "exhausted")


def test_a_task_of_one_step_is_a_unit_and_can_be_cancelled(record: Any) -> None:
    """Merging generators is done with tasks of `__anext__()`: the program's own, unlike the `aclose()` of the loop's hook."""

    async def main() -> None:
        generator = numbers()
        task = asyncio.ensure_future(anext(generator))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task async_generator_asend")
    assert unit.outcome == "cancelled"
    assert unit.first("cancel.delivered")["delivery.borrowed"] is False
    assert trace.one("task main").first("generator.closed").get("generator.how") == told(trace, "cancelled")


# --- never hurts ------------------------------------------------------------------------------------------------------


def test_a_generator_dies_when_it_would_have_died(record: Any) -> None:
    died: list[str] = []

    async def main() -> None:
        for left in (False, True):
            generator = numbers(1)
            weakref.finalize(generator, died.append, f"left={left}")
            if left:
                await anext(generator)
            else:
                async for _ in generator:
                    pass
            del generator
            assert died[-1:] == [f"left={left}"]

    gc.disable()
    try:
        with record() as trace:
            run_virtual(main)
    finally:
        gc.enable()
    assert trace.faults == []


def test_generators_of_the_standard_library_and_those_without_a_unit_are_left_out(record: Any) -> None:
    async def main() -> None:
        made: list[Any] = []
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: made.append(numbers().__anext__()))
        await asyncio.sleep(0.1)
        await made[0]

    with record() as trace:
        run_virtual(main)
    assert trace.one("task main").of("generator.opened") == []
    assert trace.faults == []


def test_a_worker_s_events_are_not_used_up_by_what_went_well(record: Any) -> None:
    """Of thousands of generators only the first are told one by one; the one that is left open is told with its time."""
    kept: list[Any] = []

    async def quick() -> AsyncGenerator[int]:
        yield 1

    async def main() -> None:
        for _ in range(TOLD_LIMIT + 50):
            async for _ in quick():
                pass
        await asyncio.sleep(1)
        kept.append(quick())
        await anext(kept[0])
        await asyncio.sleep(1)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    opened, closed = unit.of("generator.opened"), unit.of("generator.closed")
    assert len(opened) == len(closed) == TOLD_LIMIT + 1
    assert unit.attributes["pairs_left_out"] == 50
    assert opened[-1].time_ns - unit.start_ns == 1_000 * MS
    assert opened[-1].seq < unit.attributes["end_seq"] < closed[-1].seq


def test_a_session_inside_a_running_loop_sees_them_too() -> None:
    sink = MemorySink()
    hooks: list[Any] = []

    async def main() -> None:
        hooks.append(sys.get_asyncgen_hooks())
        attach.start(sink=sink)
        async for _ in numbers(1):
            pass
        attach.stop()
        hooks.append(sys.get_asyncgen_hooks())

    run_virtual(main)
    assert hooks[0] == hooks[1]
    unit = next(unit for unit in sink.units if unit.name == "task main")
    assert [event[0] for event in unit.events if event[0].startswith("generator")] == ["generator.opened", "generator.closed"]


def test_everything_is_put_back_by_identity(record: Any) -> None:
    names = ("_asyncgen_firstiter_hook", "_asyncgen_finalizer_hook", "shutdown_asyncgens")
    cls = asyncio.BaseEventLoop
    before = [vars(cls)[name] for name in names]
    with record():
        assert all(vars(cls)[name] is not original for name, original in zip(names, before, strict=True))
        run_virtual(lambda: asyncio.wait_for(anext(numbers()), 5))
    assert [vars(cls)[name] for name in names] == before
    if sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        for tool in (3, 4):
            monitoring.use_tool_id(tool, "test")
            try:
                assert monitoring.get_local_events(tool, numbers.__code__) == 0
                assert monitoring.register_callback(tool, monitoring.events.PY_UNWIND, None) is None
            finally:
                monitoring.free_tool_id(tool)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
def test_uvloop_s_own_hooks_are_watched(record: Any) -> None:
    uvloop = pytest.importorskip("uvloop")
    kept: list[Any] = []

    async def main() -> None:
        async for _ in tidy([]):
            break
        await asyncio.sleep(0.6)
        kept.append(tidy([]))
        await anext(kept[0])

    with record() as trace, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    closed = trace.one("task main").of("generator.closed")
    assert [event["generator.how"] for event in closed] == ["hook", "shutdown"]
