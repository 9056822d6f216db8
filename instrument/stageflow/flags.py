"""Cooperative flags: set when, by whom, for which run, and first read as true by whom. A flag asks nobody; it waits to be read.

Three things of the library are flags: `PipelineContext.canceled` (set by `mark_canceled` or by hand), `CancellationToken`, and the
spawner's list of cancelled runs. The first two are attributes; the class gets a property in their place. Its getter is the library's
own, so that a read costs nothing, until a run has been flagged: only then, and as long as that run lasts, reads are looked at.
"""

from __future__ import annotations

import functools
import sys
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..frames import site
from ..taskstate import running_state
from .runs import Flag, Known, Run

if TYPE_CHECKING:
    from types import FrameType

    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes
    from .reads import Reads
    from .runs import Runs


def install(recorder: Recorder, patches: Patches, runs: Runs) -> None:
    """Watch the three kinds of flags."""
    from stageflow.core import StageContext
    from stageflow.pipeline.cancellation import CancellationToken
    from stageflow.pipeline.dag import UnifiedStageGraph
    from stageflow.pipeline.subpipeline import SubpipelineSpawner
    from stageflow.stages.context import PipelineContext

    reads = runs.reads
    reads.declare_readers(PipelineContext, StageContext, UnifiedStageGraph)
    _watch_contexts(recorder, runs, reads, patches, PipelineContext)
    _watch_tokens(recorder, runs, reads, patches, CancellationToken)
    _watch_children(recorder, runs, reads, patches, SubpipelineSpawner)


def note(recorder: Recorder, runs: Runs, run: Run, mechanism: str, frame: FrameType | None) -> None:
    """Note a flag on the run that it flags."""
    unit = run.unit
    if unit is None or unit.end_ns is not None:
        return
    state = running_state()
    by = state.innermost if state is not None else None
    flag = Flag(recorder.number(), mechanism)
    attrs: Attributes = {v.FLAG_ID: flag.number, v.FLAG_RUN: unit.hex, v.FLAG_MECHANISM: mechanism}
    if by is not None:
        attrs[v.FLAG_BY] = by.hex
    where = site(frame)
    if where is not None:
        attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
    at_ns = state.loop.now_ns() if state is not None and by is not None and by.run == unit.run else recorder.now_on(unit)
    recorder.event(unit, v.CANCEL_FLAGGED, at_ns, attrs)
    run.flags.append(flag)
    runs.reads.flagged(run)


def note_inherited(recorder: Recorder, runs: Runs, run: Run) -> None:
    """A run begins with a context that is flagged already."""
    if recorder.seams.flag.on:
        with recorder.seams.flag:
            note(recorder, runs, run, "before_run", None)


def _watch_contexts(recorder: Recorder, runs: Runs, reads: Reads, patches: Patches, cls: Any) -> None:
    member: Any = cls.__dict__["canceled"]
    if not isinstance(member, MemberDescriptorType):
        raise AttributeError("PipelineContext.canceled is no slot")  # noqa: TRY004 - install() takes it for other internals
    seam = recorder.seams.flag
    marks, makes = cls.mark_canceled.__code__, cls.__init__.__code__
    read_plainly, write_plainly = member.__get__, member.__set__

    def write(ctx: Any, value: Any) -> None:
        if not value or not (recorder.alive and seam.on):
            write_plainly(ctx, value)
            return
        frame = sys._getframe(1)
        if frame.f_code is makes:
            # A context that is made flagged; its run says so when it begins.
            write_plainly(ctx, value)
            return
        try:
            before = read_plainly(ctx)
        except AttributeError:
            # A copy that is being put together.
            before = True
        write_plainly(ctx, value)
        if not before:
            with seam:
                marked = frame.f_code is marks
                where = frame.f_back if marked else frame
                mechanism = reads.mechanism_of(where) or ("mark_canceled" if marked else "attribute")
                where = reads.caller_of(where)
                for run in runs.with_context(ctx):
                    note(recorder, runs, run, mechanism, where)

    def read(ctx: Any) -> Any:
        value = read_plainly(ctx)
        if value and recorder.alive and seam.on:
            with seam:
                for run in runs.with_context(ctx):
                    reads.note(run, sys._getframe(1), lambda flag: flag.mechanism != "token")
        return value

    reads.watch(patches, cls, "canceled", property(read_plainly, write, member.__delete__, member.__doc__), read)


def _watch_tokens(recorder: Recorder, runs: Runs, reads: Reads, patches: Patches, cls: Any) -> None:
    init, cancel = cls.__init__, cls.cancel
    seam = recorder.seams.flag
    known: Known[Run] = Known()
    library: Any = cls.__dict__["is_cancelled"]
    read_plainly: Any = library.fget

    @functools.wraps(init)
    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        init(self, *arguments, **options)
        if recorder.alive and seam.on:
            with seam:
                state = running_state()
                owner = state.innermost if state is not None else None
                # The graph makes its token inside its run.
                run = runs.of(owner.span_id) if owner is not None and owner.kind == "pipeline" else None
                if run is not None:
                    known.set(self, run)

    @functools.wraps(cancel)
    def cancel_(self: Any, *arguments: Any, **options: Any) -> None:
        fresh = not read_plainly(self)
        run = known.get(self) if fresh and recorder.alive and seam.on else None
        if run is not None:
            # Noted before: the token's callbacks, which run inside, read it.
            with seam:
                note(recorder, runs, run, "token", sys._getframe(1))
        cancel(self, *arguments, **options)

    def read(token: Any) -> Any:
        value = read_plainly(token)
        if value and recorder.alive and seam.on:
            with seam:
                run = known.get(token)
                if run is not None:
                    reads.note(run, sys._getframe(1), lambda flag: flag.mechanism == "token")
        return value

    patches.set(cls, "__init__", __init__)
    patches.set(cls, "cancel", cancel_)
    reads.watch(patches, cls, "is_cancelled", property(read_plainly, library.fset, library.fdel, library.__doc__), read)


def _watch_children(recorder: Recorder, runs: Runs, reads: Reads, patches: Patches, cls: Any) -> None:
    original, asks = cls.cancel_with_children, cls.is_canceled
    seam = recorder.seams.flag
    reads.declare_mechanism("cancel_with_children", original)

    @functools.wraps(original)
    async def cancel_with_children(self: Any, *arguments: Any, **options: Any) -> Any:
        frame = sys._getframe(1)
        before = set(self._canceled_runs)
        try:
            return await original(self, *arguments, **options)
        finally:
            if recorder.alive and seam.on:
                with seam:
                    for run_uuid in self._canceled_runs - before:
                        run = runs.with_uuid(run_uuid)
                        # A context that was passed along has been marked, and noted, on the way.
                        if run is not None and all(flag.mechanism != "cancel_with_children" for flag in run.flags):
                            note(recorder, runs, run, "cancel_with_children", frame)

    @functools.wraps(asks)
    async def is_canceled(self: Any, run_id: Any) -> bool:
        canceled = bool(await asks(self, run_id))
        if canceled and recorder.alive and seam.on:
            with seam:
                run = runs.with_uuid(run_id)
                if run is not None:
                    reads.note(run, sys._getframe(1), lambda flag: flag.mechanism == "cancel_with_children")
        return canceled

    patches.set(cls, "cancel_with_children", cancel_with_children)
    patches.set(cls, "is_canceled", is_canceled)
