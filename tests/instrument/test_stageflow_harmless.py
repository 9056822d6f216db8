"""stageflow does not notice that it is watched: what it logs and gives is the same, with every probe and with each one broken."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import stageflow
from stageflow import Pipeline, StageOutput
from stageflow.pipeline import builder, cancellation, dag, idempotency, interceptors, pipeline, retry, subpipeline
from stageflow.stages.context import PipelineContext

from spanproof.instrument.stageflow import callbacks, cleanups, events, flags, graphs, reads, stages, stores, timeouts
from tests.programs import faulty, faulty_stageflow, silent_stageflow, silent_stageflow_more

from .running import run_virtual
from .stageflow_parts import Listening

if TYPE_CHECKING:
    from collections.abc import Generator

# Times and ids of a run that no two runs share.
_VARYING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|\d+\.\d+")
_FAULTY = {name: program for name, (program, _found) in {**faulty.PROGRAMS, **faulty_stageflow.PROGRAMS}.items()}
# Where several stages end in one moment, the library goes through a set of tasks: which comes first is chance, with or without us.
_BY_CHANCE = {"all_stages_time_out_together"}
PROGRAMS = {**silent_stageflow.PROGRAMS, **silent_stageflow_more.PROGRAMS, **_FAULTY}


class Log(logging.Handler):
    """What the library says."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "asyncio":
            self.lines.append(_VARYING.sub("#", f"{record.levelname} {record.name} {record.getMessage()}"))


@contextlib.contextmanager
def logged() -> Generator[list[str]]:
    """The library's log of a block."""
    log, root = Log(), logging.getLogger()
    level = root.level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    try:
        yield log.lines
    finally:
        root.removeHandler(log)
        root.setLevel(level)


@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - _BY_CHANCE))
def test_the_library_logs_the_same(record: Any, name: str) -> None:
    with logged() as untold:
        run_virtual(PROGRAMS[name])
    with record() as trace, logged() as told:
        run_virtual(PROGRAMS[name])
    assert sorted(told) == sorted(untold)
    assert trace.faults == []


def everything() -> dict[str, Any]:
    """What stands on the library's modules and classes, by identity."""
    found: dict[str, Any] = {}
    for module in (stageflow, builder, cancellation, dag, idempotency, interceptors, pipeline, retry, subpipeline):
        for name, thing in vars(module).items():
            found[f"{module.__name__}.{name}"] = thing
            if inspect.isclass(thing) and thing.__module__.startswith("stageflow"):
                found.update({f"{thing.__module__}.{thing.__name__}.{key}": value for key, value in vars(thing).items()})
    return found


def test_all_of_it_is_put_back(record: Any) -> None:
    before = everything()
    with record():
        during = everything()
    after = everything()
    changed = {name for name in before if during[name] is not before[name]}
    assert {name for name in before if after[name] is not before[name]} == set()
    assert after.keys() == before.keys()
    assert "stageflow.pipeline.dag.run_with_interceptors" in changed
    # What was a coroutine function still is one: frameworks ask.
    asks = [name for name in changed if inspect.iscoroutinefunction(before[name]) and not inspect.iscoroutinefunction(during[name])]
    assert asks == ["stageflow.pipeline.dag.run_with_interceptors"]


async def a_bit_of_all() -> list[Any]:
    """Something that every probe sees, and what comes of it."""
    told: list[Any] = []
    graph: Any = None
    ctx = PipelineContext(pipeline_run_id=uuid4(), data={"idempotency_key": "k"})

    async def close() -> None:
        told.append("closed")

    async def flagged(stage_ctx: Any) -> Any:
        graph.register_cleanup(close)
        ctx.mark_canceled("stop")
        told.append(stage_ctx.is_cancelled)

        async def runner(child: PipelineContext) -> Any:
            return await Pipeline(name="child").with_stage("inner", done, "work").run(child, interceptors=[Listening(50)])

        child = await subpipeline.SubpipelineSpawner().spawn("child", PipelineContext(), uuid4(), "flagged", runner)
        told.append(child.success)
        return StageOutput.ok(x=1)

    async def done(_ctx: Any) -> Any:
        await asyncio.sleep(0.1)
        return {"y": 2}

    async def refused(_ctx: Any) -> Any:
        raise ValueError("no")

    listening = Listening(50)
    store = idempotency.IdempotencyInterceptor()
    graph = (
        Pipeline(name="all")
        .with_stage("flagged", flagged, "work")
        .build(interceptors=[interceptors.TimeoutInterceptor(), store, listening])
    )
    with contextlib.suppress(dag.UnifiedPipelineCancelled):
        await graph.run(ctx)
    for body in (done, refused):
        try:
            results = await Pipeline(name="more").with_stage("s", body, "work").run(emit_stage_wide_events=True)
            told.append(dict(results["s"].data))
        except Exception as error:
            told.append((type(error).__name__, str(error)))
    return [*told, [(each.name, each.status) for each in listening.told]]


BROKEN: list[tuple[Any, str, str]] = [
    *[(stages.StageRun, name, "stageflow") for name in ("__init__", "open", "close", "told_after", "told_error", "result", "finish")],
    (timeouts, "attach_armed", "stageflow"),
    (graphs, "open_pipeline", "stageflow"),
    (graphs, "close_pipeline", "stageflow"),
    (events, "_report", "stageflow"),
    (stores, "_note", "stageflow"),
    *[(callbacks.WatchedCallback, name, "cleanup") for name in ("_open", "_close", "release")],
    (cleanups, "_note_registered", "cleanup"),
    (flags, "note", "flag"),
    (reads.Reads, "note", "flag"),
]
"""(where, function of a probe, its seam)"""


@pytest.mark.parametrize(("owner", "name", "seam"), BROKEN)
def test_a_broken_probe_costs_its_seam_alone(record: Any, owner: Any, name: str, seam: str, monkeypatch: pytest.MonkeyPatch) -> None:
    untold = run_virtual(a_bit_of_all)

    def broken(*_arguments: Any, **_options: Any) -> Any:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(owner, name, broken)
    with record() as trace:
        told = run_virtual(a_bit_of_all)
    assert told == untold
    assert [(fault["fault.probe"], fault["exception.message"]) for fault in trace.faults] == [(seam, "a bug of ours")]
    assert [other for other, held in trace.seams.items() if held.startswith("lost")] == [seam]
