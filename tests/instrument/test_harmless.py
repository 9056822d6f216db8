"""The program does not notice that it is watched: same results, same order, same errors, and everything put back."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import traceback
import weakref
from typing import Any

import pytest
from stageflow import Pipeline
from stageflow.pipeline import dag
from stageflow.pipeline.cancellation import CleanupRegistry
from stageflow.pipeline.subpipeline import SubpipelineSpawner

from spanproof import instrument
from spanproof.instrument import attach
from spanproof.instrument.seams import Seam
from spanproof.instrument.sinks import MemorySink
from spanproof.instrument.testing import recorded

from .conftest import WAYS
from .running import run_virtual
from .test_stageflow import context, sleeping, stage


def originals() -> dict[str, Any]:
    """Everything that a session replaces, by identity."""
    runner, base = asyncio.runners.Runner, asyncio.BaseEventLoop
    tasks: Any = asyncio.tasks
    return {
        "asyncio.Task": asyncio.Task,
        "tasks.Task": tasks.Task,
        "tasks._wait": tasks._wait,
        "wait_for": asyncio.wait_for.__code__,
        "hook": getattr(tasks, "_spanproof_wait_for", None),
        **{f"Timeout.{name}": vars(asyncio.Timeout)[name] for name in ("__aenter__", "__aexit__", "reschedule", "_on_timeout")},
        **{f"TaskGroup.{name}": vars(asyncio.TaskGroup)[name] for name in ("__aenter__", "__aexit__")},
        "Runner.run": vars(runner)["run"],
        "loop.close": vars(base)["close"],
        **{f"graph.{name}": vars(dag.UnifiedStageGraph)[name] for name in ("run", "_run_stage", "register_cleanup")},
        "run_with_interceptors": vars(dag)["run_with_interceptors"],
        "spawn": vars(SubpipelineSpawner)["spawn"],
        **{f"registry.{name}": vars(CleanupRegistry)[name] for name in ("__init__", "register", "unregister", "run_all")},
    }


def test_everything_is_put_back_by_identity() -> None:
    before = originals()
    with recorded():
        during = originals()
        assert all(during[name] is not before[name] for name in before)
    after = originals()
    assert [name for name in before if after[name] is not before[name]] == []
    if sys.version_info >= (3, 12):
        assert all(sys.monitoring.get_tool(tool) != "spanproof" for tool in range(6))


def test_a_second_session_says_where_the_first_one_began() -> None:
    with recorded(), pytest.raises(attach.SessionError, match=r"test_harmless\.py:\d+\).*Right: one session"):
        attach.start(sink=MemorySink())
    assert attach.active() is None


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ({"name": 5}, "name=5 is no text"),
        ({"max_bytes": "5MB"}, "max_bytes='5MB'"),
        ({"max_bytes": 0}, "max_bytes=0"),
        ({"provider": "mine"}, "provider='mine' is no TracerProvider"),
    ],
)
def test_arguments_of_the_wrong_kind_are_told_at_once(argument: dict[str, Any], told: str) -> None:
    with pytest.raises(attach.SessionError, match=told):
        attach.start(sink=MemorySink(), **argument)
    assert attach.active() is None


def test_stop_without_start_and_stop_twice_do_nothing() -> None:
    assert attach.stop() is None
    attach.start(sink=MemorySink())
    attach.stop()
    assert attach.stop() is None


def test_removed_while_units_are_open() -> None:
    sink = MemorySink()

    async def main() -> str:
        attach.start(sink=sink)
        task = asyncio.create_task(asyncio.sleep(1, "done"), name="mine")
        async with asyncio.timeout(5):
            await asyncio.sleep(0.1)
            attach.stop()
            return await task

    before = originals()
    assert run_virtual(main) == "done"
    assert [name for name, value in originals().items() if value is not before[name]] == []
    assert {unit.name for unit in sink.open_units} == {"task main", "task sleep", "timeout main"}
    assert all(unit.outcome == "unfinished" for unit in sink.open_units)


def test_a_running_loop_s_tasks_are_adopted(record: Any) -> None:
    traces: list[Any] = []

    async def background() -> None:
        await asyncio.sleep(1)

    async def main() -> None:
        task = asyncio.create_task(background())
        await asyncio.sleep(0.1)
        with record() as trace:
            traces.append(trace)
            await Pipeline(name="demo").with_stage("a", sleeping(1), "work").run(context())
            await task

    run_virtual(main)
    (trace,) = traces
    assert trace.one("task background").outcome == "completed"
    assert trace.one("task main").outcome == "unfinished"
    assert trace.one("pipeline demo").attributes["origin.span_id"] == trace.one("task main").span_id
    assert trace.faults == []


def program(log: list[str]) -> Any:
    """Many ways to end, in one program; what it logs and raises is compared with and without a recorder."""

    async def failing(_ctx: Any) -> None:
        await asyncio.sleep(0.1)
        raise ValueError("boom")

    async def worker(name: str, seconds: float) -> str:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError as error:
            log.append(f"{name} cancelled {error.args}")
            raise
        finally:
            log.append(f"{name} finally")
        return name

    async def main() -> Any:
        pipeline = Pipeline(name="p").with_stage("bad", stage(failing), "work").with_stage("other", sleeping(3), "work")
        try:
            await pipeline.run(context(400))
        except Exception as error:
            log.append(repr(error))
        try:
            await asyncio.wait_for(worker("late", 5), 0.5)
        except TimeoutError as error:
            log.append(f"{error!r} {type(error.__cause__).__name__}")
        try:
            async with asyncio.timeout(0.2):
                await worker("scoped", 5)
        except TimeoutError as error:
            log.append(repr(error))
        task = asyncio.create_task(worker("named", 5), name="n")
        log.append(task.get_name() + task.get_coro().__name__)  # type: ignore[union-attr]
        await asyncio.sleep(0)
        task.cancel("msg")
        log.append(str(await asyncio.gather(task, worker("g", 0.1), return_exceptions=True)))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(worker("member", 5))
                group.create_task(failing(None))
        except* ValueError as group_error:
            log.append(repr(group_error))
        completed = asyncio.as_completed([worker("x", 0.3), worker("y", 0.1)])
        log.extend([await next_done for next_done in completed])
        log.append(await asyncio.shield(asyncio.create_task(worker("shielded", 0.1))))
        raise KeyError("end")

    return main


def outcome(main: Any, log: list[str]) -> tuple[list[str], str, list[str]]:
    """What the program logged, raised and where: frames of ours left out."""
    try:
        run_virtual(main)
    except KeyError as error:
        frames = [
            f"{frame.name}:{frame.line}" for frame in traceback.extract_tb(error.__traceback__) if "/instrument/" not in frame.filename
        ]
        return log, repr(error), [frame for frame in frames if "run_virtual" not in frame]
    raise AssertionError("the program must end by KeyError")


def untraced() -> tuple[list[str], str, list[str]]:
    log: list[str] = []
    return outcome(program(log), log)


def test_results_order_errors_and_tracebacks_are_the_same(record: Any) -> None:
    log: list[str] = []
    with record() as trace:
        traced = outcome(program(log), log)
    assert traced == untraced()
    assert trace.faults == []


def test_both_ways_of_seeing_deliveries_agree() -> None:
    """The coroutine probe and `sys.monitoring`: the same deliveries, in the same order, with the same line that waited."""
    seen: list[list[tuple[str, dict[str, Any]]]] = []
    for way in WAYS:
        log: list[str] = []
        with recorded(delivery=way) as trace:
            outcome(program(log), log)
        deliveries = [(event.seq, unit.name, event.attributes) for unit in trace.units for event in unit.of("cancel.delivered")]
        seen.append([(name, attributes) for _seq, name, attributes in sorted(deliveries, key=lambda delivery: delivery[0])])
    assert len(seen[0]) == 6
    assert all(deliveries == seen[0] for deliveries in seen)


def test_ctrl_c_inside_a_probe_goes_on_to_the_program() -> None:
    seam = Seam("task", lambda _seam, _error: None)
    seam.install()
    with pytest.raises(KeyboardInterrupt), seam:
        raise KeyboardInterrupt
    assert seam.on


def test_a_stage_s_buffer_dies_when_it_would_have_died(record: Any) -> None:
    died: list[str] = []

    class Buffer:
        pass

    async def holding(_ctx: Any) -> None:
        buffer = Buffer()
        weakref.finalize(buffer, died.append, "buffer")
        await asyncio.sleep(5)

    async def main() -> None:
        with pytest.raises(Exception, match="timed out"):
            await Pipeline(name="demo").with_stage("h", stage(holding), "work").run(context(100))
        gc.collect()
        assert died == ["buffer"]

    with record():
        run_virtual(main)


def test_asyncio_s_own_warnings_still_appear(record: Any) -> None:
    messages: list[str] = []

    async def failing() -> None:
        raise ValueError("nobody looks")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, details: messages.append(details["message"]))
        task = asyncio.create_task(failing())
        await asyncio.sleep(0.1)
        del task
        gc.collect()

    with record():
        run_virtual(main)
    assert messages == ["Task exception was never retrieved"]


def test_a_task_that_is_destroyed_while_pending_is_still_reported(record: Any) -> None:
    messages: list[str] = []
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, details: messages.append(details["message"]))

    async def forever() -> None:
        await loop.create_future()

    async def main() -> None:
        loop.create_task(forever())  # type: ignore[unused-awaitable]
        await asyncio.sleep(0)

    with record() as trace:
        loop.run_until_complete(main())
        gc.collect()
        loop.close()
    assert messages == ["Task was destroyed but it is pending!"]
    assert trace.one("task forever").outcome == "unfinished"


def test_isinstance_and_debug_mode(record: Any) -> None:
    plain = asyncio.Task

    async def main() -> None:
        class Mine(asyncio.Task[Any]):
            """A class of the program's own, made while recording."""

        task = asyncio.create_task(asyncio.sleep(0.1), name="x")
        assert isinstance(task, plain)
        assert isinstance(task, asyncio.Task)
        assert isinstance(asyncio.current_task(), asyncio.Task)
        assert not isinstance(task, Mine)
        assert not issubclass(type(task), Mine)
        assert issubclass(Mine, asyncio.Task)
        mine = Mine(asyncio.sleep(0), loop=asyncio.get_running_loop())
        assert isinstance(mine, Mine)
        await mine
        assert "coro=<sleep()" in repr(task)
        assert task.get_stack() is not None
        await task

    with record() as trace, asyncio.Runner(debug=True) as runner:
        runner.run(main())
    assert trace.faults == []


