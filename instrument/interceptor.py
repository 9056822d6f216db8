"""A stageflow interceptor that attaches the recorder: for people who want one line in their pipeline and no session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stageflow.pipeline.interceptors import BaseInterceptor, InterceptorResult

from . import attach

if TYPE_CHECKING:
    from pathlib import Path

    from stageflow.stages.context import PipelineContext
    from stageflow.stages.result import StageResult


class SpanproofInterceptor(BaseInterceptor):
    """Records every pipeline of this process from the moment when it is made, until the process ends.

        graph = pipeline.build(interceptors=[SpanproofInterceptor(), *get_default_interceptors()])

    The recorder attaches when the interceptor is made; a session that is recording already is joined. Tasks that were running
    before have no record of their own, and neither have the cancellations that reach them; attach earlier (`spanproof trace`,
    `spanproof.session`) to see them. Being in the chain, it changes nothing for the other interceptors.
    """

    name: str = "spanproof"
    priority: int = 0

    def __init__(self, out: str | Path | None = None, *, name: str | None = None) -> None:
        if attach.active() is None:
            attach.start(out, name=name)

    async def before(self, stage_name: str, ctx: PipelineContext) -> InterceptorResult | None:
        """Nothing to do: the recorder sees the stage where it runs."""

    async def after(self, stage_name: str, result: StageResult, ctx: PipelineContext) -> None:
        """Nothing to do: the recorder sees what every interceptor is told."""
