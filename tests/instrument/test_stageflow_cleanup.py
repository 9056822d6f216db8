"""stageflow's cleanup registry: what was registered, taken back, dropped, started, and how it ended, by which run."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import Any

import pytest
from stageflow import Pipeline
from stageflow.pipeline.cancellation import CleanupRegistry, StructuredTaskGroup

from .running import run_virtual
from .test_stageflow import MS, context, sleeping, stage


def graph_registering(*callbacks: Any, seconds: float = 0.0, names: Any = None) -> Any:
    """A graph whose only stage registers these callbacks."""
    graph: Any = None

    async def registers(_ctx: Any) -> None:
        for number, callback in enumerate(callbacks):
            graph.register_cleanup(callback, name=names[number] if names else None)
        await asyncio.sleep(seconds)

    graph = Pipeline(name="demo").with_stage("r", stage(registers), "work").build()
    return graph


def test_where_and_by_whom_it_was_registered(record: Any) -> None:
    async def close() -> None:
        await asyncio.sleep(0.1)

    async def main() -> None:
        await graph_registering(close).run(context())

    with record() as trace:
        run_virtual(main)
    demo, registrar, unit = trace.one("pipeline demo"), trace.one("stage r"), trace.one("cleanup close")
    registered, started = registrar.first("cleanup.registered"), unit.first("cleanup.started")
    assert registered["code.function.name"].endswith("registers")
    assert registered["cleanup.run_span_id"] == started["cleanup.run_span_id"] == started["cleanup.runner_span_id"] == demo.span_id
    assert registered["cleanup.registrar_span_id"] == registrar.span_id == unit.attributes["cleanup.registrar_span_id"]
    assert registered["cleanup.registry"] == started["cleanup.registry"] == unit.attributes["cleanup.registry"]
    assert registered["cleanup.id"] == started["cleanup.id"] == unit.first("cleanup.finished")["cleanup.id"]


def test_last_in_first_out(record: Any) -> None:
    async def a() -> None: ...
    async def b() -> None: ...
    async def c() -> None: ...

    async def main() -> None:
        await graph_registering(a, b, c).run(context())

    with record() as trace:
        run_virtual(main)
    units = [unit for unit in trace.units if unit.kind == "cleanup"]
    assert [unit.name for unit in units] == ["cleanup c", "cleanup b", "cleanup a"]
    assert all(unit.first("cleanup.started")["cleanup.budget_ns"] == round(10_000 / 3 * MS) for unit in units)
    assert {unit.attributes["deadline_state"] for unit in units} == {"disarmed"}


def test_a_plain_function_has_run_whatever_the_registry_makes_of_it(record: Any) -> None:
    """The library waits for what a callback gives; it calls plain functions, and counts them as failed."""
    ran: list[str] = []

    def plain() -> None:
        ran.append("plain")

    def raising() -> None:
        raise OSError("disk")

    async def main() -> Any:
        registry = CleanupRegistry()
        for callback in (plain, raising):
            registry.register(callback)  # type: ignore[arg-type]
        return await registry.run_all()

    untold = run_virtual(main)
    with record() as trace:
        told = run_virtual(main)
    assert [(name, type(error)) for name, error in told[1]] == [(name, type(error)) for name, error in untold[1]]
    assert [name for name, _error in told[1]] == ["raising", "plain"]
    assert ran == ["plain", "plain"]
    unit = trace.one("cleanup plain")
    assert (unit.outcome, unit.ran) == ("completed", True)
    assert [event.name for event in unit.events if event.name.startswith("cleanup")] == ["cleanup.started", "cleanup.finished"]
    report = unit.first("reported")
    assert (report["report.channel"], report["report.outcome"], report["report.error_type"]) == ("result", "failed", "TypeError")
    raised = trace.one("cleanup raising").first("cleanup.failed")
    assert (raised["cleanup.failure"], raised["report.error_type"], raised["report.error"]) == ("raised", "OSError", "disk")
    assert trace.faults == []


def test_a_plain_function_that_gives_something_to_wait_for(record: Any) -> None:
    async def work() -> None:
        await asyncio.sleep(0.5)

    def gives_coroutine() -> Any:
        return work()

    def gives_future() -> Any:
        return asyncio.ensure_future(work())

    async def main() -> Any:
        registry = CleanupRegistry()
        for callback in (gives_coroutine, gives_future):
            registry.register(callback)
        return await registry.run_all(timeout=4)

    with record() as trace:
        assert run_virtual(main) == (["gives_future", "gives_coroutine"], [])
    for name in ("gives_coroutine", "gives_future"):
        unit = trace.one(f"cleanup {name}")
        assert unit.end_ns == unit.start_ns + 500 * MS
        assert unit.first("deadline.set")["deadline.timeout_ns"] == 2_000 * MS
        assert unit.of("cleanup.finished")


def test_a_callback_that_registers_another(record: Any) -> None:
    """The library runs a copy of its list and then clears the list: what was added meanwhile never runs."""
    graph: Any = None
    ran: list[str] = []

    async def late() -> None:
        ran.append("late")

    async def first() -> None:
        graph.register_cleanup(late)

    async def registers(_ctx: Any) -> None:
        graph.register_cleanup(first)

    async def main() -> None:
        nonlocal graph
        graph = Pipeline(name="demo").with_stage("r", stage(registers), "work").build()
        await graph.run(context())

    with record() as trace:
        run_virtual(main)
    assert ran == []
    registered = trace.one("cleanup first").first("cleanup.registered")
    assert registered["cleanup.name"] == "late"
    assert registered["cleanup.run_span_id"] == trace.one("pipeline demo").span_id
    assert trace.named("cleanup late") == []


def test_taken_back_before_and_while_it_runs(record: Any) -> None:
    class Connection:
        async def close(self) -> None:
            """Give it back."""

    async def main() -> None:
        registry, connection, other = CleanupRegistry(), Connection(), Connection()

        async def takes_back() -> None:
            # The registry goes on with its copy: too late, and still found.
            assert registry.unregister(takes_back)

        registry.register(connection.close)
        registry.register(other.close)
        registry.register(takes_back)
        # Another object than was registered, and equal to it.
        assert registry.unregister(connection.close)
        assert not registry.unregister(connection.close)
        await registry.run_all()
        assert registry.pending_count == 0

    run_virtual(main)
    with record() as trace:
        run_virtual(main)
    task = trace.one("task main")
    registered = task.of("cleanup.registered")
    assert [event["cleanup.id"] for event in task.of("cleanup.unregistered")] == [registered[0]["cleanup.id"]]
    assert trace.one("cleanup close").first("cleanup.started")["cleanup.id"] == registered[1]["cleanup.id"]
    assert trace.faults == []


def test_two_runs_of_one_graph_share_the_registry_of_the_later(record: Any) -> None:
    """The first run to end runs what the second has registered, and drops its own."""
    graph: Any = None
    closed: list[str] = []

    async def registers(ctx: Any) -> None:
        name = str(ctx.snapshot.metadata["who"])

        async def close() -> None:
            closed.append(name)

        graph.register_cleanup(close, name=f"close {name}")
        await asyncio.sleep(0.5 if name == "first" else 3)

    async def main() -> None:
        nonlocal graph
        graph = Pipeline(name="demo").with_stage("r", stage(registers), "work").build()

        async def later() -> None:
            await asyncio.sleep(0.1)
            await graph.run(context(metadata={"who": "second"}))

        await asyncio.gather(graph.run(context(metadata={"who": "first"})), later())

    with record() as trace:
        run_virtual(main)
    assert closed == ["second"]
    first, second = trace.named("pipeline demo")
    started = trace.one("cleanup close second").first("cleanup.started")
    assert (started["cleanup.run_span_id"], started["cleanup.runner_span_id"]) == (second.span_id, first.span_id)
    lost = trace.named("stage r")[0].first("cleanup.registered")
    assert (lost["cleanup.name"], lost["cleanup.run_span_id"]) == ("close first", first.span_id)
    assert trace.named("cleanup close first") == []


def test_dropped_without_a_word(record: Any) -> None:
    async def close() -> None: ...

    async def main() -> None:
        graph: Any = Pipeline(name="demo").with_stage("s", sleeping(0.1), "work").build()
        graph.register_cleanup(close, name="before")
        await graph.run(context())
        graph.register_cleanup(close)

    with record() as trace:
        run_virtual(main)
    dropped = trace.one("task main").of("cleanup.dropped")
    assert [event["cleanup.name"] for event in dropped] == ["before", "close"]
    assert dropped[0]["code.function.name"].endswith("main")


def test_an_orphan_registers_when_its_run_is_over(record: Any) -> None:
    graph: Any = None

    async def close() -> None: ...

    async def late(_ctx: Any) -> None:
        await asyncio.sleep(1)
        graph.register_cleanup(close)

    async def main() -> None:
        nonlocal graph
        graph = Pipeline(name="demo").with_stage("late", stage(late), "work").build()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(graph.run(context()), 0.5)
        await asyncio.sleep(2)

    with record() as trace:
        run_virtual(main)
    dropped = trace.one("stage late").first("cleanup.dropped")
    assert dropped["cleanup.run_span_id"] == trace.one("pipeline demo").span_id


def test_cut_by_the_budget_and_cut_by_the_run_s_cancellation(record: Any) -> None:
    async def slow() -> None:
        await asyncio.sleep(100)

    async def next_one() -> None:
        await asyncio.sleep(0.1)

    async def main() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await graph_registering(next_one, slow).run(context())
        await graph_registering(slow).run(context())

    with record() as trace:
        run_virtual(main)
    cut, over = trace.named("cleanup slow")
    assert (cut.first("cleanup.failed")["cleanup.failure"], cut.outcome) == ("cancelled", "cancelled")
    assert (over.first("cleanup.failed")["cleanup.failure"], over.outcome) == ("timed_out", "timed_out")
    assert over.first("deadline.disarmed")["deadline.state"] == "expired"
    # The library swallows the cancellation and goes on with the next callback.
    assert trace.one("cleanup next_one").outcome == "completed"
    assert trace.named("pipeline demo")[0].first("cancel.swallowed")["swallowed.how"] == "went_on"


def test_a_registry_that_is_cut_in_the_middle_keeps_the_user_s_callbacks(record: Any) -> None:
    class Stop(BaseException):
        """Nothing that the library catches."""

    async def kept() -> None: ...

    async def stops() -> None:
        raise Stop

    async def main() -> None:
        registry = CleanupRegistry()
        registry.register(kept)
        registry.register(stops)
        with pytest.raises(Stop):
            await registry.run_all()
        assert registry._callbacks == [kept, stops]
        assert registry._callbacks[0] is kept
        registry.unregister(stops)
        assert await registry.run_all() == (["kept"], [])

    with record() as trace:
        run_virtual(main)
    assert trace.one("cleanup stops").first("cleanup.failed")["report.error_type"].endswith("Stop")
    registered = trace.one("task main").of("cleanup.registered")
    assert trace.one("cleanup kept").first("cleanup.started")["cleanup.id"] == registered[0]["cleanup.id"]


def test_what_the_library_makes_of_a_callback_without_a_name(record: Any) -> None:
    """It asks for `__name__`, which a partial does not have, and the whole clean-up raises: with a recorder as without."""

    async def close(_what: str) -> None: ...

    async def main() -> None:
        registry = CleanupRegistry()
        registry.register(functools.partial(close, "x"))
        with pytest.raises(AttributeError, match="__name__"):
            await registry.run_all()

    run_virtual(main)
    with record() as trace:
        run_virtual(main)
    assert trace.one("task main").first("cleanup.registered")["cleanup.name"] == "partial"


def test_a_registry_shows_nothing_of_us(record: Any) -> None:
    with record():
        registry = CleanupRegistry()
        assert set(vars(registry)) == {"_callbacks", "_completed", "_failed"}
        assert registry == CleanupRegistry()


def test_a_structured_task_group_has_a_registry_of_its_own(record: Any) -> None:
    kept: list[Any] = []

    async def work(seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close() -> None:
        await asyncio.sleep(0.1)

    async def body(_ctx: Any) -> None:
        async with StructuredTaskGroup() as group:
            group.cleanup_registry.register(close)
            kept.append(group.create_task(work(5)))
            await asyncio.sleep(0.2)
            raise ValueError("no")

    async def main() -> None:
        with contextlib.suppress(Exception):
            await Pipeline(name="demo").with_stage("s", stage(body), "work").run(context())

    with record() as trace:
        run_virtual(main)
    unit, member = trace.one("cleanup close"), trace.one("task work")
    assert unit.parent == "stage s"
    assert "cleanup.run_span_id" not in unit.first("cleanup.started").attributes
    assert member.parent == "stage s"
    assert (member.outcome, member.first("cancel.requested")["request.mechanism"]) == ("cancelled", "stageflow")
