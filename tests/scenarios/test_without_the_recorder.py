"""The findings are the library's doing, not the recorder's: the same is seen by stages that only note what happens to them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from stageflow import Pipeline, PipelineContext, StageKind, StageOutput

from spanproof.scenarios.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stageflow import StageContext


class Notes:
    """What was seen, in order, with the loop's time in milliseconds."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, what: str) -> None:
        self.lines.append(f"{round(asyncio.get_running_loop().time() * 1000)} {what}")

    def sleeps(self, seconds: float) -> Callable[[StageContext], Awaitable[StageOutput]]:
        async def body(ctx: StageContext) -> StageOutput:
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self.note(f"{ctx.stage_name} cancelled")
                raise
            self.note(f"{ctx.stage_name} done")
            return StageOutput.ok()

        return body

    async def run(self, pipeline: Pipeline, timeout_ms: int = 300) -> None:
        context = PipelineContext.create(topology=pipeline.name, data={"_timeout_ms": timeout_ms})
        try:
            await pipeline.run(context)
            self.note(f"{pipeline.name} returned")
        except BaseException as error:
            self.note(f"{pipeline.name} raised {type(error).__name__}")
            raise


def seen(program: Callable[[Notes], Awaitable[None]]) -> list[str]:
    notes = Notes()

    async def main() -> None:
        try:
            await program(notes)
        except Exception as error:
            notes.note(f"caller got {type(error).__name__}")
        await asyncio.sleep(2)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    return notes.lines


def order(notes: Notes, bank: Callable[[StageContext], Awaitable[StageOutput]]) -> Pipeline:
    built = Pipeline(name="order").with_stage("bank", bank, StageKind.TRANSFORM)
    built = built.with_stage("login", notes.sleeps(0.2), StageKind.TRANSFORM)
    return built.with_stage("stock", notes.sleeps(0.25), StageKind.TRANSFORM, dependencies=("login",))


async def raises(_: StageContext) -> StageOutput:
    await asyncio.sleep(0.3)
    raise ValueError("no answer")


async def fails(_: StageContext) -> StageOutput:
    await asyncio.sleep(0.25)
    return StageOutput.fail(error="refused")


async def timed_out(notes: Notes) -> None:
    await notes.run(order(notes, notes.sleeps(2.0)))


async def failed(notes: Notes) -> None:
    await notes.run(order(notes, fails))


async def raised(notes: Notes) -> None:
    await notes.run(order(notes, raises), timeout_ms=1000)


async def from_outside(notes: Notes) -> None:
    async with asyncio.timeout(0.3):
        await notes.run(order(notes, notes.sleeps(0.5)), timeout_ms=1000)


async def child_of_a_timed_out_stage(notes: Notes) -> None:
    child = Pipeline(name="child").with_stage("collect", notes.sleeps(0.5), StageKind.TRANSFORM)

    async def report(_: StageContext) -> StageOutput:
        await notes.run(child, timeout_ms=1000)
        return StageOutput.ok()

    await notes.run(Pipeline(name="parent").with_stage("report", report, StageKind.TRANSFORM))


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (
            timed_out,
            [
                "200 login done",
                "300 bank cancelled",
                "300 order raised UnifiedStageExecutionError",
                "300 caller got UnifiedStageExecutionError",
                "450 stock done",
            ],
        ),
        (
            failed,
            [
                "200 login done",
                "250 order raised UnifiedStageExecutionError",
                "250 caller got UnifiedStageExecutionError",
                "450 stock done",
            ],
        ),
        (
            raised,
            [
                "200 login done",
                "300 stock cancelled",
                "300 order raised UnifiedStageExecutionError",
                "300 caller got UnifiedStageExecutionError",
            ],
        ),
        (
            from_outside,
            ["200 login done", "300 order raised CancelledError", "300 caller got TimeoutError", "450 stock done", "500 bank done"],
        ),
        (
            child_of_a_timed_out_stage,
            [
                "300 child raised CancelledError",
                "300 parent raised UnifiedStageExecutionError",
                "300 caller got UnifiedStageExecutionError",
                "500 collect done",
            ],
        ),
    ],
)
def test_without_the_recorder_the_same_is_seen(program: Callable[[Notes], Awaitable[None]], expected: list[str]) -> None:
    assert seen(program) == expected
