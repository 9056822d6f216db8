"""Attempts of stages: the body's own outcome, the deadline that stageflow armed for it, and what each channel reported."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..deadlines import arm, attach
from ..probe import UnitProbe
from ..taskstate import running_state
from ..texts import safe_text, type_name
from . import outcomes
from .runs import Runs

if TYPE_CHECKING:
    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes, Unit
    from ..taskstate import TaskState


class StageRun:
    """One scheduled stage of one run: its attempts and what was said of it.

    Attributes:
        last: unit of the last attempt; it is released to the sink when everything was reported.
        ctx: the run's context, once the interceptors have it.
        short_cut: (interceptor, carries data, error) when an interceptor answered in the stage's place.
    """

    __slots__ = ("ctx", "dependencies", "last", "name", "recorder", "runs", "short_cut", "told_after")

    def __init__(self, recorder: Recorder, runs: Runs, spec: Any) -> None:
        self.recorder = recorder
        self.runs = runs
        self.name = str(spec.name)
        self.dependencies = [str(name) for name in spec.dependencies]
        self.last: Unit | None = None
        self.ctx: Any = None
        self.short_cut: tuple[str, bool, str | None] | None = None
        self.told_after = False

    # --- attempts ------------------------------------------------------------------------------------------------

    def open_unit(self) -> tuple[TaskState, Unit] | None:
        """The body makes its first step."""
        state = running_state()
        if state is None:
            return None
        if self.last is not None:
            self.recorder.release(self.last)
        unit = self._open(state)
        self.recorder.note_started(unit, unit.start_ns)
        state.enter(unit)
        self.last = unit
        deadline, state.armed = state.armed, None
        if deadline is not None:
            deadline.attrs[v.DEADLINE_SOURCE] = "context" if self._configured() is not None else "default"
            if self._configured() is not None:
                deadline.attrs[v.DEADLINE_CONFIGURED] = _shown(self._configured())
            attach(self.recorder, unit, deadline)
        elif (configured := self._configured()) is not None:
            # Configured, and nothing armed: a retry, or a timeout of 0 or less.
            attach(
                self.recorder,
                unit,
                arm(
                    self.recorder,
                    state,
                    None,
                    {v.DEADLINE_CONFIGURED: _shown(configured), v.DEADLINE_SOURCE: "context", v.DEADLINE_MECHANISM: "stageflow"},
                ),
            )
        return state, unit

    def _open(self, state: TaskState) -> Unit:
        parent = state.innermost
        attrs: Attributes = {
            v.STAGE: self.name,
            v.STAGE_DEPENDENCIES: self.dependencies,
            v.ATTEMPT: self.runs.next_attempt(parent.run if parent is not None else None, self.name),
        }
        return self.recorder.open("stage", f"stage {self.name}", state.loop, parent=parent, attrs=attrs)

    def _configured(self) -> Any:
        data: Any = getattr(self.ctx, "data", None)
        return data.get("_timeout_ms") if hasattr(data, "get") else None

    def watch(self, runner: Any) -> Any:
        """The stage's runner with a unit around each of its calls."""

        def watched(ctx: Any) -> Any:
            body = runner(ctx)
            coro = body if asyncio.iscoroutine(body) else _awaited(body)
            return UnitProbe(coro, self.recorder, self.open_unit, self.close_unit)

        return watched

    def close_unit(self, state: TaskState, unit: Unit, error: BaseException | None, output: Any) -> None:
        """The body has ended."""
        outcome: v.Outcome | None = None
        if error is None:
            outcome = outcomes.of_output(output)
        elif type(error).__name__ == "StageCancellationRequested":
            outcome = "cancelled"  # the body heeded a cooperative flag
        if error is None and outcome == "timed_out":
            outcome = "failed"  # the body itself returned a failure with that text: its own deadline did not cut it
        self.recorder.close(state, unit, error, outcome, release=False)

    # --- reports -------------------------------------------------------------------------------------------------

    def report(self, channel: str, outcome: v.Outcome, attrs: Attributes) -> None:
        """What a channel said of the stage; the unit is opened for it when its body never ran."""
        state = running_state()
        if state is None:
            return
        if self.last is None:
            self.last = self._decided(state, outcome)
        attrs[v.REPORT_CHANNEL] = channel
        attrs[v.REPORT_OUTCOME] = outcome
        attrs[v.REPORT_STAGE] = self.name
        self.recorder.event(self.last, v.REPORTED, state.loop.now_ns(), attrs)

    def _decided(self, state: TaskState, outcome: v.Outcome) -> Unit:
        unit = self._open(state)
        self.recorder.end(unit, state.loop, "short_circuited" if self.short_cut is not None else outcome)
        unit.end_ns = unit.start_ns
        return unit

    def result(self, output: Any) -> None:
        """`_run_stage` returned (StageOutput, StageResult) or, in the deprecated graph, a StageResult."""
        alone = hasattr(output, "status")
        first: Any = output if alone else output[0]
        told = outcomes.of_result(first) if alone else outcomes.of_output(first)
        attrs: Attributes = {v.REPORT_STATUS: str(getattr(first.status, "value", first.status)), v.REPORT_HAS_DATA: bool(first.data)}
        if first.error:
            attrs[v.REPORT_ERROR] = str(first.error)[:1_000]
        if self.short_cut is not None:
            author, has_data, error = self.short_cut
            attrs[v.REPORT_SHORT_CUT_BY] = author
            attrs[v.REPORT_HAS_DATA] = has_data
            if error:
                attrs[v.REPORT_ERROR] = error[:1_000]
        self.report("result", told, attrs)
        self._conclude(told, "result")

    def raised(self, error: BaseException) -> None:
        """`_run_stage` raised."""
        if isinstance(error, CancelledError) and self.last is None:
            return
        told: v.Outcome = "cancelled" if isinstance(error, CancelledError) else "failed"
        self.report("exception", told, {v.REPORT_ERROR_TYPE: type_name(error), v.REPORT_ERROR: safe_text(error)})
        self._conclude(told, "exception")

    def _conclude(self, told: v.Outcome, channel: str) -> None:
        if self.last is not None:
            self.last.attrs[v.REPORTED_OUTCOME] = told
            self.last.attrs[v.REPORTED_BY] = channel

    def finish(self) -> None:
        """Nothing more will be said."""
        if self.last is not None and self.last.end_ns is not None:
            self.recorder.release(self.last)


