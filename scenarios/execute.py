"""Runs one variant in this process, with a recording of its own."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from ..instrument.attach import session
from ..instrument.vocabulary import RES_EXPECT, RES_SCENARIO
from .discovery import select
from .loops import loop_factory

if TYPE_CHECKING:
    from pathlib import Path

    from .result import Job
    from .scenario import Scenario, Variant


def execute(job: Job) -> Path | None:
    """Run the job and return its trace file.

    Raises:
        UnknownScenarioError: there is no such scenario or variant.
        Exception: whatever the scenario itself raised; what it did until then is in the trace.
    """
    ((scenario, variant),) = select(job.scenario, job.variant, job.package)
    random.seed(job.seed + job.repetition)
    resource: dict[str, str | int | list[str]] = {RES_SCENARIO: job.name, RES_EXPECT: [each.to_json() for each in variant.expected]}
    with session(job.out, name=job.recording, resource=resource) as recording:
        with asyncio.Runner(loop_factory=loop_factory(job.clock)) as runner:
            runner.run(application(scenario, variant))
        return recording.path


async def application(scenario: Scenario, variant: Variant) -> None:
    """The program around a pipeline: it lives on when the pipeline has ended, as a server does.

    Sleeping is all that it does then: awaiting or cancelling what is left would make it the owner of what it is here to show.
    """
    await variant.body()
    await asyncio.sleep(scenario.tail_s)
