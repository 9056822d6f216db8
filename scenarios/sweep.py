"""Cancels a coroutine at every point at which it waits, one after the other, and records each time what becomes of it.

A point is a turn of the loop in which something of the coroutine had made a step: it, or a task below it, waits somewhere else than before.
On the virtual clock, so that two runs are alike up to the point where they are cut.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..instrument.attach import session
from .discovery import find, select
from .virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    Body = Callable[[], Coroutine[Any, Any, Any]]

TAIL_S: Final = 1.0
"""How long the program lives on after a cut, so that what was left running shows itself."""

MOST: Final = 2_000
"""Points of one sweep; a coroutine with more is swept in even steps."""

_STANDARD: Final = Path(asyncio.__file__).parents[1]
"""Where Python's own modules are."""


class SweepError(ValueError):
    """What was named cannot be swept; the message says why, and what was expected."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is swept: its name, and how to make a new coroutine of it."""

    name: str
    body: Body


@dataclass(frozen=True, slots=True)
class Point:
    """A turn of the loop.

    Attributes:
        turn: its number.
        at_s: the loop's time, in seconds since the beginning.
        waits: where the coroutine and its tasks waited: `file:line`, the lines of the program first.
    """

    turn: int
    at_s: float
    waits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """What became of it when it was cancelled at a point.

    Attributes:
        point: the point.
        ended: how the coroutine ended: `cancelled`, `completed`, or the name of an error.
        trace: the recording.
    """

    point: Point
    ended: str
    trace: Path


def targets(name: str) -> list[Target]:
    """What `--sweep-awaits NAME` means: `module:function`, a coroutine function without arguments; or the variants of a scenario.

    Raises:
        SweepError: there is no such coroutine function.
        UnknownScenarioError: there is no such scenario or variant.
    """
    if ":" in name:
        return [Target(name, _function(name))]
    pairs = select(name) if name.count("/") > 1 else [(found, each) for found in (find(name),) for each in found.variants.values()]
    return [Target(f"{scenario.name}/{variant.name}", variant.body) for scenario, variant in pairs if not variant.real]


def _function(name: str) -> Body:
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise SweepError(f"{name}: {error}. Expected module:function, importable from here, as in shop.orders:place.") from None
    if not inspect.iscoroutinefunction(found):
        raise SweepError(f"{name} is a {type(found).__name__}. Expected a coroutine function (`async def`) that takes no arguments.")
    body: Body = found
    try:
        inspect.signature(body).bind()
    except TypeError as error:
        raise SweepError(f"{name} cannot be called without arguments ({error}). Wrap it in one that can.") from None
    return body


def points(target: Target) -> list[Point]:
    """Run it once to its end, and note where it waited; of turns in which nothing moved the first."""
    found: list[Point] = []

    def look(turn: int, loop: VirtualLoop, task: asyncio.Task[Any]) -> bool:
        waits = tuple(dict.fromkeys(_waiting(task, loop)))
        if waits and not task.done() and (not found or found[-1].waits != waits or found[-1].at_s != loop.time()):
            found.append(Point(turn, loop.time(), waits))
        return False

    _run(target, look)
    step = -(-len(found) // MOST)
    return found[:: max(step, 1)]


def uncut(target: Target, folder: Path) -> Path:
    """Record it without a cut: what is found there is not the cut's doing."""
    with session(folder, name="sweep.uncut") as recording:
        _run(target, _nowhere)
        return recording.path or folder


def cut(target: Target, point: Point, folder: Path) -> Cut:
    """Cancel it at a point, and record what becomes of it."""

    def look(turn: int, _loop: VirtualLoop, task: asyncio.Task[Any]) -> bool:
        if turn != point.turn:
            return False
        task.cancel()
        return True

    with session(folder, name=f"sweep.{point.turn}") as recording:
        ended = _run(target, look)
        return Cut(point, ended, recording.path or folder)


def _nowhere(_turn: int, _loop: VirtualLoop, _task: asyncio.Task[Any]) -> bool:
    return False


def _run(target: Target, look: Callable[[int, VirtualLoop, asyncio.Task[Any]], bool]) -> str:
    """Run it in a program that lives on for a while; returns how it ended."""
    turns = 0

    async def program(loop: VirtualLoop) -> str:
        task = asyncio.ensure_future(target.body())

        def each() -> bool:
            nonlocal turns
            turns += 1
            return look(turns, loop, task)

        loop.each_turn(each)
        await asyncio.wait([task])
        loop.each_turn(lambda: False)
        ended = "cancelled" if task.cancelled() else "completed" if (error := task.exception()) is None else type(error).__name__
        await asyncio.sleep(TAIL_S)
        return ended

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        if not isinstance(loop, VirtualLoop):
            raise TypeError(f"the runner made a {type(loop).__name__}")
        return runner.run(program(loop))


def _waiting(task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop) -> Iterator[str]:
    """Where everything waits: the coroutine itself first."""
    program = {each for each in asyncio.all_tasks(loop) if each.get_name() == "Task-1"}
    for each in [task, *sorted(asyncio.all_tasks(loop) - program - {task}, key=lambda one: one.get_name())]:
        if not each.done() and (line := _line(each.get_coro())):
            yield line


def _line(coroutine: Any) -> str:
    """The innermost line that is the program's own, else the innermost of all; empty: it has not begun."""
    own = last = ""
    for _ in range(1_000):
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None) or getattr(coroutine, "ag_frame", None)
        if frame is None:
            break
        path = Path(frame.f_code.co_filename)
        last = f"{path.name}:{frame.f_lineno}"
        if "site-packages" not in path.parts and not path.is_relative_to(_STANDARD):
            own = last
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None) or getattr(coroutine, "ag_await", None)
    return own or last
