"""Every way to start a pipeline of stageflow 1.2.0: the units appear once, with the right parents."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import warnings
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from stageflow import Pipeline, StageOutput, testing
from stageflow.agent import Agent
from stageflow.helpers.run_utils import PipelineRunner, run_simple_pipeline
from stageflow.pipeline.builder import PipelineBuilder
from stageflow.pipeline.dag import StageGraph, StageSpec, UnifiedStageGraph, UnifiedStageSpec
from stageflow.pipeline.pipeline import run_stage
from stageflow.pipeline.registry import PipelineRegistry
from stageflow.pipeline.subpipeline import SubpipelineSpawner
from stageflow.testing import create_test_pipeline_context
from stageflow.tools import AdvancedToolExecutor, ToolDefinition, ToolExecutor, ToolOutput
from stageflow.tools.approval import ApprovalService
from stageflow.tools.errors import ToolApprovalTimeoutError
from stageflow.tools.executor_v2 import ToolExecutorConfig

from .running import run_virtual
from .test_stageflow import MS, context, sleeping, stage


@dataclass
class Act:
    """What an agent asks of a tool."""

    type: str
    id: UUID = field(default_factory=uuid4)
    payload: dict[str, Any] = field(default_factory=dict[str, Any])


class Work:
    """A stage with a class of its own."""

    name = "work"

    async def execute(self, _ctx: Any) -> Any:
        await asyncio.sleep(0.1)
        return StageOutput.ok(x=1)


# What the library takes, beyond what its types say.
WORK: Any = Work


def stage_context() -> Any:
    """The library's own, of which pyright knows too little."""
    make: Any = vars(testing)["create_test_stage_context"]
    return make()


def demo() -> Pipeline:
    """One stage."""
    return Pipeline(name="demo").with_stage("s", WORK, "work")


async def by_run() -> None:
    await demo().run(context())


async def by_run_without_a_context() -> None:
    await demo().run(input_text="hello")


async def by_invoke() -> None:
    await demo().invoke("hello")


async def by_graph() -> None:
    await demo().build().run(context())


async def by_graph_with_a_stage_context() -> None:
    with pytest.warns(DeprecationWarning, match="StageContext"):
        await demo().build().run(stage_context())


async def by_specifications() -> None:
    graph = UnifiedStageGraph([UnifiedStageSpec(name="s", runner=Work().execute)], pipeline_name="demo")
    await graph.run(create_test_pipeline_context())


async def by_runner() -> None:
    assert (await PipelineRunner(verbose=False).run(demo(), input_text="hello")).success


async def by_hardened_runner() -> None:
    runner = PipelineRunner(verbose=False, enable_immutability_check=True, enable_context_size_monitor=True)
    assert (await runner.run(demo(), input_text="hello")).success


async def by_simple_helper() -> None:
    assert (await run_simple_pipeline(demo(), "hello")).success


async def by_run_stage() -> None:
    await run_stage("s", WORK, "work", topology="demo")


async def by_deprecated_graph() -> None:
    with pytest.warns(DeprecationWarning, match="StageGraph is deprecated"):
        graph = StageGraph([StageSpec(name="s", runner=WORK)])
    await graph.run(context(topology="demo"))


async def by_deprecated_builder() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        graph = PipelineBuilder(name="demo").with_stage("s", WORK).build()
    await graph.run(context(topology="demo"))


async def by_eager_use_of_a_fork() -> None:
    await demo().run(context().fork(uuid4(), "above", uuid4()))


DOORS = {name: door for name, door in list(globals().items()) if name.startswith("by_")}


