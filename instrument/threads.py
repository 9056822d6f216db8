"""Work that a unit hands to a thread or to another process: `asyncio.to_thread`, `loop.run_in_executor`, anyio's `run_sync`.

Recorded on the unit that hands it over, which waits for it as a rule. A thread cannot be cancelled: the unit's end and the
work's end are two facts, and the second may come long after the first. Times are the machine's, also below a virtual loop.
What asyncio hands over for itself (`getaddrinfo`, reading for `sendfile`) is not recorded. What the work opens, declares or says
of its progress in its thread is the unit's.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import os
import sys
import threading
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from . import vocabulary as v
from .clocks import now_ns
from .frames import owner_of, site
from .holds import Opening, keeper
from .taskstate import running_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType, ModuleType

    from .clocks import LoopState
    from .loops import Loops
    from .patching import Patches
    from .recorder import Recorder
    from .records import Attributes, Unit
    from .taskstate import TaskState

_threads: Any = asyncio.threads
_TO_THREAD: CodeType = _threads.to_thread.__code__
_IN_ANYIO = f"{os.sep}anyio{os.sep}"
_WRAPPINGS = 20
"""Wrappers that are looked through for the function's name; nobody nests them deeper."""


class Work:
    """One piece of work. It refers to nothing of the program's: the executor's future refers to it.

    Attributes:
        unit: the unit that handed it over.
        loop: that unit's loop.
        claimed: a future tells when it ends.
    """

    __slots__ = ("_name", "_opening", "_owner", "_recorder", "claimed", "loop", "unit")

    def __init__(self, recorder: Recorder, opening: Opening, name: str, state: TaskState) -> None:
        self._recorder = recorder
        self._opening = opening
        self._name = name
        self._owner = keeper(state)
        self.unit = opening.unit
        self.loop = state.loop
        self.claimed = False

    @property
    def owner(self) -> Unit:
        """The unit that owns what the work opens; that of the work itself where the owner has ended: it stays until the work ends."""
        owner = self._owner
        return owner if owner is not None and owner.end_ns is None else self.unit

    def run(self, func: Any, /, *arguments: Any) -> Any:
        """Call `func` in the thread, so that what it does there is known to be the unit's."""
        before, _here.work = _here.work, self
        try:
            return func(*arguments)
        finally:
            _here.work = before

    def follow(self, future: Any) -> None:
        """This future stands for the work; its callbacks run where the work ends, in its thread."""
        self.claimed = True
        future.add_done_callback(self._done)

    def _done(self, future: Any) -> None:
        recorder = self._recorder
        if recorder.alive and recorder.seams.thread.on:
            with recorder.seams.thread:
                self.end("never_ran" if future.cancelled() else "failed" if future.exception() is not None else "completed")

    def end(self, outcome: str) -> None:
        """The work is over."""
        opening = self._opening
        if opening.closed_seq is None:
            attrs: Attributes = {v.THREAD_ID: opening.number, v.THREAD_NAME: self._name}
            attrs[v.THREAD_OUTCOME], attrs[v.THREAD_CLOCK] = outcome, "monotonic"
            opening.close(v.THREAD_FINISHED, now_ns(), attrs)
            opening.let_go()


RUNS_WORK: CodeType = Work.run.__code__
"""What calls the program's function in a thread."""


def begin(recorder: Recorder, func: object, executor: str, frame: FrameType | None) -> Work | None:
    """Work is handed over by the running unit; None where none runs."""
    state = running_state()
    unit = state.innermost if state is not None else None
    if state is None or unit is None or unit.end_ns is not None:
        return None
    number, name = recorder.number(), function_name(func)
    attrs: Attributes = {v.THREAD_ID: number, v.THREAD_NAME: name, v.THREAD_EXECUTOR: executor, v.THREAD_CLOCK: "monotonic"}
    where = site(frame)
    if where is not None:
        attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
    return Work(recorder, Opening(recorder, unit, number, v.THREAD_STARTED, now_ns(), attrs), name, state)


class _Here(threading.local):
    """The work that this thread is at."""

    work: Work | None = None


_here = _Here()


def work_here() -> Work | None:
    """The work of some unit that this thread is at; None in the thread of a loop that runs."""
    return _here.work if _get_running_loop() is None else None


def owner_here() -> tuple[Unit, LoopState] | None:
    """The unit that owns what is opened now, and its loop: in the running task, or in work that a task has handed over."""
    state = running_state()
    if state is not None:
        unit = keeper(state)
        return None if unit is None else (unit, state.loop)
    work = work_here()
    return None if work is None else (work.owner, work.loop)


def function_name(func: object) -> str:
    """Qualified name of the function, seen through `functools.partial` and `contextvars.Context.run`."""
    seen: Any = func
    for _ in range(_WRAPPINGS):
        if not isinstance(seen, functools.partial):
            break
        inner: Any = seen.func  # pyright: ignore[reportUnknownMemberType]
        runs = isinstance(getattr(inner, "__self__", None), contextvars.Context) and inner.__name__ == "run"
        seen = seen.args[0] if runs and seen.args else inner
    name = getattr(seen, "__qualname__", None)
    return name if isinstance(name, str) else type(seen).__qualname__


