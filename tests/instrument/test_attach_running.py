"""Attaching to a loop that runs already: its tasks are adopted, and what is asked of them from then on is seen."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from typing import TYPE_CHECKING, Any

from spanproof.instrument import attach
from spanproof.instrument.testing import recorded

from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.conftest import RunPython

ASKED = "cancel.requested"


def traced(record: Any, before: Callable[[], Coroutine[Any, Any, Any]], inside: Callable[[Any], Coroutine[Any, Any, None]]) -> Any:
    """A task runs `before`; then a session begins in the same loop, and `inside` gets the task."""
    traces: list[Any] = []

    async def main() -> None:
        task = asyncio.create_task(before())
        await asyncio.sleep(1)
        with record() as trace:
            traces.append(trace)
            await inside(task)

    run_virtual(main)
    assert traces[0].faults == []
    return traces[0]


async def worker() -> None:
    await asyncio.sleep(100)


def test_a_cancel_of_an_adopted_task_is_a_request(record: Any) -> None:
    async def inside(task: Any) -> None:
        task.cancel("by main")
        await asyncio.wait([task])
        await asyncio.sleep(0)

    trace = traced(record, worker, inside)
    unit, main = trace.one("task worker"), trace.one("task main")
    (request,) = unit.of(ASKED)
    assert (request["request.mechanism"], request["request.message"]) == ("task_cancel", "by main")
    assert (request["request.by_span_id"], request["code.function.name"]) == (main.span_id, inside.__qualname__)
    assert unit.outcome == "cancelled"
    assert [event["await.how"] for event in main.of("awaits")] == ["wait"]
    if "monitoring" in str(record):
        assert unit.first("cancel.delivered")["delivery.requests"] == [request["request.id"]]


def test_what_asyncio_asks_of_an_adopted_task_is_a_request_too(record: Any) -> None:
    """A scope of the adopted task itself, and one that waits for it."""

    async def before() -> str:
        await asyncio.sleep(2)
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(100)
        except TimeoutError:
            return "late"
        return "in time"

    async def inside(task: Any) -> None:
        assert await task == "late"
        await asyncio.sleep(0)

    trace = traced(record, before, inside)
    unit, scope = trace.one(f"task {before.__name__}"), trace.one(f"timeout {before.__name__}")
    assert (unit.outcome, scope.outcome, scope.parent) == ("completed", "timed_out", unit.name)
    assert scope.first(ASKED)["request.mechanism"] == "timer"
    assert unit.of(ASKED) == []


def test_a_chain_of_awaits_passes_a_request_on(record: Any) -> None:
    async def before() -> None:
        await asyncio.create_task(worker())

    async def inside(task: Any) -> None:
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0)

    trace = traced(record, before, inside)
    outer, inner = trace.one(f"task {before.__name__}"), trace.one("task worker")
    assert inner.first(ASKED)["request.via"] == outer.first(ASKED)["request.id"]
    assert (outer.outcome, inner.outcome) == ("cancelled", "cancelled")


def test_a_request_of_before_the_session_is_dated_to_its_beginning(record: Any) -> None:
    """Without it the delivery would look borrowed, though somebody did ask."""
    traces: list[Any] = []

    async def main() -> None:
        task = asyncio.create_task(worker())
        await asyncio.sleep(1)
        task.cancel()
        with record() as trace:
            traces.append(trace)
            await asyncio.wait([task])
            await asyncio.sleep(0)

    run_virtual(main)
    unit = traces[0].one("task worker")
    (request,) = unit.of(ASKED)
    assert request.get("code.file.path") is None
    assert unit.outcome == "cancelled"
    if "monitoring" in str(record):
        assert unit.first("cancel.delivered")["delivery.requests"] == [request["request.id"]]
        assert unit.first("cancel.delivered")["delivery.borrowed"] is False


def test_a_borrowed_delivery_stays_borrowed(record: Any) -> None:
    """The neighbour: something awaited was cancelled, nobody asked the task."""

    async def before() -> None:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(2, future.cancel)
        await future

    async def inside(task: Any) -> None:
        await asyncio.wait([task])
        await asyncio.sleep(0)

    unit = traced(record, before, inside).one(f"task {before.__name__}")
    assert unit.of(ASKED) == []
    assert unit.outcome == "cancelled"
    if "monitoring" in str(record):
        assert unit.first("cancel.delivered")["delivery.borrowed"] is True


def test_uncancel_of_an_adopted_task(record: Any) -> None:
    async def before() -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        return "went on"

    async def inside(task: Any) -> None:
        task.cancel()
        assert await task == "went on"
        await asyncio.sleep(0)

    unit = traced(record, before, inside).one(f"task {before.__name__}")
    assert unit.outcome == "completed"
    if "monitoring" in str(record):
        assert unit.first("cancel.consumed")["consumed.by"] == "uncancel"
        assert unit.of("cancel.swallowed") == []


def test_sessions_one_after_the_other_in_one_loop(record: Any) -> None:
    """Tasks that an earlier session made are adopted by the next, and are nobody's in between."""
    traces: list[Any] = []

    async def main() -> None:
        with record() as first:
            traces.append(first)
            task = asyncio.create_task(worker())
            await asyncio.sleep(1)
        task.add_done_callback(lambda _task: None)
        with record() as second:
            traces.append(second)
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.wait([task])
            await asyncio.sleep(0)

    run_virtual(main)
    first, second = traces
    assert first.one("task worker").outcome == "unfinished"
    assert second.one("task worker").outcome == "cancelled"
    assert second.one("task worker").first(ASKED)["request.by_span_id"] == second.one("task main").span_id
    assert first.faults == second.faults == []


