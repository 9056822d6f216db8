"""Slow cleanup: the cleanup of a stage that is timed out takes longer than the stage was given.

An upload is timed out, and its `finally` tells the server to throw the parts away. Today the server does not answer. Whoever waits for the
stage waits for its cleanup, and a timeout of 200 ms becomes one of two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib

from stageflow import StageContext, StageOutput

from ..kit import StageBody, call, pipeline, work
from ..scenario import Expected, Scenario

scenario = Scenario(
    __name__,
    __doc__,
    must="A stage that is cut is gone within a second, its cleanup included.",
    hypotheses=("H4",),
    failure_modes=("Cleanup Failure",),
    success=("Cleanup handlers execute on timeout/cancellation",),
)

TIMEOUT_MS = 200


def uploading(cleanup_s: float, *, bounded: bool = False) -> StageBody:
    """Uploads, and tells the server when it is cut; `bounded`: it waits at most 100 ms for its answer."""

    async def body(ctx: StageContext) -> StageOutput:
        try:
            return StageOutput.ok(pieces=await work(2.0), stage=ctx.stage_name)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1 if bounded else None):
                    await asyncio.sleep(cleanup_s)

    return body


@scenario.variant(expected=[Expected("C04", "stage upload", "the `finally` waits for a server that does not answer", library="")])
async def server_is_silent() -> None:
    """The cleanup takes 1.5 s: the caller, who gave 200 ms, has the error after 1.7 s."""
    await call(pipeline("files", ("upload", uploading(1.5))), timeout_ms=TIMEOUT_MS)


@scenario.variant()
async def workaround() -> None:
    """The same server, and a cleanup that waits at most 100 ms for it."""
    await call(pipeline("files", ("upload", uploading(1.5, bounded=True))), timeout_ms=TIMEOUT_MS)


@scenario.control
async def in_time() -> None:
    """The server answers at once."""
    await call(pipeline("files", ("upload", uploading(0.02))), timeout_ms=TIMEOUT_MS)
