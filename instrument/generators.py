"""Async generators: who opens one, who iterates it later, and how it ends.

The loop's own hooks for async generators tell that one is iterated for the first time, and that one was dropped without having
been closed. The rest is seen by `sys.monitoring` (`generator_steps`). Without it (Python 3.11, or no free tool id) the end of a
generator shows when the object dies, or at the end of the unit that opened it; who iterated it, and whether it was exhausted,
closed or broke, cannot be told.

Generators of the standard library are left alone. Only weak references are kept: each dies when it would have died.
"""

from __future__ import annotations

import functools
import sys
import weakref
from asyncio.events import _get_running_loop  # pyright: ignore[reportPrivateUsage]
from typing import TYPE_CHECKING, Any

from . import vocabulary as v
from .frames import owner_of, site
from .generator_steps import Steps
from .holds import Opening, keeper
from .taskstate import running_state

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from .clocks import LoopState
    from .loops import Loops
    from .patching import Patches
    from .recorder import Recorder
    from .records import Attributes, Unit
    from .taskstate import TaskState


class Generator:
    """One async generator.

    Attributes:
        opening: its number, and the unit that opened it, where all its events but `iterated` stand.
        last: the unit that iterated it last.
        state, top: the task that did, and its innermost unit then.
        frame: `id()` of its frame; 0: not watched by `sys.monitoring`.
        ref: weak reference to the generator; its callback goes with it.
        leaving: it is being closed, in this way; GeneratorExit has entered it.
        dropped: the loop's hook has got it: nobody referred to it any more, and it had not ended.
        teardown: the loop's teardown closes it.
    """

    __slots__ = ("dropped", "frame", "key", "last", "leaving", "loop", "name", "opening", "ref", "state", "teardown", "top")

    def __init__(self, opening: Opening, name: str, loop: LoopState, key: int) -> None:
        self.opening = opening
        self.name = name
        self.loop = loop
        self.key = key
        self.last = opening.unit
        self.top: Unit | None = None
        self.state: TaskState | None = None
        self.frame = 0
        self.ref: weakref.ref[Any] | None = None
        self.leaving: str | None = None
        self.dropped = False
        self.teardown = False

    @property
    def way(self) -> str | None:
        """How it is closed, where nobody does it by hand."""
        return "hook" if self.dropped else "shutdown" if self.teardown else None


class Generators:
    """The async generators of one recording.

    Args:
        recorder: where events go.
        tool: tool id of `sys.monitoring`; None: there is none, and less is seen.
    """

    def __init__(self, recorder: Recorder, tool: int | None) -> None:
        self.recorder = recorder
        self.steps = None if tool is None else Steps(recorder.seams.generator, tool, self.iterated, self.ended)
        self._seam = recorder.seams.generator
        self._by_object: dict[int, Generator] = {}
        # Without sys.monitoring: what has died, until it is sure that the hook is not called for it.
        self._dying: list[Generator] = []
        self._older: list[Generator] = []

    # --- what the loop's hooks tell ------------------------------------------------------------------------------

    def opened(self, agen: Any, frame: FrameType) -> None:
        """It is about to make its first step."""
        code: CodeType | None = getattr(agen, "ag_code", None)
        if code is None or owner_of(code) in ("stdlib", "ours"):
            return
        if self._dying:
            dead, self._dying = self._dying, []
            self._let_go(dead)
        state = running_state()
        unit = keeper(state)
        if state is None or unit is None:
            return
        number, name = self.recorder.number(), agen.__qualname__
        attrs: Attributes = {v.GENERATOR_ID: number, v.GENERATOR_NAME: name, v.GENERATOR_BY: unit.hex}
        where = site(frame)
        if where is not None:
            attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
        opening = Opening(self.recorder, unit, number, v.GENERATOR_OPENED, state.loop.now_ns(), attrs)
        made = Generator(opening, name, state.loop, id(agen))
        self._by_object[made.key] = made
        made.ref = weakref.ref(agen, functools.partial(self._died, made))
        if self.steps is None or not self.steps.watch(made, agen, code):
            opening.watch(functools.partial(self._look, made), unit)

    def finalized(self, agen: Any, *, closed: bool) -> None:
        """Nobody refers to it any more, and it has not ended: the loop's hook closes it in a task of its own, unless it is closed."""
        known = self._by_object.get(id(agen))
        if known is None:
            return
        if known.opening.closed_seq is not None:
            # Taken for ended when its weak reference went, a moment ago.
            known.opening.reopen()
        if closed:
            # It stays unclosed for ever.
            self._forget(known)
            known.opening.let_go(late=True)
            return
        known.dropped = True
        known.ref = weakref.ref(agen, functools.partial(self._died, known))

    def shutting_down(self, loop: Any) -> None:
        """The loop's teardown closes what is still open on it."""
        number = self.recorder.loop_state(loop).number
        for known in list(self._by_object.values()):
            if known.loop.number == number:
                self._look(known, known.loop.now_ns())
                known.teardown = True

    def shut_down(self) -> None:
        """The teardown is over."""
        for known in list(self._by_object.values()):
            if known.teardown:
                self._look(known, known.loop.now_ns())

    def iterated(self, known: Generator) -> None:
        """It goes on, perhaps in another unit than before."""
        state = running_state()
        if state is None or known.leaving is not None or not self._seam.on:
            return
        known.state, known.top = state, state.innermost
        unit = keeper(state)
        if unit is None or unit is known.last:
            return
        known.last = unit
        known.opening.tell()
        attrs: Attributes = {v.GENERATOR_ID: known.opening.number, v.GENERATOR_NAME: known.name, v.GENERATOR_BY: unit.hex}
        self.recorder.event(unit, v.GENERATOR_ITERATED, state.loop.now_ns(), attrs)

    # --- the end -------------------------------------------------------------------------------------------------

    def ended(self, known: Generator, how: str | None, *, at_ns: int | None = None) -> None:
        """It has ended, in this way; None: that cannot be told."""
        if known.opening.closed_seq is not None:
            return
        unit = keeper(running_state())
        self._tell(known, how, at_ns, unit)
        self._forget(known)
        known.opening.let_go()

    def _tell(self, known: Generator, how: str | None, at_ns: int | None, by: Unit | None) -> None:
        attrs: Attributes = {v.GENERATOR_ID: known.opening.number, v.GENERATOR_NAME: known.name}
        if by is not None:
            attrs[v.GENERATOR_BY] = by.hex
        if how is not None:
            attrs[v.GENERATOR_HOW] = how
        known.opening.close(v.GENERATOR_CLOSED, known.loop.now_ns() if at_ns is None else at_ns, attrs)

    def _forget(self, known: Generator) -> None:
        if self._by_object.get(known.key) is known:
            del self._by_object[known.key]
        if self.steps is not None:
            self.steps.forget(known)
        # The reference's callback refers to the record: without this each would wait for the garbage collector.
        known.state = known.top = known.ref = None

    def _look(self, known: Generator, at_ns: int) -> None:
        """Without sys.monitoring: the unit that opened it ends, or the loop does; has it ended by now?"""
        if known.frame or not self._seam.on:
            return
        with self._seam:
            agen = known.ref() if known.ref is not None else None
            if agen is not None and agen.ag_frame is None:
                self.ended(known, known.way, at_ns=at_ns)

    def _died(self, known: Generator, _ref: object) -> None:
        """The garbage collector runs. The loop's hook is called after this, if it had not ended: the object then lives on."""
        if not self._seam.on or not self.recorder.alive:
            return
        with self._seam:
            if known.opening.closed_seq is None and not known.frame:
                self._tell(known, known.way, None, None)
                self._dying.append(known)

    def settle(self) -> None:
        """At each tick: what died before the last one has not been handed to the hook, or has been closed by it."""
        with self._seam:
            old, self._older = self._older, self._dying
            self._dying = []
            self._let_go(old)

    def _let_go(self, dead: list[Generator]) -> None:
        for known in dead:
            if known.opening.closed_seq is not None:
                self._forget(known)
                known.opening.let_go()


