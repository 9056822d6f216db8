"""Requests of the runner: its teardown, Ctrl-C once and twice, a loop that is run by hand."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Any

import pytest

from .cancelling import deliveries, requests, sleeper

# --- the runner and Ctrl-C ----------------------------------------------------------------------------------------------


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_ctrl_c(record: Any) -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_later(0.05, interrupt)
        other = asyncio.create_task(sleeper())
        await sleeper()
        await other

    with record() as trace, pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    unit = trace.one("task main")
    (request,) = requests(unit)
    assert request["request.mechanism"] == "sigint"
    # It strikes wherever the program stands, and nobody's line asked for it.
    assert request.get("request.by_span_id") is None
    assert request.get("code.file.path") is None
    assert deliveries(unit) == [[request["request.id"]]]
    assert unit.outcome == "cancelled"
    assert requests(trace.one("task sleeper"))[0]["request.mechanism"] == "runner"


def test_ctrl_c_in_the_middle_of_a_step(record: Any) -> None:
    async def busy() -> None:
        interrupt()
        await asyncio.sleep(0.2)

    async def main() -> None:
        await asyncio.gather(asyncio.create_task(busy()))

    with record() as trace, pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    (request,) = requests(trace.one("task main"))
    assert request["request.mechanism"] == "sigint"
    assert request.get("request.by_span_id") is None
    # gather hands it on.
    assert requests(trace.one("task busy"))[0]["request.via"] == request["request.id"]


def test_the_second_ctrl_c(record: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, interrupt)
        loop.call_later(0.1, interrupt)
        try:
            await sleeper()
        finally:
            await asyncio.sleep(5)

    with record() as trace, pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    unit = trace.one("task main")
    # The second one is raised in the loop itself; main is asked again by the teardown.
    assert [request["request.mechanism"] for request in requests(unit)] == ["sigint", "runner"]
    assert unit.outcome == "cancelled"
    assert trace.one("program test").of("loop.closed")


def test_main_that_swallows_ctrl_c(record: Any) -> None:
    async def main() -> int:
        asyncio.get_running_loop().call_later(0.05, interrupt)
        with contextlib.suppress(asyncio.CancelledError):
            await sleeper()
        return 1

    with record() as trace, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
    unit = trace.one("task main")
    assert unit.first("cancel.swallowed")["swallowed.how"] == "returned"


def test_run_until_complete_that_is_interrupted(record: Any) -> None:
    loop = asyncio.new_event_loop()

    async def main() -> None:
        loop.call_later(0.05, interrupt)
        await sleeper()

    with record() as trace:
        try:
            with pytest.raises(KeyboardInterrupt):
                loop.run_until_complete(main())
            (task,) = asyncio.all_tasks(loop)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                loop.run_until_complete(task)
        finally:
            loop.close()
    unit = trace.one("task main")
    (request,) = requests(unit)
    assert request["request.mechanism"] == "task_cancel"
    assert request["code.function.name"] == "test_run_until_complete_that_is_interrupted"
    assert unit.outcome == "cancelled"
