"""Cooperative flags of stageflow: set when, by whom, for which run; first read as true by whom; and nothing of it shows."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import dataclasses
import pickle
import threading
from types import MemberDescriptorType
from typing import Any
from uuid import uuid4

import pytest
from stageflow import Pipeline
from stageflow.events import NoOpEventSink
from stageflow.pipeline.cancellation import CancellationToken
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.stages.context import PipelineContext

from spanproof.scenarios.virtual_loop import VirtualLoop

from .running import run_virtual
from .test_stageflow import context, sleeping, stage


def line_of(function: Any, text: str) -> int:
    """The line of a function that contains this text."""
    code = function.__code__
    with open(code.co_filename, encoding="utf-8") as file:  # noqa: PTH123
        lines = file.readlines()
    return next(number for number in range(code.co_firstlineno, len(lines)) if text in lines[number - 1])


async def polls(ctx: Any) -> None:
    """A stage that looks every 0.1 s."""
    while not ctx.is_cancelled:  # noqa: ASYNC110 - that is how a flag is looked at
        await asyncio.sleep(0.1)


async def checks(ctx: Any) -> None:
    """A stage that lets itself be interrupted."""
    while True:
        await asyncio.sleep(0.1)
        await ctx.cancellation_checkpoint()


@pytest.mark.parametrize("body", [polls, checks])
def test_the_first_read_that_is_true(record: Any, body: Any) -> None:
    async def main() -> None:
        ctx = context()
        run = asyncio.create_task(
            Pipeline(name="demo").with_stage("reads", stage(body), "work").with_stage("b", sleeping(1), "work", ("reads",)).run(ctx)
        )
        await asyncio.sleep(0.45)
        ctx.mark_canceled("stop")
        with contextlib.suppress(Exception):
            await run

    with record() as trace:
        run_virtual(main)
    demo, reads = trace.one("pipeline demo"), trace.one("stage reads")
    flagged = demo.first("cancel.flagged")
    assert flagged["flag.mechanism"] == "mark_canceled"
    assert flagged["code.line.number"] == line_of(main, "mark_canceled")
    read = reads.first("cancel.flag_read")
    assert (read["flag.id"], read["flag.run_span_id"], read["flag.reader_span_id"]) == (flagged["flag.id"], demo.span_id, reads.span_id)
    assert read["code.line.number"] == line_of(body, "is_cancelled" if body is polls else "cancellation_checkpoint")
    assert read.seq > flagged.seq
    assert len(reads.of("cancel.flag_read")) == 1
    assert trace.faults == []


def test_the_run_itself_reads_between_stages(record: Any) -> None:
    async def main() -> None:
        ctx = context()
        asyncio.get_running_loop().call_later(0.5, ctx.mark_canceled, "stop")
        pipeline = Pipeline(name="demo").with_stage("a", sleeping(1), "work").with_stage("b", sleeping(1), "work", ("a",))
        with contextlib.suppress(Exception):
            await pipeline.run(ctx)

    with record() as trace:
        run_virtual(main)
    demo = trace.one("pipeline demo")
    flagged, read = demo.first("cancel.flagged"), demo.first("cancel.flag_read")
    assert "flag.by_span_id" not in flagged.attributes
    assert (read["flag.reader_span_id"], read["code.file.path"]) == (demo.span_id, "dag.py")
    # It looks when a stage has ended, not when it is flagged.
    assert read.time_ns - flagged.time_ns == 500_000_000


def test_a_flag_that_nobody_sets_is_nowhere(record: Any) -> None:
    async def main() -> None:
        ctx = context()
        await Pipeline(name="demo").with_stage("a", sleeping(1), "work").run(ctx)
        assert not ctx.is_canceled
        ctx.mark_canceled()

    with record() as trace:
        run_virtual(main)
    assert [event.name for unit in trace.units for event in unit.events if "flag" in event.name] == []


def test_a_flag_set_by_hand(record: Any) -> None:
    async def main() -> None:
        ctx = context()

        async def sets(_ctx: Any) -> None:
            ctx.canceled = True
            ctx.canceled = True
            await asyncio.sleep(0.1)

        with contextlib.suppress(Exception):
            await Pipeline(name="demo").with_stage("a", stage(sets), "work").with_stage("b", sleeping(1), "work", ("a",)).run(ctx)

    with record() as trace:
        run_virtual(main)
    flagged = trace.one("pipeline demo").of("cancel.flagged")
    assert [event["flag.mechanism"] for event in flagged] == ["attribute"]
    assert flagged[0]["flag.by_span_id"] == trace.one("stage a").span_id
    assert flagged[0]["code.function.name"].endswith("sets")


def test_a_run_that_begins_flagged(record: Any) -> None:
    async def main() -> None:
        ctx = context()
        ctx.mark_canceled("before")
        with contextlib.suppress(Exception):
            await Pipeline(name="demo").with_stage("a", sleeping(1), "work").run(ctx)

    with record() as trace:
        run_virtual(main)
    assert trace.one("pipeline demo").first("cancel.flagged")["flag.mechanism"] == "before_run"
    assert trace.one("pipeline demo").of("cancel.flag_read") != []


def test_the_token_of_a_run(record: Any) -> None:
    async def main() -> None:
        graph: Any = None

        async def sets(_ctx: Any) -> None:
            await asyncio.sleep(0.2)
            graph.cancel_token.cancel("enough")

        graph = (
            Pipeline(name="demo")
            .with_stage("sets", stage(sets), "work")
            .with_stage("b", sleeping(1), "work", dependencies=("sets",))
            .build()
        )
        with contextlib.suppress(Exception):
            await graph.run(context())

    with record() as trace:
        run_virtual(main)
    demo = trace.one("pipeline demo")
    flagged = demo.first("cancel.flagged")
    assert (flagged["flag.mechanism"], flagged["flag.by_span_id"]) == ("token", trace.one("stage sets").span_id)
    assert demo.first("cancel.flag_read")["flag.id"] == flagged["flag.id"]


def test_a_read_by_code_that_has_often_read_before_it_was_true(record: Any) -> None:
    """The interpreter shortens what it has done often enough; what it then does must still be seen."""
    reads: list[CancellationToken] = []

    async def looks(token: CancellationToken) -> None:
        while not token.is_cancelled:
            reads.append(token)
            await asyncio.sleep(0.001)

    async def main() -> None:
        built: Any = Pipeline(name="demo").with_stage("a", sleeping(2), "work").build()
        run = asyncio.create_task(built.run(context()))
        await asyncio.sleep(0.1)
        looking = asyncio.create_task(looks(built.cancel_token))
        await asyncio.sleep(0.5)
        built.cancel_token.cancel("stop")
        with contextlib.suppress(Exception):
            await asyncio.gather(run, looking)

    with record() as trace:
        run_virtual(main)
    assert len(reads) > 100
    read = next(event for unit in trace.named("task looks") for event in unit.events if event.name == "cancel.flag_read")
    assert read["code.line.number"] == line_of(looks, "is_cancelled")


def test_cancel_with_children_flags_each_run_that_it_names(record: Any) -> None:
    async def main() -> None:
        spawner = SubpipelineSpawner()
        contexts: dict[Any, PipelineContext] = {}
        ctx = context()

        async def runner(child: PipelineContext) -> Any:
            contexts[child.pipeline_run_id] = child
            return await Pipeline(name="child").with_stage("inner", sleeping(1), "work").run(child)

        async def spawns(stage_ctx: Any) -> None:
            await spawner.spawn("child", ctx, uuid4(), stage_ctx.stage_name, runner)

        async def asks(_ctx: Any) -> None:
            await asyncio.sleep(0.5)
            assert ctx.pipeline_run_id is not None
            assert await spawner.is_canceled(ctx.pipeline_run_id)

        run = asyncio.create_task(
            Pipeline(name="parent").with_stage("spawns", stage(spawns), "work").with_stage("asks", stage(asks), "work").run(ctx)
        )
        await asyncio.sleep(0.2)
        assert ctx.pipeline_run_id is not None
        await spawner.cancel_with_children(ctx.pipeline_run_id, contexts=contexts)
        with contextlib.suppress(Exception):
            await run

    with record() as trace:
        run_virtual(main)
    parent, child = trace.one("pipeline parent"), trace.one("pipeline child")
    for unit in (parent, child):
        flagged = [event["flag.mechanism"] for event in unit.of("cancel.flagged")]
        assert flagged == ["cancel_with_children"]
        assert unit.first("cancel.flagged")["flag.by_span_id"] == trace.one("task main").span_id
        assert unit.first("cancel.flagged")["code.line.number"] == line_of(main, "cancel_with_children")
    read = trace.one("stage asks").first("cancel.flag_read")
    assert (read["flag.run_span_id"], read["flag.mechanism"]) == (parent.span_id, "cancel_with_children")
    assert trace.faults == []


def test_a_flag_from_another_thread(record: Any) -> None:
    async def main() -> None:
        ctx = context()

        async def sets(_ctx: Any) -> None:
            thread = threading.Thread(target=ctx.mark_canceled)
            thread.start()
            thread.join()
            await asyncio.sleep(0.1)

        with contextlib.suppress(Exception):
            await Pipeline(name="demo").with_stage("a", stage(sets), "work").with_stage("b", sleeping(1), "work", ("a",)).run(ctx)

    with record() as trace:
        run_virtual(main)
    demo, flagged = trace.one("pipeline demo"), trace.one("pipeline demo").first("cancel.flagged")
    assert "flag.by_span_id" not in flagged.attributes
    assert demo.end_ns is not None
    assert demo.start_ns <= flagged.time_ns <= demo.end_ns


def test_two_runs_share_a_context(record: Any) -> None:
    async def main() -> None:
        ctx = context()
        graph = Pipeline(name="demo").with_stage("a", sleeping(1), "work").with_stage("b", sleeping(1), "work", ("a",)).build()
        asyncio.get_running_loop().call_later(0.5, ctx.mark_canceled)
        await asyncio.gather(graph.run(ctx), graph.run(ctx), return_exceptions=True)

    with record() as trace:
        run_virtual(main)
    assert [len(run.of("cancel.flagged")) for run in trace.named("pipeline demo")] == [1, 1]


def test_a_run_that_was_abandoned_is_forgotten(record: Any) -> None:
    """Its loop was closed over it: another context may have the same id by then."""
    ctx = context()

    async def main() -> None:
        task = asyncio.create_task(Pipeline(name="left").with_stage("a", sleeping(5), "work").run(ctx))
        await asyncio.sleep(0.1)
        # What asyncio.run would do is cancel it.
        coro: Any = task.get_coro()
        coro.close()
        ctx.mark_canceled()

    with record() as trace:
        loop = VirtualLoop()
        with contextlib.suppress(RuntimeError):
            loop.run_until_complete(main())
        loop.close()
    assert trace.one("pipeline left").of("cancel.flagged") == []


def test_the_property_in_place_of_the_flag_does_not_show(record: Any) -> None:
    before = (vars(PipelineContext)["canceled"], vars(CancellationToken)["is_cancelled"])
    assert isinstance(before[0], MemberDescriptorType)
    with record():
        # A sink that equals its copies.
        sink: Any = NoOpEventSink
        plain, flagged = PipelineContext(event_sink=sink), PipelineContext(event_sink=sink, canceled=True)
        assert (plain.canceled, flagged.canceled, flagged.is_canceled) == (False, True, True)
        for each in (plain, flagged):
            assert copy.copy(each) == each == copy.deepcopy(each)
            assert pickle.loads(pickle.dumps(each)) == each  # noqa: S301
            assert dataclasses.replace(each) == each
            assert not hasattr(each, "__dict__")
        assert plain != flagged
        assert "canceled=True" in repr(flagged)
        assert dataclasses.asdict(flagged)["canceled"] is True
        assert [field.name for field in dataclasses.fields(PipelineContext)].count("canceled") == 1
        child = plain.fork(uuid4(), "s", uuid4())
        assert (child.canceled, isinstance(child, PipelineContext)) == (False, True)
        del plain.canceled
        with pytest.raises(AttributeError, match="canceled"):
            assert plain.canceled
        plain.canceled = False

        class Mine(PipelineContext):
            """A context of the user's own."""

        mine = Mine(event_sink=sink)
        mine.mark_canceled("why")
        assert (mine.canceled, mine.cancellation_reason) == (True, "why")
        token = CancellationToken()
        assert vars(token) == {"_cancelled": False, "_reason": None, "_callbacks": []}
        told: list[bool] = []
        token.on_cancel(lambda: told.append(token.is_cancelled))
        token.cancel("x")
        assert (token.is_cancelled, token.reason, told) == (True, "x", [True])
        assert copy.deepcopy(CancellationToken()) == CancellationToken()
        with pytest.raises(AttributeError):
            token.is_cancelled = False  # type: ignore[misc]
    assert vars(PipelineContext)["canceled"] is before[0]
    assert vars(CancellationToken)["is_cancelled"] is before[1]
    # What was made during the session works after it.
    assert (flagged.canceled, plain.canceled) == (True, False)


def test_a_session_that_ends_while_a_run_is_flagged(record: Any) -> None:
    async def main() -> None:
        ctx = context()

        async def sets(_ctx: Any) -> None:
            ctx.mark_canceled()
            await asyncio.sleep(1)

        with record():
            run = asyncio.create_task(Pipeline(name="demo").with_stage("a", stage(sets), "work").run(ctx))
            await asyncio.sleep(0.1)
        assert ctx.is_canceled
        assert isinstance(vars(PipelineContext)["canceled"], MemberDescriptorType)
        with contextlib.suppress(Exception):
            await run
        assert run.done()

    run_virtual(main)
