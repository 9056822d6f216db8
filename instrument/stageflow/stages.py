"""Scheduled stages: their attempts, and what each channel reported of them."""

from __future__ import annotations

import functools
from asyncio import CancelledError
from types import CodeType, CoroutineType
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..taskstate import running_state
from ..texts import safe_text, type_name
from . import outcomes, timeouts
from .bodies import BodyProbe
from .origins import StageOrigins, codes_inside
from .runs import Run
from .witness import ShortCut, around

if TYPE_CHECKING:
    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes, Unit
    from ..taskstate import TaskState
    from .runs import Runs


class StageRun:
    """One scheduled stage of one run. Stands in for the stage's specification inside `_run_stage`.

    Attributes:
        name, kind, runner: as in the specification; the runner gives the body with a unit around it.
        run: the run that it belongs to.
        last: unit of the last attempt; it is released to the sink when everything was reported.
        ctx: the run's context, once the interceptors have it.
        short_cut: what an interceptor answered in the stage's place.
        early: events that the library emitted before there was a unit.
        interceptor: the library's interceptor of timeouts, which has the default.
    """

    __slots__ = ("_origin", "_runner", "_spec", "ctx", "early", "kind", "last", "name", "recorder", "run", "short_cut", "state")
    interceptor: Any = None

    def __init__(self, recorder: Recorder, runs: Runs, origins: StageOrigins, state: TaskState, spec: Any) -> None:
        self.recorder = recorder
        self.state = state
        self.name: Any = spec.name
        self.kind: Any = getattr(spec, "kind", None)
        self._spec = spec
        self._runner = runner = spec.runner
        parent = state.innermost
        self.run = (runs.of(parent.run) if parent is not None else None) or Run(None)
        self._origin = origins.of(state.loop, str(spec.name), tuple(spec.dependencies), runner)
        self.last: Unit | None = None
        self.ctx: Any = None
        self.short_cut: ShortCut | None = None
        self.early: list[tuple[int, Attributes]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spec, name)

    def runner(self, ctx: Any) -> Any:
        """What the library awaits as the stage's body."""
        runner = self._runner
        if isinstance(runner, type):
            # The deprecated graph takes classes too, and makes an instance for each run.
            made: Any = runner
            runner = made().execute
        try:
            body = runner(ctx)
        except BaseException as error:
            # A plain function that raised before there was anything to await.
            probe = BodyProbe(_nothing(), self)
            probe.fail(error)
            raise
        return BodyProbe(body if type(body) is CoroutineType else _awaited(body), self)

    # --- attempts ------------------------------------------------------------------------------------------------

    def open(self) -> Unit:
        """The body makes its first step."""
        if self.last is not None:
            self.recorder.release(self.last)
        state, recorder = self.state, self.recorder
        self.last = unit = self._begin()
        recorder.note_started(unit, unit.start_ns)
        state.stack.append(unit)
        timeouts.attach_armed(self, unit)
        return unit

    def _begin(self) -> Unit:
        state = self.state
        attrs: Attributes = {v.ATTEMPT: self.run.next_attempt(self._origin.name)}
        unit = self.recorder.begin_unit(self._origin, state.loop, attrs, state.innermost, False)
        if self.early is not None:
            early, self.early = self.early, None
            for at_ns, told in early:
                self.recorder.event(unit, v.REPORTED, at_ns, told)
        return unit

    def close(self, unit: Unit, error: BaseException | None, output: Any) -> None:
        """The body has ended."""
        state, recorder = self.state, self.recorder
        outcome: v.Outcome | None = None
        if error is None:
            outcome, status, has_data = outcomes.of_body(output)
            recorder.event(unit, v.OUTPUT_PRODUCED, state.loop.now_ns(), {v.OUTPUT_STATUS: status, v.OUTPUT_HAS_DATA: has_data})
        elif type(error).__name__ == "StageCancellationRequested":
            outcome = "cancelled"  # the body heeded a cooperative flag
        recorder.close(state, unit, error, outcome, release=False)

    def _decided(self, outcome: v.Outcome) -> Unit:
        """The stage was decided without its body: a unit without length."""
        unit = self._begin()
        if self.short_cut is not None:
            outcome = "short_circuited"
        elif outcome == "failed":
            timeouts.attach_refused(self, unit)
        self.recorder.end(unit, self.state.loop, outcome)
        unit.end_ns = unit.start_ns
        return unit

    # --- reports -------------------------------------------------------------------------------------------------

    def report(self, outcome: v.Outcome, attrs: Attributes) -> None:
        """What a channel said of the stage; the unit is opened for it when its body never ran."""
        unit = self.last
        if unit is None:
            unit = self.last = self._decided(outcome)
        self.recorder.event(unit, v.REPORTED, self.state.loop.now_ns(), attrs)

    def told_after(self, result: Any) -> None:
        """Interceptors are told the result; each is given the same object."""
        status, error = result.status, result.error
        outcome: v.Outcome = "completed" if status == "completed" else outcomes.of_result(result)
        attrs: Attributes = {v.REPORT_CHANNEL: "after", v.REPORT_OUTCOME: outcome, v.REPORT_STATUS: str(status)}
        if error:
            attrs[v.REPORT_ERROR] = outcomes.text_of(error)
        self.report(outcome, attrs)

    def told_error(self, error: Exception) -> None:
        """Interceptors are asked what to do about an error."""
        self.report(
            "failed",
            {
                v.REPORT_CHANNEL: "on_error",
                v.REPORT_OUTCOME: "failed",
                v.REPORT_ERROR_TYPE: type_name(error),
                v.REPORT_ERROR: safe_text(error),
            },
        )

    def result(self, answered: Any, stage_ctx: Any) -> None:
        """`_run_stage` returned (StageOutput, StageResult) or, in the deprecated graph, a StageResult."""
        alone = hasattr(answered, "status")
        told: Any = answered if alone else answered[0]
        outcome = outcomes.of_result(told) if alone else outcomes.of_output(told)
        status = outcomes.word(told.status)
        if status == "skip" and getattr(stage_ctx, "event_sink", None):
            # The library emits this event right where it decides to return such an output.
            self.report_event(f"stage.{self.name}.skipped", "skipped")
        attrs: Attributes = {
            v.REPORT_CHANNEL: "result",
            v.REPORT_OUTCOME: outcome,
            v.REPORT_STATUS: status,
            v.REPORT_HAS_DATA: outcomes.carries(told.data),
        }
        if told.error:
            attrs[v.REPORT_ERROR] = outcomes.text_of(told.error)
        cut = self.short_cut
        if cut is not None:
            attrs[v.REPORT_SHORT_CUT_BY] = cut.author
            if cut.empty:
                # Nothing was lost on the way from the run that it repeats.
                attrs[v.REPORT_HAS_DATA] = True
            if cut.stage is not None:
                attrs[v.REPORT_STAGE] = cut.stage
            if cut.error is not None:
                attrs[v.REPORT_ERROR] = cut.error
        self.report(outcome, attrs)
        self._conclude(outcome, "result")

    def raised(self, error: BaseException) -> None:
        """`_run_stage` raised."""
        if self.last is None and isinstance(error, CancelledError):
            return
        outcome: v.Outcome = "cancelled" if isinstance(error, CancelledError) else "failed"
        self.report(
            outcome,
            {
                v.REPORT_CHANNEL: "exception",
                v.REPORT_OUTCOME: outcome,
                v.REPORT_ERROR_TYPE: type_name(error),
                v.REPORT_ERROR: safe_text(error),
            },
        )
        self._conclude(outcome, "exception")

    def report_event(self, type_: str, outcome: v.Outcome | None, error: object = None) -> None:
        """The library emitted an event about the stage."""
        attrs: Attributes = {v.REPORT_CHANNEL: "event", v.REPORT_STATUS: type_}
        if outcome is not None:
            attrs[v.REPORT_OUTCOME] = outcome
        if error:
            attrs[v.REPORT_ERROR] = outcomes.text_of(error)
        if outcome is None and self.last is None:
            self.early = [*(self.early or ()), (self.state.loop.now_ns(), attrs)]
        else:
            self.report(outcome or "completed", attrs)

    def _conclude(self, told: v.Outcome, channel: str) -> None:
        if self.last is not None:
            attrs = self.last.attrs
            attrs[v.REPORTED_OUTCOME], attrs[v.REPORTED_BY] = told, channel

    def finish(self) -> None:
        """Nothing more will be said."""
        if self.last is not None and self.last.end_ns is not None:
            self.recorder.release(self.last)