@pytest.mark.parametrize("door", sorted(DOORS))
def test_each_door_opens_one_run(record: Any, door: str) -> None:
    with record() as trace:
        run_virtual(DOORS[door])
    run, unit, task = trace.one("pipeline demo"), trace.one("stage s"), trace.one(f"task {door}")
    assert run.parent is None
    assert run.attributes["origin.span_id"] == task.span_id
    assert unit.parent == "pipeline demo"
    assert (run.outcome, unit.outcome) == ("completed", "completed")
    assert len(trace.units) == 4  # the program, the task, the run, the stage
    assert (unit.attributes["code.function.name"], unit.attributes["code.file.path"]) == ("Work.execute", "test_stageflow_doors.py")
    assert unit.attributes["code.line.number"] == Work.execute.__code__.co_firstlineno
    # Who started the run, below whatever of the library stands between.
    assert (run.attributes["code.function.name"], run.attributes["code.file.path"]) == (door, "test_stageflow_doors.py")
    assert trace.faults == []


@pytest.mark.parametrize("by", ["a timeout", "gather", "a task"])
def test_who_runs_a_pipeline_beyond_what_stands_between(record: Any, by: str) -> None:
    async def main() -> None:
        if by == "a timeout":
            async with asyncio.timeout(5):
                await demo().run(context())
        elif by == "gather":
            await asyncio.gather(demo().run(context()))
        else:
            await asyncio.create_task(demo().build().run(context()))

    with record() as trace:
        run_virtual(main)
    # A task that is a run is started by nobody's line: the loop drives it.
    where = trace.one("pipeline demo").attributes.get("code.function.name")
    assert (str(where).rpartition("<locals>.")[2] if where else None) == ("main" if by == "a timeout" else None)


def test_the_code_of_a_stage_is_its_own(record: Any) -> None:
    def decorated(function: Any) -> Any:
        @functools.wraps(function)
        async def around(ctx: Any) -> Any:
            return await function(ctx)

        return around

    async def plain(_ctx: Any) -> None: ...

    @decorated
    async def wrapped(_ctx: Any) -> None: ...

    async def partly(_what: str, _ctx: Any) -> None: ...

    class Called:
        async def __call__(self, _ctx: Any) -> None: ...

    class Instance(Work):
        async def execute(self, _ctx: Any) -> None: ...

    def gives(ctx: Any) -> Any:
        return plain(ctx)

    bodies: dict[str, Any] = {
        "plain": plain,
        "wrapped": wrapped,
        "partly": functools.partial(partly, "x"),
        "called": Called(),
        "instance": Instance(),
        "method": Instance().execute,
        "gives": gives,
        "inherited": type("Inherited", (Work,), {}),
    }

    async def main() -> None:
        pipeline = Pipeline(name="demo")
        for name, body in bodies.items():
            pipeline = pipeline.with_stage(name, body, "work")
        await pipeline.run(context())

    with record() as trace:
        run_virtual(main)
    found = {unit.attributes["stage"]: str(unit.attributes["code.function.name"]).rpartition("<locals>.")[2] for unit in trace.units[3:]}
    assert found == {
        "plain": "plain",
        "wrapped": "wrapped",
        "partly": "partly",
        "called": "Called.__call__",
        "instance": "Instance.execute",
        "method": "Instance.execute",
        "gives": "gives",
        "inherited": "Work.execute",
    }
    assert {unit.outcome for unit in trace.units[3:]} == {"completed"}
    assert trace.faults == []


def test_stages_that_are_no_coroutine_functions(record: Any) -> None:
    def returns(_ctx: Any) -> Any:
        return {"x": 1}

    def raises(_ctx: Any) -> Any:
        raise ValueError("at once")

    def generator(_ctx: Any) -> Any:
        yield

    errors: list[str] = []

    async def main() -> None:
        for body in (returns, raises, generator):
            try:
                await Pipeline(name="demo").with_stage(body.__name__, body, "work").run(context())
            except Exception as error:
                errors.append(str(error))

    run_virtual(main)
    untold, errors = errors, []
    with record() as trace:
        run_virtual(main)
    assert errors == untold
    assert trace.one("stage raises").attributes["exception.message"] == "at once"
    assert trace.one("stage raises").ran
    for name in ("returns", "generator"):
        unit = trace.one(f"stage {name}")
        assert (unit.outcome, unit.attributes["error.type"]) == ("failed", "TypeError")
        assert unit.of("output.produced") == []
    assert trace.faults == []


