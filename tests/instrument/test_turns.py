"""Requests and deliveries are numbered with the turn of the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import uvloop

from spanproof.instrument import vocabulary as v

from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable


async def cancels_many() -> None:
    tasks = [asyncio.create_task(asyncio.sleep(60)) for _ in range(50)]
    await asyncio.sleep(1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def turns(trace: Any, event: str) -> list[Any]:
    return [unit.first(event).get("turn") for unit in trace.named("task sleep")]


def test_what_is_asked_in_one_turn_is_told_in_the_next(record: Callable[..., Any]) -> None:
    with record() as trace:
        run_virtual(cancels_many)
    (asked,) = set(turns(trace, v.CANCEL_REQUESTED))
    assert asked > 0
    assert set(turns(trace, v.CANCEL_DELIVERED)) == {asked + 1}


def test_a_loop_of_another_make_does_not_tell(record: Callable[..., Any]) -> None:
    async def main() -> None:
        task = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with record() as trace, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    assert turns(trace, v.CANCEL_REQUESTED) == [None]
    assert trace.one("task sleep").outcome == "cancelled"


def test_the_original_is_back() -> None:
    loop: Any = asyncio.BaseEventLoop
    assert loop._run_once.__module__ == "asyncio.base_events"
    assert not hasattr(loop._run_once, "__wrapped__")
