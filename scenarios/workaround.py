"""The workaround for stageflow 1.2: run a pipeline so that nothing of it is left running when the run has ended.

It can be copied into an application as it is: it uses stageflow's public interface only. An interceptor notes the task of each
stage that is at work (an interceptor runs inside it), and whoever ends the run cancels those tasks and waits for them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from stageflow import BaseInterceptor, Pipeline, PipelineContext, StageResult, get_default_interceptors

if TYPE_CHECKING:
    from stageflow.pipeline.results import PipelineResults


class StagesAtWork(BaseInterceptor):
    """Knows the task of every stage of one run that is at work."""

    name = "stages_at_work"
    priority = 0  # The outermost, so that it sees a stage before anything else can end it.

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()

    async def before(self, stage_name: str, ctx: PipelineContext) -> None:
        """Note the task, which runs the stage as well as its interceptors."""
        task = asyncio.current_task()
        if task is not None:
            self.tasks.add(task)
            # A stage that is cancelled never comes to after(): the task itself says when it is over.
            task.add_done_callback(self.tasks.discard)

    async def after(self, _stage_name: str, _result: StageResult, _ctx: PipelineContext) -> None:
        """Nothing to do: a task leaves the set when it is done."""

    async def stop(self) -> None:
        """Cancel what is still at work, and see it to its end."""
        left = [task for task in self.tasks if not task.done()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def run_and_stop(built: Pipeline, ctx: PipelineContext) -> PipelineResults:
    """`built.run(ctx)`, and when that ends in any way, no stage of it is left running."""
    at_work = StagesAtWork()
    try:
        return await built.run(ctx, interceptors=[*get_default_interceptors(), at_work])
    finally:
        await at_work.stop()
