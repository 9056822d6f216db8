"""Programs whose deadlines are not what they were meant to be, one planted fault each, as in `faulty`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from stageflow import Pipeline
from stageflow.pipeline.interceptors import BaseInterceptor, ErrorAction, LoggingInterceptor, get_default_interceptors
from stageflow.pipeline.retry import JitterStrategy, RetryInterceptor
from stageflow.stages.context import PipelineContext

import spanproof

from .shapes import Faulty, body

PROGRAMS = Faulty()
program = PROGRAMS.program


class OnceMore(BaseInterceptor):
    """Runs a failed stage again, by the library's own action."""

    name = "once_more"
    priority = 15

    async def before(self, stage_name: str, ctx: Any) -> None:
        """Nothing to do."""

    async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
        """Nothing to do."""

    async def on_error(self, stage_name: str, error: Exception, ctx: Any) -> ErrorAction:
        return ErrorAction.RETRY


class Flaky:
    """A stage's body that fails the first times that it is run."""

    def __init__(self, failures: int = 1, seconds: float = 0.1) -> None:
        self.left = failures
        self.seconds = seconds

    async def __call__(self, _ctx: Any) -> None:
        await asyncio.sleep(self.seconds)
        if self.left:
            self.left -= 1
            raise ConnectionError("down")


async def beats(seconds: float) -> None:
    """Work that says every 0.3 seconds that it is alive, and wants two seconds until it may be taken for dead."""
    for _ in range(round(seconds / 0.3)):
        spanproof.heartbeat(timeout=2)
        await asyncio.sleep(0.3)


def demo(stage: Any) -> Any:
    """A pipeline of one stage, `s`."""
    return Pipeline(name="demo").with_stage("s", stage, "work")


@program(("D05", "stage s"))
async def configured_and_nobody_reads_it() -> None:
    """The interceptors of the user's own lack the one that reads the timeout."""
    await demo(body(0.5)).run(PipelineContext(data={"_timeout_ms": 200}), interceptors=[LoggingInterceptor()])


@program(("D05", "stage s"))
async def configured_as_text() -> None:
    """As it comes from an environment variable: the stage fails before it runs."""
    with contextlib.suppress(Exception):
        await demo(body(0.5)).run(PipelineContext(data={"_timeout_ms": "200"}))


@program(("D05", "stage s"))
async def configured_as_none_of_the_values() -> None:
    """None is no number of milliseconds to the library, and the stage fails before it runs."""
    with contextlib.suppress(Exception):
        await demo(body(0.5)).run(PipelineContext(data={"_timeout_ms": None}))


@program(("D05", "stage s"))
async def configured_as_no_number_at_all() -> None:
    await demo(body(0.5)).run(PipelineContext(data={"_timeout_ms": float("nan")}))


@program(("D05", "stage s"), ("D06", "stage s"))
async def retry_has_lost_its_deadline() -> None:
    await demo(Flaky()).run(PipelineContext(data={"_timeout_ms": 1000}), interceptors=[*get_default_interceptors(), OnceMore()])


@program(("D05", "stage s"), ("D06", "stage s"))
async def stageflow_s_own_retries_have_none_either() -> None:
    retry = RetryInterceptor(base_delay_ms=10, jitter_strategy=JitterStrategy.NONE)
    await demo(Flaky()).run(PipelineContext(data={"_timeout_ms": 1000}), interceptors=[*get_default_interceptors(), retry])


@program(("D06", "stage s"))
async def retry_has_lost_the_default() -> None:
    """Nothing was configured: the first attempt has the library's 30 seconds all the same."""
    await demo(Flaky()).run(PipelineContext(), interceptors=[*get_default_interceptors(), OnceMore()])


@program(("D06", "stage s"))
async def retry_without_the_library_s_interceptor() -> None:
    await demo(Flaky()).run(PipelineContext(), interceptors=[OnceMore()])


@program(("D07", "stage s"))
async def stage_that_says_that_it_is_alive_is_cut() -> None:
    async def long(_ctx: Any) -> None:
        await beats(3)

    with contextlib.suppress(Exception):
        await demo(long).run(PipelineContext(data={"_timeout_ms": 1000}))


@program(("D07", "stage s"))
async def the_task_that_the_stage_waits_for_says_it() -> None:
    async def long(_ctx: Any) -> None:
        await asyncio.create_task(beats(3))

    with contextlib.suppress(Exception):
        await demo(long).run(PipelineContext(data={"_timeout_ms": 1000}))


@program(("D07", "stage s"))
async def a_scope_in_the_stage_says_it() -> None:
    async def long(_ctx: Any) -> None:
        async with asyncio.timeout(0.8):
            await asyncio.sleep(0.1)
        async with asyncio.timeout(0.89):
            await beats(3)

    with contextlib.suppress(Exception):
        await demo(long).run(PipelineContext(data={"_timeout_ms": 980}))


@program(("D07", "timeout a_scope_cuts_what_says_that_it_is_alive"))
async def a_scope_cuts_what_says_that_it_is_alive() -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await beats(3)


@program(("D07", "task beats"))
async def wait_for_cuts_a_task_that_says_that_it_is_alive() -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.create_task(beats(3)), 1)
