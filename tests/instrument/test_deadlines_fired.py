"""Which of several deadlines fired, whose TimeoutError it was, and timers of libraries."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from .cancelling import deliveries, sleeper
from .running import run_virtual

MS = 1_000_000


# --- which one fired ----------------------------------------------------------------------------------------------------


def test_two_that_are_due_at_once(record: Any) -> None:
    async def inner() -> None:
        async with asyncio.timeout(1):
            await sleeper()

    async def outer() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await inner()

    with record() as trace:
        run_virtual(outer)
    first, second = trace.one("timeout outer"), trace.one("timeout inner")
    # Both timers ran. asyncio lets the outer one have it, for the task was asked more than once.
    assert first.attributes["deadline_state"] == second.attributes["deadline_state"] == "expired"
    assert (first.outcome, second.outcome) == ("timed_out", "cancelled")
    own = {unit.name: [event["request.id"] for event in unit.of("cancel.requested")] for unit in (first, second)}
    assert own["timeout inner"][0] == own["timeout outer"][0]
    assert second.first("cancel.consumed")["delivery.requests"] == own["timeout inner"][1:]
    assert first.first("cancel.consumed")["delivery.requests"] == own["timeout outer"]


def test_nested_wait_fors_of_which_the_outer_one_fires(record: Any) -> None:
    """On 3.11 both have inner tasks in one unit: the outer timer must not be taken for the inner one's."""

    async def inner() -> None:
        await asyncio.wait_for(sleeper(), 5)

    async def outer() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(inner(), 1)

    with record() as trace:
        run_virtual(outer)
    assert (trace.one("timeout outer").outcome, trace.one("timeout inner").outcome) == ("timed_out", "cancelled")
    assert trace.one("timeout outer").attributes["deadline_state"] == "expired"
    assert trace.one("timeout inner").attributes["deadline_state"] == "disarmed"


def test_a_wait_for_whose_inner_scope_is_due_with_it(record: Any) -> None:
    async def inner() -> None:
        async with asyncio.timeout(1):
            await sleeper()

    async def outer() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(inner(), 1)

    with record() as trace:
        run_virtual(outer)
    assert trace.one("timeout outer").outcome == "timed_out"
    assert [event["request.mechanism"] for event in trace.one("timeout outer").of("cancel.requested")] == ["timer"]
    assert trace.one("timeout outer").first("cancel.delivered")["delivery.borrowed"] is False


def test_a_wait_for_in_a_cleanup_is_not_the_cancel_that_led_there(record: Any) -> None:
    """A cancelled task gives its worker a second to end; that second is over, and the worker is asked by the timer."""

    async def owner(worker: asyncio.Task[Any]) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker, 1)

    async def main() -> None:
        worker = asyncio.create_task(sleeper(30))
        task = asyncio.create_task(owner(worker))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task, worker})

    with record() as trace:
        run_virtual(main)
    request = trace.one("task sleeper").first("cancel.requested")
    assert request["request.mechanism"] == "timer"
    user_s = trace.one("task owner").first("cancel.requested")["request.id"]
    assert request.get("request.via") != user_s
    assert trace.one("timeout owner").outcome == "timed_out"


def test_due_in_the_turn_in_which_the_work_is_done(record: Any) -> None:
    async def guarded() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.sleep(1)

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    # The sleep's timer was armed later and comes second: the timeout strikes first, and takes it.
    assert scope.outcome == "timed_out"
    assert scope.first("cancel.delivered")["delivery.borrowed"] is False


def test_a_request_from_outside_in_the_turn_of_the_timer(record: Any) -> None:
    async def guarded() -> None:
        async with asyncio.timeout(1):
            await sleeper()

    async def main() -> None:
        task = asyncio.create_task(guarded())
        asyncio.get_running_loop().call_later(1, task.cancel)
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    scope, task = trace.one("timeout guarded"), trace.one("task guarded")
    # It fired, and yet leaves by CancelledError: the caller is told of the cancellation, and not of a timeout.
    assert scope.attributes["deadline_state"] == "expired"
    assert scope.outcome == "cancelled"
    assert task.outcome == "cancelled"
    assert task.first("cancel.delivered")["delivery.requests"] == [task.first("cancel.requested")["request.id"]]


# --- whose TimeoutError -------------------------------------------------------------------------------------------------