def install(recorder: Recorder, patches: Patches, runs: Runs) -> None:
    """Watch `_run_stage` of both graphs and the function that runs a stage inside its interceptors."""
    from stageflow.pipeline import dag
    from stageflow.pipeline.builder import PipelineBuilder
    from stageflow.pipeline.idempotency import IdempotencyInterceptor
    from stageflow.pipeline.interceptors import TimeoutInterceptor
    from stageflow.pipeline.pipeline import Pipeline

    wrappers: list[CodeType] = [
        *codes_inside(Pipeline.build, "runner_wrapper"),
        *codes_inside(PipelineBuilder.build, "create_runner"),
    ]
    origins = StageOrigins(wrappers)
    StageRun.interceptor = TimeoutInterceptor
    for cls in (dag.UnifiedStageGraph, dag.StageGraph):
        patches.set(cls, "_run_stage", _watched_run_stage(recorder, runs, origins, cls._run_stage))
    patches.set(dag, "run_with_interceptors", _watched_interceptors(recorder, vars(dag)["run_with_interceptors"]))
    patches.set(IdempotencyInterceptor, "_short_circuit", _watched_replay(recorder, vars(IdempotencyInterceptor)["_short_circuit"]))


def _watched_run_stage(recorder: Recorder, runs: Runs, origins: StageOrigins, original: Any) -> Any:
    seam = recorder.seams.stageflow

    @functools.wraps(original)
    async def _run_stage(self: Any, spec: Any, *contexts: Any) -> Any:
        state = running_state()
        if state is None or not (recorder.alive and seam.on):
            return await original(self, spec, *contexts)
        before = state.stage
        try:
            stage = state.stage = StageRun(recorder, runs, origins, state, spec)
        except Exception as fault:  # noqa: BLE001 - hot path: what `with seam` does, without its two calls
            seam.fail(fault)
            return await original(self, spec, *contexts)
        try:
            output = await original(self, stage, *contexts)
        except BaseException as error:
            _conclude(stage, error, None, contexts[0])
            raise
        else:
            _conclude(stage, None, output, contexts[0])
            return output
        finally:
            state.stage = before

    return _run_stage


