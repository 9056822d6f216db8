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

    The recorder attaches when the interceptor is made; a session that is recording already is joined. Made inside a running
    loop it comes late: the tasks that are there get a unit, and what they did until then is not known. `unseen` says so, and what
    else this recording cannot see; attach earlier (`spanproof trace`, `spanproof.session`) to see more. Being in the chain, it changes
    nothing for the other interceptors.

    Attributes:
        unseen: what the recording could not see when it began, a sentence each.
    """

    name: str = "spanproof"
    priority: int = 0

    def __init__(self, out: str | Path | None = None, *, name: str | None = None) -> None:
        session = attach.current() or attach.start(out, name=name)
        self.unseen: list[str] = session.unseen()

    async def before(self, stage_name: str, ctx: PipelineContext) -> InterceptorResult | None:
        """Nothing to do: the recorder sees the stage where it runs."""

    async def after(self, stage_name: str, result: StageResult, ctx: PipelineContext) -> None:
        """Nothing to do: the recorder sees what every interceptor is told."""