def test_asyncio_s_reports_of_adopted_tasks_still_appear(record: Any) -> None:
    messages: list[str] = []

    async def failing() -> None:
        await asyncio.sleep(1)
        raise ValueError("nobody looks")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, details: messages.append(details["message"]))
        task = asyncio.create_task(failing())
        stuck = loop.create_task(stay())
        await asyncio.sleep(0)
        with record():
            await asyncio.sleep(2)
            del task, stuck
            gc.collect()
            gc.collect()

    async def stay() -> None:
        await asyncio.get_running_loop().create_future()

    run_virtual(main)
    assert sorted(messages) == ["Task exception was never retrieved", "Task was destroyed but it is pending!"]


def look(task: Any) -> list[str]:
    """What can be seen of what watches a task."""
    methods = [getattr(task, name).__qualname__ for name in ("cancel", "uncancel", "add_done_callback", "get_coro")]
    return [repr(task), str(hasattr(task, "_spanproof")), *methods]


def test_nothing_is_left_on_the_tasks() -> None:
    async def main() -> None:
        task = asyncio.create_task(worker())
        await asyncio.sleep(0)
        before = look(task)
        with recorded():
            assert look(task) != before
            await asyncio.sleep(0)
        assert look(task) == before
        task.cancel()

    with contextlib.suppress(asyncio.CancelledError):
        run_virtual(main)


# --- Jupyter -----------------------------------------------------------------------------------------------------------

NOTEBOOK = """
import asyncio, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()

async def cell(source):
    # What a notebook's kernel does for each cell, in a loop that runs for good.
    result = await shell.run_cell_async(source, store_history=True, transformed_cell=shell.transform_cell(source))
    return result.error_before_exec or result.error_in_exec

async def kernel():
    print(await cell("%load_ext spanproof"))
    print(await cell(FIRST))
    running = asyncio.ensure_future(cell(SECOND))
    await asyncio.sleep(0.2)
    running.cancel()  # the button `interrupt`
    print(type((await asyncio.gather(running, return_exceptions=True))[0]).__name__)
    print(await cell("%unload_ext spanproof"))
    print(await cell(FIRST))
    print(await cell("%unload_ext spanproof"))

FIRST = '''
import asyncio
async def answer():
    await asyncio.sleep(0.01)
    return 42
task = asyncio.create_task(answer())
assert await asyncio.gather(task) == [42]
'''
SECOND = '''
async def slow():
    await asyncio.sleep(30)
await slow()
'''
asyncio.run(kernel())
"""


def test_a_notebook(run_python: RunPython, tmp_path: Any, checkout: Any) -> None:
    """`%load_ext spanproof` begins, `%unload_ext spanproof` ends; tasks of each cell are recorded, a cancelled cell too."""
    from spanproof.analyzers import load

    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    done = run_python(
        "notebook.py", env={"PYTHONPATH": str(checkout), "IPYTHONDIR": str(tmp_path / "ipython"), "JPY_SESSION_NAME": "a/b.ipynb"}
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "traces").glob("b-*.json")
    told = [line for line in lines if line.startswith("spanproof: ")]
    assert told == [
        "spanproof: recording; %unload_ext spanproof ends it",
        f"spanproof: recorded {os.path.join('traces', path.name)}",  # noqa: PTH118
    ]
    assert [line for line in lines if line in {"None", "CancelledError"}] == ["None", "None", "CancelledError", "None", "None", "None"]
    connection = load([path])
    units = connection.execute("select name, outcome from units where name in ('task answer', 'task cell') order by start_seq").fetchall()
    # IPython shows the cell's CancelledError and goes on.
    assert units == [("task answer", "completed"), ("task cell", "completed")]
    events = connection.execute(
        "select e.name, e.attributes['code.function.name'] from events e join units u using (trace_id, span_id) "
        "where u.name = 'task cell' and e.name like 'cancel.%' order by e.seq"
    ).fetchall()
    assert events == [("cancel.requested", "kernel"), ("cancel.delivered", "slow"), ("cancel.swallowed", None)]


def test_the_extension_joins_a_session_that_is_there() -> None:
    import spanproof

    with recorded() as trace:
        spanproof.load_ipython_extension(None)
        asyncio.run(asyncio.sleep(0))
        spanproof.unload_ipython_extension(None)
        assert attach.active() is not None
        asyncio.run(asyncio.sleep(0))
    assert len(trace.named("task sleep")) == 2