def test_a_tool_that_spawns_a_registered_pipeline(record: Any) -> None:
    registry = PipelineRegistry()
    registry.register("child", Pipeline(name="child").with_stage("inner", sleeping(0.1), "work"))

    async def main() -> None:
        ctx = context()
        executor = ToolExecutor(spawner=SubpipelineSpawner(), registry=registry)

        async def uses(_ctx: Any) -> Any:
            return (await executor.spawn_subpipeline("child", ctx, uuid4())).data

        await Pipeline(name="parent").with_stage("uses", stage(uses), "agent").run(ctx)

    with record() as trace:
        run_virtual(main)
    parents = {unit.name: unit.parent for unit in trace.units if unit.kind not in ("program", "task")}
    assert parents == {
        "pipeline parent": None,
        "stage uses": "pipeline parent",
        "subpipeline child": "stage uses",
        "pipeline child": "subpipeline child",
        "stage inner": "pipeline child",
    }


def test_tools_run_in_the_stage_s_own_task(record: Any) -> None:
    """Neither executor of 1.2.0 makes tasks; a tool is cut with its stage."""
    told: list[str] = []

    async def slow(_input: Any) -> Any:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            told.append("cut")
            raise
        return ToolOutput(success=True)

    async def main() -> None:
        executor = AdvancedToolExecutor()
        executor.register(ToolDefinition(name="slow", action_type="SLOW", handler=slow))

        async def uses(ctx: Any) -> None:
            await executor.execute(Act("SLOW"), ctx)

        with contextlib.suppress(Exception):
            await Pipeline(name="demo").with_stage("uses", stage(uses), "agent").run(context(500))

    with record() as trace:
        run_virtual(main)
    assert told == ["cut"]
    unit = trace.one("stage uses")
    assert unit.first("cancel.delivered")["code.function.name"].endswith("slow")
    assert [each.name for each in trace.units if each.kind == "task"] == ["task main"]


def test_a_tool_s_approval_has_a_deadline_of_its_own(record: Any) -> None:
    async def never(_input: Any) -> Any:
        return ToolOutput(success=True)

    async def main() -> None:
        executor = AdvancedToolExecutor(config=ToolExecutorConfig(approval_timeout_seconds=2), approval_service=ApprovalService())
        executor.register(ToolDefinition(name="risky", action_type="RISKY", handler=never, requires_approval=True))

        async def uses(ctx: Any) -> None:
            with contextlib.suppress(ToolApprovalTimeoutError):
                await executor.execute(Act("RISKY"), ctx)
            await asyncio.sleep(1)

        await Pipeline(name="demo").with_stage("uses", stage(uses), "agent").run(context())

    with record() as trace:
        run_virtual(main)
    scope, unit = trace.one("timeout ApprovalService.await_decision"), trace.one("stage uses")
    assert (scope.parent, scope.outcome) == ("stage uses", "timed_out")
    assert scope.first("deadline.set")["deadline.timeout_ns"] == 2_000 * MS
    assert scope.end_ns == scope.start_ns + 2_000 * MS
    # The stage's own deadline is another one, and it was not asked.
    assert unit.of("cancel.requested") == []
    assert unit.attributes["timeout_ns"] == 30_000 * MS
    assert unit.outcome == "completed"


def test_an_agent_starts_no_pipeline(record: Any) -> None:
    """`Agent.run` is a loop of calls; what it is given runs where it is awaited."""

    class Client:
        async def chat(self, *_arguments: Any, **_options: Any) -> Any:
            await asyncio.sleep(5)

    async def main() -> None:
        async def asks(_ctx: Any) -> None:
            await Agent(llm_client=Client()).run("hello")

        with contextlib.suppress(Exception):
            await Pipeline(name="demo").with_stage("asks", stage(asks), "agent").run(context(500))

    with record() as trace:
        run_virtual(main)
    assert [unit.kind for unit in trace.units] == ["program", "task", "pipeline", "stage"]
