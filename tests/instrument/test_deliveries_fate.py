"""What became of a CancelledError: swallowed in some way, gone on, come again, borrowed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from .cancelling import cancelled, deep, numbers
from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine


# --- what became of it --------------------------------------------------------------------------------------------------


async def helper_that_swallows() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(10)


async def went_on() -> None:
    await helper_that_swallows()
    await asyncio.sleep(5)


async def went_on_after_a_bare_except() -> None:
    caught = False
    for _ in range(3):
        try:
            await asyncio.sleep(10)
        except BaseException:
            caught = True
    assert caught


async def went_on_after_leaving_a_manager() -> None:
    class Swallows:
        async def __aenter__(self) -> None:
            """Nothing to do."""

        async def __aexit__(self, *_: object) -> bool:
            return True

    async with Swallows():
        await asyncio.sleep(10)
    await asyncio.sleep(1)


async def returned() -> None:
    await helper_that_swallows()


async def returned_in_finally() -> int:
    try:
        await asyncio.sleep(10)
    finally:
        return 1  # noqa: B012


async def raised() -> None:
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError as error:
        raise ValueError("other") from error


async def raised_after_an_await() -> None:
    try:
        await asyncio.sleep(10)
    finally:
        await asyncio.sleep(1)
        raise ValueError("cleanup failed")


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize(
    "body",
    [
        went_on,
        went_on_after_a_bare_except,
        went_on_after_leaving_a_manager,
        returned,
        returned_in_finally,
        raised,
        raised_after_an_await,
    ],
    ids=lambda body: body.__name__,
)
def test_ways_to_swallow_are_told_apart(record: Any, body: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    with record() as trace:
        run_virtual(lambda: cancelled(body))
    unit = trace.one(f"task {body.__name__}")
    swallowed = unit.first("cancel.swallowed")
    assert body.__name__.startswith(str(swallowed["swallowed.how"]))
    assert swallowed["delivery.requests"] == [unit.first("cancel.requested")["request.id"]]
    assert unit.outcome == ("failed" if body.__name__.startswith("raised") else "completed")


async def cleans_up_and_goes() -> None:
    try:
        await asyncio.sleep(10)
    finally:
        await asyncio.sleep(1)
        with contextlib.suppress(ValueError):
            raise ValueError("handled")


async def raises_another_cancelled_error() -> None:
    try:
        await deep(1)
    except asyncio.CancelledError as error:
        raise asyncio.CancelledError("translated") from error


async def group_of_its_own() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(deep(0))
        group.create_task(cleans_up_and_goes())


async def condition_that_takes_its_lock_again() -> None:
    condition = asyncio.Condition()
    async with condition:
        asyncio.get_running_loop().call_later(1, lambda: keep.append(asyncio.ensure_future(condition.acquire())))
        keep: list[Any] = []
        asyncio.get_running_loop().call_later(4, condition.release)
        await condition.wait()


@pytest.mark.parametrize("body", [cleans_up_and_goes, raises_another_cancelled_error, group_of_its_own], ids=lambda body: body.__name__)
def test_going_by_a_cancelled_error_is_no_swallow(record: Any, body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with record() as trace:
        run_virtual(lambda: cancelled(body))
    unit = trace.one("task " + body.__name__) if body is not cleans_up_and_goes else trace.named("task cleans_up_and_goes")[0]
    assert len(unit.of("cancel.delivered")) == 1
    assert unit.of("cancel.swallowed") == []
    assert unit.outcome == "cancelled"


def test_a_condition_that_takes_its_lock_again_is_asked_twice(record: Any) -> None:
    with record() as trace:
        run_virtual(lambda: cancelled(condition_that_takes_its_lock_again, after=2, times=1))
    unit = trace.one("task condition_that_takes_its_lock_again")
    # The wait cannot end before it has the lock again: the delivery is one, and the end comes when somebody lets go of the lock.
    (delivery,) = unit.of("cancel.delivered")
    assert unit.outcome == "cancelled"
    assert unit.end_ns is not None
    assert unit.end_ns - delivery.time_ns == 2_000_000_000


def test_a_cancelled_error_that_code_raises_itself(record: Any) -> None:
    async def plays_cancelled() -> None:
        await asyncio.sleep(1)
        raise asyncio.CancelledError

    async def main() -> None:
        await asyncio.wait({asyncio.create_task(plays_cancelled())})

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task plays_cancelled")
    assert unit.outcome == "cancelled"
    assert [event.name for event in unit.events if event.name.startswith("cancel.")] == []


def test_one_that_code_throws_into_a_generator_of_its_own_is_no_delivery(record: Any) -> None:
    async def main() -> None:
        source = numbers()
        await anext(source)
        with pytest.raises(asyncio.CancelledError):
            await source.athrow(asyncio.CancelledError())
        await asyncio.sleep(1)

    with record() as trace:
        run_virtual(main)
    assert trace.one("task main").of("cancel.delivered") == []
    assert trace.one("task main").outcome == "completed"


def test_one_that_is_caught_and_comes_again(record: Any) -> None:
    async def insists() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(10)

    with record() as trace:
        run_virtual(lambda: cancelled(insists, times=2))
    unit = trace.one("task insists")
    first, second = (event["request.id"] for event in unit.of("cancel.requested"))
    assert [event["delivery.requests"] for event in unit.of("cancel.delivered")] == [[first], [second]]
    assert unit.outcome == "cancelled"
    assert unit.of("cancel.swallowed") == []


def test_one_that_comes_when_the_task_ends_in_the_same_turn(record: Any) -> None:
    async def quick() -> int:
        await asyncio.sleep(1)
        return 1

    async def main() -> None:
        task = asyncio.create_task(quick())
        asyncio.get_running_loop().call_later(1, task.cancel)
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task quick")
    # Its sleep was over, but it had not run: the request takes precedence.
    assert [len(event["delivery.requests"]) for event in unit.of("cancel.delivered")] == [1]
    assert unit.outcome == "cancelled"


# --- borrowed -----------------------------------------------------------------------------------------------------------


def test_a_future_that_somebody_cancels(record: Any) -> None:
    async def main() -> None:
        future = asyncio.get_running_loop().create_future()

        async def waits() -> None:
            await future

        task = asyncio.create_task(waits())
        await asyncio.sleep(1)
        future.cancel()
        await asyncio.wait({task})

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task waits")
    assert unit.of("cancel.requested") == []
    (delivery,) = unit.of("cancel.delivered")
    assert delivery["delivery.borrowed"] is True
    assert unit.outcome == "cancelled"


def test_a_borrowed_one_that_is_caught_is_no_swallow(record: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(deep(0))
        await asyncio.sleep(1)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(1)

    with record() as trace:
        run_virtual(main)
    unit = trace.one("task main")
    assert [event["delivery.borrowed"] for event in unit.of("cancel.delivered")] == [True]
    assert unit.of("cancel.swallowed") == []


def test_a_request_that_what_was_awaited_has_kept_is_not_answered_later(record: Any) -> None:
    """A cancel goes down to the awaited task, which swallows it; the next one must not answer both."""

    async def waits() -> None:
        await asyncio.create_task(returned())
        await asyncio.sleep(10)

    with record() as trace:
        run_virtual(lambda: cancelled(waits, times=2))
    unit = trace.one("task waits")
    first, second = (event["request.id"] for event in unit.of("cancel.requested"))
    assert trace.one("task returned").first("cancel.requested")["request.via"] == first
    assert [event["delivery.requests"] for event in unit.of("cancel.delivered")] == [[second]]


def test_a_scope_leaked_by_a_generator_borrows_for_whoever_iterates_no_more(record: Any) -> None:
    """PEP 789: the timer of a generator's scope strikes its task while it is elsewhere."""

    async def ticking() -> AsyncGenerator[int]:
        async with asyncio.timeout(1):
            while True:
                yield 1

    async def main() -> None:
        async def iterates() -> None:
            source = ticking()
            await anext(source)
            try:
                await asyncio.sleep(10)
            finally:
                with contextlib.suppress(TimeoutError):
                    await source.aclose()

        await asyncio.wait({asyncio.create_task(iterates())})

    with record() as trace:
        run_virtual(main)
    scope = trace.one("timeout ticking")
    assert scope.attributes["deadline_state"] == "expired"
    assert scope.first("cancel.requested")["request.mechanism"] == "timer"
    # The request stands on the scope alone; the task around it was never asked and yet gets it.
    unit = trace.one("task iterates")
    assert unit.of("cancel.requested") == []
    assert unit.outcome == "cancelled"