def test_a_timeout_error_of_the_body_is_not_the_scope_s(record: Any) -> None:
    async def guarded() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.sleep(0)
                raise TimeoutError("of a socket")

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.outcome == "failed"
    assert scope.attributes["deadline_state"] == "disarmed"
    assert deliveries(scope) == []


def test_a_timeout_error_of_the_body_after_it_fired(record: Any) -> None:
    async def guarded() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                try:
                    await sleeper()
                except asyncio.CancelledError:
                    raise TimeoutError("own") from None

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    # Its timer fired and what it threw was turned into something else on the way.
    assert scope.outcome == "failed"
    assert scope.first("cancel.swallowed")["swallowed.how"] == "raised"


def test_an_inner_wait_for_s_timeout_error_is_not_the_outer_one_s(record: Any) -> None:
    async def inner() -> None:
        await asyncio.wait_for(sleeper(), 1)

    async def outer() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(inner(), 5)

    with record() as trace:
        run_virtual(outer)
    assert trace.one("timeout inner").outcome == "timed_out"
    assert trace.one("timeout outer").outcome == "failed"
    assert trace.one("timeout outer").attributes["deadline_state"] == "disarmed"


def test_a_result_that_comes_although_the_timer_ran(record: Any) -> None:
    async def stubborn() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return "result"
        return ""

    async def guarded() -> None:
        assert await asyncio.wait_for(stubborn(), 1) == "result"

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.attributes["deadline_state"] == "expired"
    assert scope.outcome == "completed"
    assert scope.of("cancel.swallowed")


def test_a_plain_future(record: Any) -> None:
    async def guarded() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().create_future(), 1)

    with record() as trace:
        run_virtual(guarded)
    scope = trace.one("timeout guarded")
    assert scope.outcome == "timed_out"
    assert scope.attributes["deadline_state"] == "expired"


# --- timers of libraries ------------------------------------------------------------------------------------------------


class OldTimeout:
    """The shape of the deadlines that libraries built before Python had its own: `call_later` and a method that cancels."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        self._fired = False
        self._handle = asyncio.get_running_loop().call_later(self._seconds, self._on_timeout)

    async def __aexit__(self, _type: object, error: object, _traceback: object) -> None:
        self._handle.cancel()
        if self._fired and isinstance(error, asyncio.CancelledError):
            assert self._task is not None
            self._task.uncancel()
            raise TimeoutError

    def _on_timeout(self) -> None:
        self._fired = True
        assert self._task is not None
        self._task.cancel()


def test_a_timer_behind_a_method(record: Any) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with OldTimeout(1):
                await sleeper()

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    request = unit.first("cancel.requested")
    assert request["request.mechanism"] == "timer"
    assert request.get("request.by_span_id") is None
    # Who armed it is not known; the line that cancels is.
    assert request["code.function.name"] == "OldTimeout._on_timeout"
    assert unit.first("cancel.consumed")["consumed.by"] == "uncancel"
    assert unit.outcome == "completed"


def test_a_callback_that_is_no_timer_is_no_timer(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(sleeper())

        def stop() -> None:
            task.cancel()

        await asyncio.sleep(1)
        asyncio.get_running_loop().call_soon(stop)
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    request = trace.one("task sleeper").first("cancel.requested")
    assert request["request.mechanism"] == "task_cancel"
    assert request["code.line.number"] == main.__code__.co_firstlineno + 4


def test_aiohttp_s_total_timeout_is_a_timer(record: Any) -> None:
    aiohttp = pytest.importorskip("aiohttp")

    async def main() -> None:
        release = asyncio.Event()

        async def silent(_reader: Any, writer: Any) -> None:
            await release.wait()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.2)) as client:

            async def fetches() -> None:
                with pytest.raises(TimeoutError):
                    await client.get(f"http://127.0.0.1:{port}/")

            await asyncio.create_task(fetches())
            release.set()
            await asyncio.sleep(0.05)

    with record() as trace:
        asyncio.run(main())
    unit = trace.one("task fetches")
    request = unit.first("cancel.requested")
    assert request["request.mechanism"] == "timer"
    assert unit.first("cancel.delivered")["delivery.requests"] == [request["request.id"]]
    assert unit.outcome == "completed"
    assert unit.of("cancel.swallowed") == []
