"""Ctrl-C and other signals: the program ends as it does unwatched, and the trace says who asked."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from spanproof.instrument.sinks import MemorySink

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


async def child() -> None:
    try:
        await asyncio.sleep(30)
    finally:
        await asyncio.sleep(0)


async def interrupted() -> None:
    threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT]).start()
    async with asyncio.TaskGroup() as group:
        group.create_task(child())


@pytest.mark.parametrize("factory", [None, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_ctrl_c_during_asyncio_run(record: Any, factory: Callable[[], Any] | None) -> None:
    """A real signal: main is asked by `sigint`, answers it, and the runner raises KeyboardInterrupt."""
    with record() as trace, pytest.raises(KeyboardInterrupt), asyncio.Runner(loop_factory=factory) as runner:
        runner.run(interrupted())
    main, below = trace.one("task interrupted"), trace.one("task child")
    (request,) = [event for event in main.of("cancel.requested") if event["request.mechanism"] == "sigint"]
    assert request.get("request.by_span_id") is None
    assert main.first("cancel.delivered")["delivery.requests"] == [request["request.id"]]
    assert (main.outcome, below.outcome) == ("cancelled", "cancelled")
    assert below.first("cancel.requested")["request.mechanism"] in {"taskgroup", "sigint"}
    assert trace.faults == []


def test_keyboard_interrupt_raised_by_a_task(record: Any) -> None:
    """It leaves the loop at once; what else runs is cancelled by the runner's teardown."""

    async def breaking() -> None:
        await asyncio.sleep(0.01)
        raise KeyboardInterrupt

    async def main() -> None:
        _task = asyncio.create_task(breaking())
        await asyncio.create_task(child())

    with record() as trace, pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    broken, waiting = trace.one("task breaking"), trace.one("task main")
    assert (broken.outcome, broken.attributes["error.type"]) == ("failed", "KeyboardInterrupt")
    assert waiting.outcome == "cancelled"
    assert {event["request.mechanism"] for event in waiting.of("cancel.requested")} == {"runner"}
    # The teardown asks each task by itself, and main passes its own request on to what it awaits.
    assert {event["request.mechanism"] for event in trace.one("task child").of("cancel.requested")} == {"runner"}
    assert trace.faults == []


def test_a_signal_handler_of_the_loop_asks(record: Any) -> None:
    """The way of servers: the loop runs the handler between two callbacks, so that no unit and no line stands behind it."""

    async def main() -> str:
        task = asyncio.create_task(child())
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: task.cancel("handler"))
        loop.call_later(0.01, signal.raise_signal, signal.SIGUSR1)
        await asyncio.gather(task, return_exceptions=True)
        loop.remove_signal_handler(signal.SIGUSR1)
        return "shut down"

    with record() as trace:
        assert asyncio.run(main()) == "shut down"
    request = trace.one("task child").first("cancel.requested")
    assert (request["request.mechanism"], request["request.message"]) == ("task_cancel", "handler")
    assert request.get("request.by_span_id") is None
    assert "<lambda>" in str(request["code.function.name"])
    assert trace.faults == []


def test_a_session_inside_a_signal_handler_s_program_ends_with_it() -> None:
    """SystemExit out of a handler, in the middle of a step: the session's block is left, and the recording is whole."""
    from spanproof.instrument.attach import session

    sink = MemorySink()

    async def main() -> None:
        def leave(*_arguments: Any) -> None:
            raise SystemExit(3)

        before = signal.signal(signal.SIGUSR1, leave)
        try:
            signal.raise_signal(signal.SIGUSR1)
            time.sleep(0.1)  # noqa: ASYNC251 - a step that lasts
        finally:
            signal.signal(signal.SIGUSR1, before)

    with pytest.raises(SystemExit), session(sink=sink):
        asyncio.run(main())
    (unit,) = [unit for unit in sink.units if unit.name == "task main"]
    assert (unit.outcome, unit.attrs["error.type"]) == ("failed", "SystemExit")
