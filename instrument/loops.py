"""Event loops of any make: when one runs, who stops it, when it is closed.

A class of loops is watched when it exists already and when it is defined while a session records (`uvloop` imported later), so
that loops which a program runs by hand are seen as those of `asyncio.run` are.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import weakref
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from . import factories
from . import vocabulary as v
from .clocks import now_ns
from .frames import run_loop, site
from .task import RecordedTask
from .taskstate import running_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from .foreign import Foreigners
    from .patching import Patches
    from .recorder import Recorder

_base_events: Any = asyncio.base_events
_AbstractLoop: Any = asyncio.AbstractEventLoop
_BaseLoop: Any = asyncio.BaseEventLoop

_UNTIL_COMPLETE: CodeType = _base_events._run_until_complete_cb.__code__  # noqa: SLF001
"""What stops a loop when the future of `run_until_complete` is done."""


class Loops:
    """The loops of one recording.

    Attributes:
        opened: loops whose first run is noted; a runner notes it before the loop runs.
        beginning: called where a loop begins to run.
        watchers: called with each class that is watched: what else loops do is watched by others.
        running: called with the class of each loop that is about to run, or runs when the session begins.
        chained: loops whose task factory is the program's own, and what stands in for it.
    """

    def __init__(self, recorder: Recorder, patches: Patches, foreigners: Foreigners) -> None:
        self._recorder = recorder
        self._foreigners = foreigners
        self._patches = patches
        self._classes: weakref.WeakSet[type] = weakref.WeakSet()
        self.watchers: list[Callable[[Patches, Any], None]] = []
        self.running: list[Callable[[Patches, Any], None]] = []
        self.beginning: list[Callable[[], None]] = []
        self._debugging = False
        self.opened: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self.chained: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, factories.Chain] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Watch all classes of loops that there are, and those to come."""
        for cls in _classes_of_loops(_AbstractLoop):
            self.watch(cls)
        inherited = _AbstractLoop.__init_subclass__
        loops = weakref.ref(self)

        def __init_subclass__(cls: Any, **options: Any) -> None:
            inherited(**options)
            known = loops()
            if known is not None and known._recorder.alive:  # noqa: SLF001 - a method of ours
                with known._recorder.seams.runner:  # noqa: SLF001
                    known.watch(cls)

        hook: Any = __init_subclass__
        self._patches.set(_AbstractLoop, "__init_subclass__", classmethod(hook))
        running = _get_running_loop()
        if running is not None:
            self._looked_at(running)
            self._chain(running)

    def watch(self, cls: Any) -> None:
        """Watch a class of loops: `BaseEventLoop`, or one that is not built on it. What inherits from a watched one is watched."""
        if cls in self._classes or cls is _AbstractLoop or (cls is not _BaseLoop and issubclass(cls, _BaseLoop)):
            return
        if any(known is not cls and issubclass(cls, known) for known in self._classes):
            return
        self._classes.add(cls)
        for name, watched in (
            ("run_until_complete", self._beginning),
            ("run_forever", self._running),
            ("stop", self._stopping),
            ("close", self._closing),
        ):
            self._patches.set(cls, name, watched(getattr(cls, name)))
        factories.watch(self._recorder, self._patches, cls, self._foreigners, self.chained)
        for watcher in self.watchers:
            watcher(self._patches, cls)

    def restore(self) -> None:
        """Give every loop the program's own task factory back. Called while the classes are still watched."""
        for loop, chain in list(self.chained.items()):
            # Another one that somebody has set past us stays.
            if loop.get_task_factory() is chain.original:
                loop.set_task_factory(chain.original)
        self.chained.clear()

    def note(self, name: str, loop: Any) -> None:
        """Note an event of a loop on the program."""
        recorder = self._recorder
        if recorder.alive and recorder.seams.runner.on:
            with recorder.seams.runner:
                if name == v.LOOP_OPENED:
                    self.opened.add(loop)
                recorder.event(recorder.program, name, now_ns(), {v.LOOP_NUMBER: recorder.loop_state(loop).number})

    def _running(self, run: Any) -> Callable[..., Any]:
        recorder = self._recorder

        @functools.wraps(run)
        def run_forever(self_: Any) -> Any:
            if recorder.alive and not _is_closed(self_):
                if self_ not in self.opened:
                    self.note(v.LOOP_OPENED, self_)
                for begin in list(self.beginning):
                    begin()
                with recorder.seams.task:
                    self.about_to_run(self_)
                    self._foreigners.adopt_all(self_)
            return run_loop(run, self_)

        return run_forever

    def _beginning(self, run: Any) -> Callable[..., Any]:
        recorder = self._recorder

        @functools.wraps(run)
        def run_until_complete(self_: Any, future: Any) -> Any:
            if recorder.alive:
                with recorder.seams.task:
                    self.about_to_run(self_)
            return run(self_, future)

        return run_until_complete

    def about_to_run(self, loop: Any) -> None:
        """A loop is about to run: it may have a task factory from before the session, and be in debug mode."""
        self._looked_at(loop)
        with suppress(NotImplementedError):  # a loop need have neither
            self._chain(loop)
            if not self._debugging and loop.get_debug():
                self._debugging = True
                _hide_in_debug_mode(self._patches)

    def _looked_at(self, loop: Any) -> None:
        for look in self.running:
            look(self._patches, type(loop))

    def _chain(self, loop: Any) -> None:
        factory = loop.get_task_factory()
        chained = self.chained.get(loop)
        if factory is not None and (chained is None or chained.original is not factory):
            loop.set_task_factory(factory)

    def _stopping(self, stop: Any) -> Callable[..., Any]:
        recorder = self._recorder

        @functools.wraps(stop)
        def stop_(self_: Any) -> Any:
            if recorder.alive and recorder.seams.runner.on:
                with recorder.seams.runner:
                    self._note_stop(self_, sys._getframe(1))
            return stop(self_)

        return stop_

    def _note_stop(self, loop: Any, frame: FrameType) -> None:
        # uvloop's own call has no frame: the one above is where the loop was entered.
        if frame.f_code is _UNTIL_COMPLETE or frame.f_code is run_loop.__code__:
            return
        recorder = self._recorder
        known = recorder.loop_state(loop)
        attrs: dict[str, Any] = {v.LOOP_NUMBER: known.number}
        where = site(frame)
        if where is not None:
            attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
        state = running_state()
        unit = state.innermost if state is not None else None
        if unit is None or state is None or unit.end_ns is not None:
            recorder.event(recorder.program, v.LOOP_STOPPED, now_ns(), attrs)
        else:
            recorder.event(unit, v.LOOP_STOPPED, state.loop.now_ns(), attrs)

    def _closing(self, close: Any) -> Callable[..., Any]:
        recorder = self._recorder

        @functools.wraps(close)
        def close_(self_: Any) -> Any:
            was_open = recorder.alive and not _is_closed(self_)
            result = close(self_)
            if was_open and _is_closed(self_):
                self.note(v.LOOP_CLOSED, self_)
            return result

        return close_


def _hide_in_debug_mode(patches: Patches) -> None:
    """In debug mode a task remembers where it was created: by the program, not by us."""
    cls: Any = RecordedTask
    initialise = cls.__init__

    def __init__(self: Any, coro: Any, **options: Any) -> None:
        initialise(self, coro, **options)
        created_at = self._source_traceback
        if created_at:
            del created_at[-2:]  # the frames of this function and of the one above

    patches.set(cls, "__init__", __init__)


def _is_closed(loop: Any) -> bool:
    try:
        return bool(loop.is_closed())
    except NotImplementedError:
        return False


def _classes_of_loops(cls: Any) -> list[Any]:
    """All classes below this one, those nearer to it first."""
    below: list[Any] = list(cls.__subclasses__())
    return below + [deeper for near in below for deeper in _classes_of_loops(near)]