def test_the_interceptor_and_the_instrumentor_attach() -> None:
    sink = MemorySink()
    instrumentor = instrument.StageflowInstrumentor()
    for _ in range(2):
        instrumentor.instrument(sink=sink)
    made = instrument.SpanproofInterceptor()
    run_virtual(lambda: Pipeline(name="demo").with_stage("a", sleeping(1), "work").run(context(), interceptors=[made]))
    for _ in range(2):
        instrumentor.uninstrument()
    assert attach.active() is None
    assert "stage a" in [unit.name for unit in sink.units]


def test_the_interceptor_alone_begins_a_recording(tmp_path: Any) -> None:
    made = instrument.SpanproofInterceptor(tmp_path, name="alone")
    try:
        run_virtual(lambda: Pipeline(name="demo").with_stage("a", sleeping(1), "work").run(context(), interceptors=[made]))
    finally:
        path = attach.stop()
    assert path is not None
    assert b'"stage a"' in path.read_bytes()
    assert not [text for text in made.unseen if "were running" in text]


def test_the_interceptor_says_what_it_came_too_late_for(tmp_path: Any) -> None:
    async def main() -> list[str]:
        earlier = asyncio.create_task(asyncio.sleep(1))
        await asyncio.sleep(0)
        made = instrument.SpanproofInterceptor(tmp_path, name="late")
        await Pipeline(name="demo").with_stage("a", sleeping(1), "work").run(context(), interceptors=[made])
        await earlier
        return made.unseen

    try:
        unseen = run_virtual(main)
    finally:
        path = attach.stop()
    assert path is not None
    assert [text for text in unseen if text.startswith("2 tasks were running when the recording began")]
    assert b'"spanproof.adopted_tasks","value":{"intValue":"2"}' in path.read_bytes()


