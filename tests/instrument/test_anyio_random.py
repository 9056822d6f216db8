"""Random programs of anyio that let every cancellation pass: what holds in the record of each of them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from .running import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from spanproof.instrument.testing import Trace


def plan(draw: random.Random, depth: int) -> list[Any]:
    """Steps of a part of a program, each with its kind, a time, a chance and the steps below it."""
    nests = ("scope", "group", "member", "cleanup")
    kinds = ["sleep", "sleep", "cancel", "move"] + (["scope", *nests] if depth < 4 else [])
    drawn = (draw.choice(kinds) for _ in range(draw.randint(1, 4)))
    return [(kind, draw.choice([0, 0.5, 1, 1.5, 2]), draw.random(), plan(draw, depth + 1) if kind in nests else []) for kind in drawn]


def program(seed: int) -> Callable[[], Coroutine[Any, Any, list[str]]]:
    """A program of nested scopes, groups, shields, deadlines and cancels, drawn from a seed; it tells how each part ended."""
    steps = plan(random.Random(seed), 0)
    scopes: list[anyio.CancelScope] = []
    told: list[str] = []

    async def run(steps: list[Any], group: anyio.abc.TaskGroup | None, path: str) -> None:
        for number, (kind, seconds, chance, below) in enumerate(steps):
            name = f"{path}.{number}{kind}"
            if kind == "sleep":
                await anyio.sleep(seconds)
            elif kind == "cancel":
                if scopes and chance < 0.3:
                    scopes[int(chance * 1000) % len(scopes)].cancel()
            elif kind == "move":
                if scopes:
                    scopes[int(chance * 1000) % len(scopes)].deadline = anyio.current_time() + seconds
            elif kind == "member" and group is not None:
                group.start_soon(run, below, group, name)
            elif kind == "cleanup":
                try:
                    await run(below, group, name)
                finally:
                    with anyio.move_on_after(0.2, shield=True):
                        await anyio.sleep(seconds / 5)
            elif kind == "group":
                async with anyio.create_task_group() as inner:
                    scopes.append(inner.cancel_scope)
                    await run(below, inner, name)
            else:
                with anyio.move_on_after(seconds if chance < 0.5 else None, shield=chance > 0.9) as scope:
                    scopes.append(scope)
                    await run(below, group, name)
                told.append(f"{name} {scope.cancel_called} {scope.cancelled_caught}")

    async def main() -> list[str]:
        with anyio.move_on_after(30):
            await run(steps, None, "main")
        return sorted(told)

    return main


def judge(trace: Trace) -> None:
    """What is true of every program that swallows nothing and in which nobody calls `Task.cancel()`."""
    assert trace.faults == []
    requests = [(unit, event) for unit in trace.units for event in unit.of("cancel.requested")]
    by_id = {event["request.id"]: event for _, event in requests}
    addressed = [event["request.id"] for unit, event in requests if event["request.addressee_span_id"] == unit.span_id]
    assert len(addressed) == len(set(addressed)), "a request stands on its addressee once"
    vias = [(event["request.via"], unit.span_id) for unit, event in requests if event.get("request.via") and unit.kind == "task"]
    assert len(vias) == len(set(vias)), "it is passed on to a task once"
    for unit in trace.units:
        if unit.kind == "program":
            continue
        assert unit.end_ns is not None
        assert unit.of("cancel.swallowed") == []
        for delivery in unit.of("cancel.delivered"):
            assert delivery["delivery.borrowed"] is False
            assert delivery["delivery.requests"], unit
            for number in delivery["delivery.requests"]:  # type: ignore[union-attr]
                assert by_id[number].seq < delivery.seq
        if unit.outcome in ("cancelled", "timed_out"):
            assert unit.of("cancel.delivered"), unit
        if unit.outcome == "timed_out":
            assert unit.of("deadline.expired"), unit
        if unit.kind == "scope":
            assert len(unit.of("deadline.disarmed")) == 1


@pytest.mark.parametrize("block", range(10))
def test_what_holds_for_every_program(record: Any, block: int) -> None:
    for seed in range(block * 10, block * 10 + 10):
        plain = run_virtual(program(seed))
        with record() as trace:
            assert run_virtual(program(seed)) == plain, seed
        try:
            judge(trace)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
