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
from .clocks import ANCHOR_NS
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
        try:
            return self._coro.throw(*error)
        finally:
            # This frame stands in the error's traceback: naming it would keep both, and all that the program's frames hold.
            del error

    def close(self) -> None:
        self._coro.close()

    @property
    def watched(self) -> Coroutine[Any, Any, Any]:
        """The program's own coroutine."""
        inner = self._coro
        return inner.watched if isinstance(inner, Probe) else inner

    def __getattr__(self, name: str) -> Any:
        # cr_frame, cr_await, __qualname__ and the like: what debuggers and asyncio's own repr look at.
        if name == "__qualname__" and not hasattr(self._coro, name):
            # asyncio's messages would name our class in place of that of a generator's `aclose()`.
            return f"<{type(self._coro).__name__} without __name__>"
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
    """Drives the coroutine of one task: steps, waits, deliveries, the end of the task's own unit.

    The task of C code calls `__next__` for a step without a value, so that is where a step is written out: each call in
    here is paid for by every step of every task.
    """

    __slots__ = ("_level", "_recorder", "_state")

    def __init__(self, coro: Coroutine[Any, Any, Any], state: TaskState, recorder: Recorder, level: int) -> None:
        self._coro = coro
        self._state = state
        self._recorder = recorder
        self._level = level

    def __next__(self) -> Any:
        state, recorder = self._state, self._recorder
        state.steps += 1
        if not recorder.alive:
            state.started = True
            return self._coro.send(None)
        step = state.loop.step
        # Steps nest where a task starts eagerly inside another one's step.
        before_ns = step.started_ns
        began_ns = step.started_ns = step.noted_ns = monotonic_ns()
        # A throw into a coroutine that has not started runs nothing of it: only a send is a first step.
        if not state.started:
            state.started = True
            unit = state.unit
            if unit is not None:
                recorder.note_started(unit, state.loop.now_ns() if state.loop.virtual else began_ns + ANCHOR_NS)
        if state.awaiting:
            finish_awaits(recorder, state)
        try:
            yielded: Any = self._coro.send(None)
        except StopIteration:
            self._ended(None, began_ns)
            step.started_ns = before_ns
            raise
        except BaseException as error:
            self._ended(error, began_ns)
            step.started_ns = before_ns
            raise
        if monotonic_ns() - began_ns >= recorder.blocked_ns:
            self._paused(began_ns)
        step.started_ns = before_ns
        if yielded is not None and yielded.__class__ is not Future:
            note_yield(recorder, state, yielded)
        return yielded

    def send(self, value: Any, /) -> Any:
        return self.__next__() if value is None else self._step(self._coro.send, value)

    def throw(self, *error: Any) -> Any:
        recorder, state = self._recorder, self._state
        state.steps += 1
        if recorder.alive and self._level == state.level and recorder.seams.delivery.on:
            with recorder.seams.delivery:
                self._note_throw(recorder, state, _thrown(error))
        try:
            return self._step(self._coro.throw, *error)
        finally:
            state.throwing = None
            # As in `Probe.throw`.
            del error

    def _note_throw(self, recorder: Recorder, state: TaskState, thrown: Any) -> None:
        if not isinstance(thrown, CancelledError):
            return
        if recorder.deliver_by_probe:
            deliver(recorder, state, thrown, self._coro)
        else:
            # sys.monitoring delivers where just this error enters a frame: code may raise others of its own.
            state.throwing, state.waiting = thrown, waiting_site(self._coro)

    def _step(self, resume: Callable[..., Any], *arguments: Any) -> Any:
        """A step that throws or sends a value: as `__next__`, for the rarer cases."""
        recorder, state = self._recorder, self._state
        if not recorder.alive:
            try:
                return resume(*arguments)
            finally:
                del arguments  # as in `Probe.throw`
        if state.awaiting:
            finish_awaits(recorder, state)
        step = state.loop.step
        before_ns = step.started_ns
        began_ns = step.started_ns = step.noted_ns = monotonic_ns()
        try:
            yielded: Any = resume(*arguments)
        except BaseException as error:
            self._ended(None if isinstance(error, StopIteration) else error, began_ns)
            step.started_ns = before_ns
            raise
        finally:
            del arguments
        self._paused(began_ns)
        step.started_ns = before_ns
        if yielded is not None and yielded.__class__ is not Future:
            note_yield(recorder, state, yielded)
        return yielded

    def _paused(self, began_ns: int) -> None:
        """A step is over: note it if it kept the loop busy for long."""
        recorder = self._recorder
        if monotonic_ns() - began_ns >= recorder.blocked_ns:
            with recorder.seams.watchdog:
                recorder.note_blocked(self._state.loop, self._state.innermost)

    def _ended(self, error: BaseException | None, began_ns: int) -> None:
        state, recorder = self._state, self._recorder
        now_ns = monotonic_ns()
        try:
            if now_ns - began_ns >= recorder.blocked_ns:
                with recorder.seams.watchdog:
                    recorder.note_blocked(state.loop, state.innermost)
            if self._level > 0:
                # 3.11: a wait_for that is cancelled twice leaves its inner task behind, and has set the level back already.
                if self._level == state.level:
                    state.level -= 1
                return
            if state.awaiting:
                finish_awaits(recorder, state)
            unit, stack = state.unit, state.stack
            if unit is None:
                return
            if error is None and len(stack) == 1 and not state.pending:
                stack.pop()
                recorder.complete(unit, state.loop.now_ns() if state.loop.virtual else now_ns + ANCHOR_NS)
                return
            # What is still open inside ends with its task: a scope of a generator that nobody closed.
            for inside in reversed(stack[1:]):
                recorder.close(state, inside, error)
            recorder.close(state, unit, error)
            if unit.outcome == "failed" and recorder.task_failed is not None:
                recorder.task_failed(unit, state)
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
            with recorder.seams.delivery:
                self._note_throw(recorder, state, _thrown(error))
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
            # As in `Probe.throw`.
            del error

    def _note_throw(self, recorder: Recorder, state: TaskState, thrown: Any) -> None:
        if isinstance(thrown, CancelledError) and state.throwing is not thrown:
            deliver(recorder, state, thrown, self._coro)

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
