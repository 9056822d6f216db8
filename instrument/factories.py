"""Task factories: tasks of a class that is not asyncio's own get their record all the same.

A factory that the program has set, before the session or during it, makes the task, of whatever class it likes; it is handed a
probe in the coroutine's place. When the task turns out to be of the recording class, the probe lets everything through. When
not (a class that was kept from before the session, `eager_task_factory` imported by name, a subclass of the program's own), the
probe becomes the record, and the task's `cancel` is watched on the task itself.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from typing import TYPE_CHECKING, Any

from .probe import Probe
from .task import RECORDED_EAGER, RecordedTask
from .taskstate import TaskState, running_state, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from .foreign import Foreigners
    from .patching import Patches
    from .recorder import Recorder

_PLAIN_EAGER: Any = getattr(asyncio, "eager_task_factory", None)


class LateProbe(Probe):
    """Stands in a coroutine's place while its task is being made, and becomes its record if the task has none of its own."""

    __slots__ = ("_creator", "_foreigners", "_recorder", "_undecided")

    def __init__(self, coro: Any, recorder: Recorder, foreigners: Foreigners, creator: TaskState | None) -> None:
        super().__init__(coro)
        self._recorder = recorder
        self._foreigners = foreigners
        self._creator = creator
        self._undecided = True

    def send(self, value: Any, /) -> Any:
        if self._undecided:
            self._begin_eagerly()
        return self._coro.send(value)

    def throw(self, *error: Any) -> Any:
        self._undecided = False
        return self._coro.throw(*error)

    def _begin_eagerly(self) -> None:
        """The first step comes before the factory has returned: the task runs inside its own constructor."""
        loop = _get_running_loop()
        task: Any = None if loop is None else asyncio.current_task(loop)
        with self._recorder.seams.task:
            if task is not None and state_of(task) is not self._creator:
                self.settle(task, loop)
        self._undecided = False

    def settle(self, task: Any, loop: Any) -> bool:
        """The task is there, or has begun to run. True: it is of the recording class and needs no record of ours."""
        if not self._undecided:
            driven: Any = self._coro
            return not isinstance(driven, Probe)
        self._undecided = False
        if state_of(task) is not None:
            return True
        creator, coro = self._creator, self._coro
        if creator is not None and creator.coroutine is self:
            creator.coroutine = None
            self._coro = self._foreigners.record_inner(task, creator, coro)
        else:
            self._coro = self._foreigners.record(task, loop, coro, creator)
        return False


class Chain:
    """A task factory that lets the program's own do the work."""

    def __init__(self, recorder: Recorder, foreigners: Foreigners, factory: Callable[..., Any]) -> None:
        self.original = factory
        self._foreigners = foreigners
        # The same function with our class, so that a task which starts inside its constructor has its record before.
        self._factory = RECORDED_EAGER if factory is _PLAIN_EAGER and factory is not None else factory
        self._recorder = recorder
        self._records = self._factory is RECORDED_EAGER

    def __call__(self, loop: Any, coro: Any, **options: Any) -> Any:
        """Make a task as the program's factory does."""
        recorder = self._recorder
        if not recorder.alive or not recorder.seams.task.on:
            return self.original(loop, coro, **options)
        if self._records or not asyncio.iscoroutine(coro):
            return self._factory(loop, coro, **options)
        probe: LateProbe | None = None
        with recorder.seams.task:
            creator = running_state() if _get_running_loop() is loop else None
            probe = LateProbe(coro, recorder, self._foreigners, creator)
            if creator is not None and creator.coroutine is coro:
                creator.coroutine = probe
        task = self._factory(loop, coro if probe is None else probe, **options)
        if probe is not None:
            with recorder.seams.task:
                # A factory that makes tasks of our class is left alone from now on.
                self._records = probe.settle(task, loop) and RecordedTask in type(task).__mro__
        return task


_UVLOOPS = frozenset({"uvloop", "winloop"})
"""Loops that keep the class of tasks that was asyncio's when they were imported."""


def watch(recorder: Recorder, patches: Patches, cls: Any, foreigners: Foreigners, chained: MutableMapping[Any, Chain]) -> None:
    """Chain every factory that loops of this class are given."""
    set_factory, get_factory = cls.set_task_factory, cls.get_task_factory

    @functools.wraps(set_factory)
    def set_task_factory(self: Any, factory: Any) -> Any:
        chained.pop(self, None)
        if not recorder.alive or not recorder.seams.task.on or not callable(factory) or factory is RECORDED_EAGER:
            return set_factory(self, factory)
        chain = Chain(recorder, foreigners, factory)
        result = set_factory(self, chain)
        chained[self] = chain
        return result

    @functools.wraps(get_factory)
    def get_task_factory(self: Any) -> Any:
        factory = get_factory(self)
        return factory.original if isinstance(factory, Chain) else factory

    patches.set(cls, "set_task_factory", set_task_factory)
    patches.set(cls, "get_task_factory", get_task_factory)
    if cls.__module__.partition(".")[0] in _UVLOOPS:
        patches.set(cls, "create_task", _creating(recorder, cls.create_task, get_factory))


def _creating(recorder: Recorder, create: Any, get_factory: Any) -> Callable[..., Any]:
    @functools.wraps(create)
    def create_task(self: Any, coro: Any, *, name: Any = None, context: Any = None, **more: Any) -> Any:
        if not recorder.alive or not recorder.seams.task.on or self.is_closed() or get_factory(self) is not None:
            return create(self, coro, name=name, context=context, **more)
        if sys.version_info < (3, 13):
            more.pop("eager_start", None)  # as uvloop does
        return RecordedTask(coro, loop=self, name=name, context=context, **more)

    return create_task