@pytest.mark.parametrize("flags", [("-X", "dev", "-W", "error"), ("-O",), ("-W", "error::ResourceWarning")])
def test_strict_interpreters_see_nothing_of_us(flags: tuple[str, ...], tmp_path: Any, checkout: Any) -> None:
    """Development mode, warnings as errors, asyncio's debug mode: the program's output is the same, and nothing is on stderr."""
    script = tmp_path / "app.py"
    script.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, *flags, str(script)]
    environment = {**os.environ, "PYTHONASYNCIODEBUG": "1", "PYTHONPATH": str(checkout), "SPANPROOF_TRACES": str(tmp_path / "traces")}
    plain = subprocess.run([*command, "no"], capture_output=True, text=True, env=environment, check=False)
    traced = subprocess.run([*command, "yes"], capture_output=True, text=True, env=environment, check=False)
    assert (traced.returncode, traced.stdout, traced.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert len(list((tmp_path / "traces").glob("app-*.json"))) == 1


PROGRAM = """
import asyncio, contextlib, sys
if sys.argv[1] == "yes":
    import spanproof
    around = spanproof.session()
else:
    around = contextlib.nullcontext()

async def work(seconds):
    try:
        await asyncio.sleep(seconds)
    finally:
        print("done", seconds)

async def main():
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(work(5), 0.05)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.05), asyncio.TaskGroup() as group:
            group.create_task(work(6))
    print(await asyncio.gather(work(0.01), asyncio.create_task(work(0.02)), return_exceptions=True))

with around:
    asyncio.run(main())
"""