class WatchedInterceptor:
    """Passes every hook on to the user's interceptor, and notes what it answers; looks like it to stageflow."""

    __slots__ = ("_inner", "_stage", "name", "priority")

    def __init__(self, inner: Any, stage: StageRun) -> None:
        self._inner = inner
        self._stage = stage
        self.name = inner.name
        self.priority = inner.priority

    async def before(self, stage_name: str, ctx: Any) -> Any:
        answer = await self._inner.before(stage_name, ctx)
        if answer is not None and not answer.stage_ran:
            self._stage.short_cut = (str(self.name), bool(answer.result), str(answer.error) if answer.error else None)
        return answer

    async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
        stage = self._stage
        if not stage.told_after:
            # All interceptors are told the same; once is enough.
            stage.told_after = True
            try:
                attrs: Attributes = {v.REPORT_STATUS: str(result.status)}
                if result.error:
                    attrs[v.REPORT_ERROR] = str(result.error)[:1_000]
                stage.report("after", outcomes.of_result(result), attrs)
            except Exception as fault:  # noqa: BLE001 - must not reach the program
                stage.recorder.seams.stageflow.fail(fault)
        await self._inner.after(stage_name, result, ctx)

    async def on_error(self, stage_name: str, error: Exception, ctx: Any) -> Any:
        return await self._inner.on_error(stage_name, error, ctx)


def _callable(runner: Any) -> Any:
    """The deprecated graph takes stage classes too, and makes an instance for each run."""
    if not isinstance(runner, type):
        return runner
    make: Any = runner

    def run(ctx: Any) -> Any:
        return make().execute(ctx)

    return run


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, (int, float, type(None), bool)) else f"<{type(value).__qualname__}>"


def install(recorder: Recorder, patches: Patches) -> None:
    """Watch `_run_stage` of both graphs and the function that runs a stage inside its interceptors."""
    from stageflow.pipeline import dag

    runs = Runs.of(recorder)
    for cls in (dag.UnifiedStageGraph, dag.StageGraph):
        patches.set(cls, "_run_stage", _watched_run_stage(recorder, runs, cls._run_stage))
    patches.set(dag, "run_with_interceptors", _watched_interceptors(recorder, vars(dag)["run_with_interceptors"]))


def _watched_run_stage(recorder: Recorder, runs: Runs, original: Any) -> Any:
    @functools.wraps(original)
    async def _run_stage(self: Any, spec: Any, *contexts: Any) -> Any:
        seam = recorder.seams.stageflow
        state = running_state()
        if state is None or not (recorder.alive and seam.on):
            return await original(self, spec, *contexts)
        stage: StageRun | None = None
        with seam:
            stage = state.stage = StageRun(recorder, runs, spec)
            spec = dataclasses.replace(spec, runner=stage.watch(_callable(spec.runner)))
        try:
            output = await original(self, spec, *contexts)
        except BaseException as error:
            _guarded(recorder, stage, "raised", error)
            raise
        else:
            _guarded(recorder, stage, "result", output)
            return output
        finally:
            state.stage = None
            _guarded(recorder, stage, "finish")

    return _run_stage


def _guarded(recorder: Recorder, stage: StageRun | None, what: str, *arguments: Any) -> None:
    if stage is None or not recorder.alive:
        return
    with recorder.seams.stageflow:
        getattr(stage, what)(*arguments)


def _watched_interceptors(recorder: Recorder, original: Any) -> Any:
    @functools.wraps(original)
    async def run_with_interceptors(stage_name: str, stage_run: Any, ctx: Any, interceptors: Any) -> Any:
        state = running_state()
        stage = state.stage if state is not None else None
        if stage is not None and recorder.alive and recorder.seams.stageflow.on:
            stage.ctx = ctx
            interceptors = [WatchedInterceptor(interceptor, stage) for interceptor in interceptors]
        return await original(stage_name=stage_name, stage_run=stage_run, ctx=ctx, interceptors=interceptors)

    return run_with_interceptors


async def _awaited(awaitable: Any) -> Any:
    return await awaitable
