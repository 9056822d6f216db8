"""A probe that breaks costs its seam and nothing else: one fault is told, and the program goes on as if nobody watched."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from opentelemetry.sdk.trace import TracerProvider
from stageflow import Pipeline
from stageflow.pipeline.cancellation import CleanupRegistry

from spanproof.instrument.attach import session
from spanproof.instrument.seams import NAMES
from spanproof.instrument.sinks import MemorySink
from spanproof.instrument.testing import Trace, _events

from .running import run_virtual
from .test_attach_factories import own_factory
from .test_harmless import outcome, program, untraced
from .test_stageflow import context, sleeping

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

BREAKABLE: dict[str, tuple[str, ...]] = {
    "task": ("spanproof.instrument.task.open_task",),
    "cancel": ("spanproof.instrument.callers.who_cancels",),
    "delivery": ("spanproof.instrument.recorder.Recorder.deliver",),
    "deadline": ("spanproof.instrument.scopes.arm_scope",),
    "await": ("spanproof.instrument.awaiting.begin_await", "spanproof.instrument.groups.begin_await"),
    "runner": ("spanproof.instrument.recorder.Recorder.loop_state",),
    "watchdog": ("spanproof.instrument.recorder.Recorder.note_blocked",),
    "stageflow": ("spanproof.instrument.stageflow.graphs.open_pipeline",),
    "cleanup": ("spanproof.instrument.stageflow.cleanups._note_registered",),
    "flag": ("spanproof.instrument.stageflow.flags.note",),
    "anyio": ("spanproof.instrument.anyio.scopes._note_entering",),
    "generator": ("spanproof.instrument.generators.Generators.opened",),
    "thread": ("spanproof.instrument.threads._handed_over",),
    "resource": ("spanproof.instrument.descriptors.Descriptors.opened",),
    "export": ("spanproof.instrument.live.LiveSpans.start",),
}
"""What a seam's probes call, and what is made to raise."""


async def more(log: list[Any]) -> None:
    """What the other program leaves out: anyio, generators, threads, files, tasks of a class of the program's own."""

    async def numbers() -> AsyncGenerator[int]:
        try:
            yield 1
            yield 2
        finally:
            log.append("generator left")

    with anyio.move_on_after(0.01) as scope:
        await anyio.sleep(5)
    log.append(scope.cancelled_caught)
    async with aclosing(numbers()) as generator:
        async for number in generator:
            log.append(number)
            break
    log.append(await asyncio.to_thread(lambda: 7))
    log.append(await asyncio.get_running_loop().run_in_executor(None, lambda: 8))
    with open(__file__, encoding="utf-8") as file:  # noqa: ASYNC230, PTH123 - the builtin is what is watched
        log.append(len(file.readline()))
    asyncio.get_running_loop().set_task_factory(own_factory)
    task = asyncio.create_task(asyncio.sleep(5))
    await asyncio.sleep(0)
    task.cancel("asked")
    log.append(repr(await asyncio.gather(task, asyncio.sleep(0, 9), return_exceptions=True)))
    log.append(type(task).__name__)


@contextmanager
def recording(record: Any, name: str) -> Generator[Trace]:
    """A recording; for the seam `export` one that makes live spans."""
    if name != "export":
        with record() as trace:
            yield trace
        return
    trace = Trace()
    with session(sink=MemorySink(), provider=TracerProvider(), name="test") as attached:
        yield trace
    trace.seams = dict(text.split("=", 1) for text in attached.recorder.seams.described())
    trace.faults = _events(attached.recorder.recording)


def test_every_seam_is_broken_here() -> None:
    assert set(BREAKABLE) == set(NAMES)


@pytest.mark.parametrize("name", sorted(BREAKABLE))
def test_a_broken_probe_costs_its_seam_and_nothing_else(record: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a seam's probes call is made to raise; the program must not notice, and the trace must say so once."""

    def broken(*_arguments: Any, **_options: Any) -> Any:
        raise ZeroDivisionError("broken on purpose")

    for target in BREAKABLE[name]:
        monkeypatch.setattr(target, broken)
    monkeypatch.setattr("spanproof.instrument.recorder.BLOCKED_NS", -1 if name == "watchdog" else 10**12)
    log: list[str] = []
    beyond: list[Any] = []
    with recording(record, name) as trace:
        traced = outcome(program(log), log)
        asyncio.run(more(beyond))
        if name == "cleanup":
            registry = CleanupRegistry()
            registry.register(lambda: asyncio.sleep(0))
            assert registry.pending_count == 1
        if name == "flag":
            run_virtual(flagging)
    expected: list[Any] = []
    asyncio.run(more(expected))
    assert (traced, beyond) == (untraced(), expected)
    assert trace.seams[name] == "lost: ZeroDivisionError"
    faults = [fault["fault.probe"] for fault in trace.faults]
    assert faults.count(name) == 1


async def flagging() -> None:
    ctx = context()
    run = asyncio.ensure_future(Pipeline(name="demo").with_stage("a", sleeping(1), "work").run(ctx))
    await asyncio.sleep(0.1)
    ctx.mark_canceled()
    await asyncio.gather(run, return_exceptions=True)


@pytest.mark.parametrize(
    "target", ["foreign.open_task", "foreign.Foreigners._mark", "factories.LateProbe.settle", "foreign.record_request"]
)
def test_a_broken_record_of_a_foreign_task(record: Any, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks of a class of the program's own run as they do, whatever becomes of their record."""

    def broken(*_arguments: Any, **_options: Any) -> Any:
        raise ZeroDivisionError("broken on purpose")

    monkeypatch.setattr(f"spanproof.instrument.{target}", broken)
    log: list[Any] = []
    with record() as trace:
        asyncio.run(more(log))
    expected: list[Any] = []
    asyncio.run(more(expected))
    assert log == expected
    assert [fault["exception.type"] for fault in trace.faults] == ["ZeroDivisionError"]