def _conclude(stage: StageRun, error: BaseException | None, output: Any, stage_ctx: Any) -> None:
    recorder = stage.recorder
    if not recorder.alive:
        return
    try:
        if error is None:
            stage.result(output, stage_ctx)
        else:
            stage.raised(error)
        stage.finish()
    except Exception as fault:  # noqa: BLE001 - hot path: what `with seam` does, without its two calls
        recorder.seams.stageflow.fail(fault)


def _watched_interceptors(recorder: Recorder, original: Any) -> Any:
    from stageflow.pipeline import interceptors as library
    from stageflow.pipeline.idempotency import IdempotencyInterceptor

    seam = recorder.seams.stageflow
    go_on = library.ErrorAction.FAIL
    # The library's own that never answer in a stage's place, or whose answers are seen elsewhere. A subclass may: it is not among them.
    silent = frozenset(
        {
            library.TimeoutInterceptor,
            library.TracingInterceptor,
            library.MetricsInterceptor,
            library.ChildTrackerMetricsInterceptor,
            library.LoggingInterceptor,
            IdempotencyInterceptor,
        }
    )

    @functools.wraps(original)
    def run_with_interceptors(stage_name: str, stage_run: Any, ctx: Any, interceptors: Any) -> Any:
        state = running_state()
        stage = state.stage if state is not None else None
        if stage is not None and recorder.alive and seam.on:
            stage.ctx = ctx
            interceptors = around(interceptors, stage, silent, go_on)
        return original(stage_name=stage_name, stage_run=stage_run, ctx=ctx, interceptors=interceptors)

    return run_with_interceptors


def _watched_replay(recorder: Recorder, original: Any) -> Any:
    """The library's idempotency answers in a stage's place by this function alone."""

    @functools.wraps(original)
    def _short_circuit(self: Any, *arguments: Any, **options: Any) -> Any:
        answer = original(self, *arguments, **options)
        if recorder.alive and recorder.seams.stageflow.on:
            with recorder.seams.stageflow:
                state = running_state()
                if state is not None and state.stage is not None:
                    state.stage.short_cut = ShortCut(self, answer)
        return answer

    return _short_circuit


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


async def _nothing() -> None:
    """A body that never came to be."""