class _Submitting:
    """Stands in an executor's place while a loop submits to it: the loop keeps the future that tells of the work to itself."""

    __slots__ = ("_executor", "_work")

    def __init__(self, executor: Any, work: Work) -> None:
        self._executor = executor
        self._work = work

    def submit(self, fn: Any, /, *arguments: Any, **options: Any) -> Any:
        future = self._executor.submit(fn, *arguments, **options)
        self._work.follow(future)
        return future


class _Handing(threading.local):
    """Work that this thread hands to a loop's default executor, which the loop makes and keeps."""

    work: Work | None = None


def install(recorder: Recorder, patches: Patches, loops: Loops) -> None:
    """Watch every class of loops, and the executor that loops use by default."""
    handing = _Handing()
    submit: Any = ThreadPoolExecutor.submit

    @functools.wraps(submit)
    def submit_(self: Any, fn: Any, /, *arguments: Any, **options: Any) -> Any:
        future = submit(self, fn, *arguments, **options)
        work, handing.work = handing.work, None
        if work is not None:
            with recorder.seams.thread:
                work.follow(future)
        return future

    patches.set(ThreadPoolExecutor, "submit", submit_)
    loops.watchers.append(functools.partial(_watch, recorder, handing))
    recorder.seams.thread.install()


def _watch(recorder: Recorder, handing: _Handing, patches: Patches, cls: Any) -> None:
    run, seam = cls.run_in_executor, recorder.seams.thread

    @functools.wraps(run)
    def run_in_executor(self: Any, executor: Any, func: Any, *arguments: Any) -> Any:
        work = None
        if recorder.alive and seam.on:
            with seam:
                work = _handed_over(recorder, executor, func, arguments, sys._getframe(1))
        if work is None:
            return run(self, executor, func, *arguments)
        handing.work = work if executor is None else None
        # Another executor may send it to another process, and the loop itself looks whether it is a coroutine function.
        if (executor is None or isinstance(executor, ThreadPoolExecutor)) and not inspect.iscoroutinefunction(func):
            func = functools.partial(work.run, func)
        try:
            future = run(self, executor if executor is None else _Submitting(executor, work), func, *arguments)
        except BaseException:
            with seam:
                work.end("never_ran")
            raise
        finally:
            handing.work = None
        with seam:
            if not work.claimed:
                # A default executor of the program's own class, which submits in its own way: the loop's future has to do.
                work.follow(future)
        return future

    patches.set(cls, "run_in_executor", run_in_executor)


def _handed_over(recorder: Recorder, executor: Any, func: Any, arguments: tuple[Any, ...], frame: FrameType) -> Work | None:
    while frame.f_code.co_name == "run_in_executor" and frame.f_back is not None:
        frame = frame.f_back  # a loop's own class may do something around its base's
    by_to_thread = frame.f_code is _TO_THREAD
    if not by_to_thread and owner_of(frame.f_code) == "stdlib":
        return None
    if not callable(func) or not (executor is None or hasattr(executor, "submit")):
        return None  # the loop says so itself
    if isinstance(getattr(func, "__self__", None), contextvars.Context) and arguments:
        func = arguments[0]
    return begin(recorder, func, "to_thread" if by_to_thread else "executor", frame)


def watch_anyio(recorder: Recorder, patches: Patches, backend: ModuleType) -> None:
    """Watch anyio's threads; `backend` is its module for asyncio."""
    cls: Any = backend.AsyncIOBackend
    original: Any = getattr(cls.run_sync_in_worker_thread, "__func__")  # noqa: B009 - typed: that of a class method
    seam = recorder.seams.thread

    @functools.wraps(original)
    async def run_sync_in_worker_thread(cls: Any, func: Any, args: Any, *more: Any, **options: Any) -> Any:
        work = None
        if recorder.alive and seam.on:
            with seam:
                frame: FrameType | None = sys._getframe(1)
                while frame is not None and _IN_ANYIO in frame.f_code.co_filename:
                    frame = frame.f_back
                work = begin(recorder, func, "anyio", frame)
        if work is None:
            return await original(cls, func, args, *more, **options)
        begun: list[bool] = []
        try:
            return await original(cls, _in_thread(work, func, begun, recorder), args, *more, **options)
        finally:
            with seam:
                if not begun:
                    work.end("never_ran")

    patches.set(cls, "run_sync_in_worker_thread", classmethod(run_sync_in_worker_thread))


def _in_thread(work: Work, func: Callable[..., Any], begun: list[bool], recorder: Recorder) -> Callable[..., Any]:
    """What anyio's thread calls: it has no future whose callbacks run in the thread."""

    def end(outcome: str) -> None:
        if recorder.alive and recorder.seams.thread.on:
            with recorder.seams.thread:
                work.end(outcome)

    def run(*arguments: Any) -> Any:
        begun.append(True)
        try:
            result = work.run(func, *arguments)
        except BaseException:
            end("failed")
            raise
        end("completed")
        return result

    return run
