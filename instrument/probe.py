"""Drive a coroutine and see what goes in and out of it: first step, every throw, the end.

A probe object stands in the coroutine's place. An `async def` around it would be worse: one more frame in every traceback,
another object from `get_coro()`, and a second "never awaited" warning. What the probe itself needs must not be able to
change what the coroutine sees, so each look is guarded by its seam.
"""

from __future__ import annotations

from asyncio import CancelledError, Future
from collections.abc import Callable, Coroutine, Generator
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from .awaiting import finish_awaits, note_yield
from .frames import waiting_site

if TYPE_CHECKING:
    from .recorder import Recorder
    from .records import Unit
    from .taskstate import TaskState


class Probe(Coroutine[Any, Any, Any]):
    """A coroutine object that passes everything on to the one that it watches, and looks like it to debuggers."""

    __slots__ = ("__weakref__", "_coro")

    def __init__(self, coro: Coroutine[Any, Any, Any]) -> None:
        self._coro = coro

    def __await__(self) -> Generator[Any, Any, Any]:
        return self  # pyright: ignore[reportReturnType]

    __iter__ = __await__

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any, /) -> Any:
        return self._coro.send(value)

    def throw(self, *error: Any) -> Any:
        return self._coro.throw(*error)

    def close(self) -> None:
        self._coro.close()

    @property
    def watched(self) -> Coroutine[Any, Any, Any]:
        """The program's own coroutine."""
        inner = self._coro
        return inner.watched if isinstance(inner, Probe) else inner

    def __getattr__(self, name: str) -> Any:
        # cr_frame, cr_await, __qualname__ and the like: what debuggers and asyncio's own repr look at.
        return getattr(self._coro, name)

    def __repr__(self) -> str:
        return repr(self._coro)


def deliver(recorder: Recorder, state: TaskState, error: BaseException, coro: Any) -> None:
    """A CancelledError is being thrown into `state`'s task: note it once, with the line that was waiting."""
    if state.throwing is error or not state.started:
        return
    state.throwing = error
    recorder.deliver(state, waiting_site(coro))


def _thrown(error: tuple[Any, ...]) -> Any:
    """The exception of `throw(exception)` or of its old form `throw(type, exception, traceback)`."""
    first, *rest = error
    return rest[0] if rest and rest[0] is not None else first


class TaskProbe(Probe):
    """Drives the coroutine of one task: steps, waits, deliveries, the end of the task's own unit."""

    __slots__ = ("_level", "_recorder", "_resume", "_state")

    def __init__(self, coro: Coroutine[Any, Any, Any], state: TaskState, recorder: Recorder, *, inner: bool) -> None:
        self._coro = coro
        self._resume = coro.send
        self._state = state
        self._recorder = recorder
        if inner:
            state.level += 1
        self._level = state.level

    def send(self, value: Any, /) -> Any:
        state = self._state
        state.steps += 1
        # A throw into a coroutine that has not started runs nothing of it: only a send is a first step.
        if not state.started:
            self._first_step()
        return self._step(self._resume, value)

    def throw(self, *error: Any) -> Any:
        recorder, state = self._recorder, self._state
        state.steps += 1
        if recorder.alive and recorder.deliver_by_probe and self._level == state.level and recorder.seams.delivery.on:
            thrown = _thrown(error)
            if isinstance(thrown, CancelledError):
                with recorder.seams.delivery:
                    deliver(recorder, state, thrown, self._coro)
        try:
            return self._step(self._coro.throw, *error)
        finally:
            state.throwing = None

    def _step(self, resume: Callable[..., Any], *arguments: Any) -> Any:
        recorder, state = self._recorder, self._state
        if not recorder.alive:
            return resume(*arguments)
        if state.awaiting:
            finish_awaits(recorder, state)
        step = state.loop.step
        # Steps nest where a task starts eagerly inside another one's step.
        before_ns = step.started_ns
        began_ns = step.started_ns = step.noted_ns = monotonic_ns()
        try:
            yielded: Any = resume(*arguments)
        except StopIteration:
            self._ended(None)
            raise
        except BaseException as error:
            self._ended(error)
            raise
        finally:
            if monotonic_ns() - began_ns >= recorder.blocked_ns:
                with recorder.seams.watchdog:
                    recorder.note_blocked(state, state.innermost)
            step.started_ns = before_ns
        if yielded is not None and yielded.__class__ is not Future:
            note_yield(recorder, state, yielded)
        return yielded

    def _first_step(self) -> None:
        state, recorder = self._state, self._recorder
        state.started = True
        unit = state.unit
        if unit is not None and recorder.alive:
            recorder.note_started(unit, state.loop.now_ns())

    def _ended(self, error: BaseException | None) -> None:
        state, recorder = self._state, self._recorder
        try:
            if self._level > 0 and self._level == state.level:
                state.level -= 1
                return
            if state.awaiting:
                finish_awaits(recorder, state)
            if state.unit is not None:
                # What is still open inside ends with its task: a scope of a generator that nobody closed.
                if len(state.stack) > 1:
                    for unit in reversed(state.stack[1:]):
                        recorder.close(state, unit, error)
                recorder.close(state, state.unit, error)
        except Exception as fault:  # noqa: BLE001 - hot path: what `with seam` does, without its two calls
            recorder.seams.task.fail(fault)


class UnitProbe(Probe):
    """Drives the body of one unit inside a task: a pipeline's run, a stage's attempt, a cleanup callback.

    The unit opens at the first step, so that a body that never runs leaves no unit.
    """

    __slots__ = ("_close", "_open", "_recorder", "_state", "_unit")

    def __init__(
        self,
        coro: Coroutine[Any, Any, Any],
        recorder: Recorder,
        open_unit: Callable[[], tuple[TaskState, Unit] | None],
        close_unit: Callable[[TaskState, Unit, BaseException | None, Any], None],
    ) -> None:
        super().__init__(coro)
        self._recorder = recorder
        self._open: Callable[[], tuple[TaskState, Unit] | None] | None = open_unit
        self._close = close_unit
        self._state: TaskState | None = None
        self._unit: Unit | None = None

    def send(self, value: Any, /) -> Any:
        if self._open is not None:
            self._begin()
        try:
            return self._coro.send(value)
        except StopIteration as stop:
            self._finish(None, stop.value)
            raise
        except BaseException as error:
            self._finish(error, None)
            raise

    def throw(self, *error: Any) -> Any:
        state = self._state
        recorder = self._recorder
        # A task that was running when the session began has no probe of its own that would deliver.
        if state is not None and state.adopted and recorder.alive and recorder.deliver_by_probe and recorder.seams.delivery.on:
            thrown = _thrown(error)
            if isinstance(thrown, CancelledError) and state.throwing is not thrown:
                with recorder.seams.delivery:
                    deliver(recorder, state, thrown, self._coro)
        try:
            return self._coro.throw(*error)
        except StopIteration as stop:
            self._finish(None, stop.value)
            raise
        except BaseException as caught:
            self._finish(caught, None)
            raise
        finally:
            if state is not None and state.adopted:
                state.throwing = None

    def _begin(self) -> None:
        open_unit, self._open = self._open, None
        if open_unit is None or not self._recorder.alive:
            return
        with self._recorder.seams.stageflow:
            opened = open_unit()
            if opened is not None:
                self._state, self._unit = opened

    def _finish(self, error: BaseException | None, result: Any) -> None:
        state, unit = self._state, self._unit
        if state is None or unit is None or not self._recorder.alive:
            return
        self._state = self._unit = None
        with self._recorder.seams.stageflow:
            self._close(state, unit, error, result)