def install(recorder: Recorder, loops: Loops, tool: int | None) -> Generators:
    """Watch the generators of every class of loops that is watched."""
    generators = Generators(recorder, tool)
    recorder.generators = generators
    recorder.holds.settling.append(generators.settle)
    loops.watchers.append(functools.partial(watch, generators))
    recorder.seams.generator.install("" if tool is not None else "who iterates later and how it ends; that needs sys.monitoring")
    return generators


def remove(recorder: Recorder) -> None:
    """Take our events off the generators' code. Before the tool id is given back."""
    if recorder.generators is not None and recorder.generators.steps is not None:
        recorder.generators.steps.unwatch()


def hook_running() -> None:
    """A session begins or ends inside a running loop, which took its hooks when it started: let it take them again."""
    loop = _get_running_loop()
    if loop is None or getattr(sys.get_asyncgen_hooks().firstiter, "__self__", None) is not loop:
        return
    own: Any = loop
    sys.set_asyncgen_hooks(firstiter=own._asyncgen_firstiter_hook, finalizer=own._asyncgen_finalizer_hook)  # noqa: SLF001


def watch(generators: Generators, patches: Patches, cls: Any) -> None:
    """Stand before the hooks of a class of loops."""
    if not hasattr(cls, "_asyncgen_firstiter_hook"):
        return
    recorder, seam = generators.recorder, generators.recorder.seams.generator
    first, last, shutdown = cls._asyncgen_firstiter_hook, cls._asyncgen_finalizer_hook, cls.shutdown_asyncgens

    @functools.wraps(first)
    def _asyncgen_firstiter_hook(self: Any, agen: Any) -> Any:
        if recorder.alive and seam.on:
            with seam:
                generators.opened(agen, sys._getframe(1))
        return first(self, agen)

    @functools.wraps(last)
    def _asyncgen_finalizer_hook(self: Any, agen: Any) -> Any:
        if recorder.alive and seam.on:
            with seam:
                generators.finalized(agen, closed=self.is_closed())
        return last(self, agen)

    @functools.wraps(shutdown)
    async def shutdown_asyncgens(self: Any) -> Any:
        if recorder.alive and seam.on:
            with seam:
                generators.shutting_down(self)
        result = await shutdown(self)
        if recorder.alive and seam.on:
            with seam:
                generators.shut_down()
        return result

    patches.set(cls, "_asyncgen_firstiter_hook", _asyncgen_firstiter_hook)
    patches.set(cls, "_asyncgen_finalizer_hook", _asyncgen_finalizer_hook)
    patches.set(cls, "shutdown_asyncgens", shutdown_asyncgens)
