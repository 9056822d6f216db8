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
    from collections.abc import Callable
    from pathlib import Path

    from ..instrument.sinks.otlp import OtlpExport
    from .result import Job
    from .scenario import Scenario, Variant


def execute(job: Job, exported: Callable[[OtlpExport], None] | None = None) -> Path | None:
    """Run the job and return its trace file. `exported` is told, before the run, of what sends it to an endpoint.

    Raises:
        UnknownScenarioError: there is no such scenario or variant.
        Exception: whatever the scenario itself raised; what it did until then is in the trace.
    """
    ((scenario, variant),) = select(job.scenario, job.variant, job.package)
    random.seed(job.seed + job.repetition)
    resource: dict[str, str | int | list[str]] = {RES_SCENARIO: job.name, RES_EXPECT: [each.to_json() for each in variant.expected]}
    export = job.export
    otlp, protocol = (None, None) if export is None else (export.url, export.protocol)
    with session(job.out, name=job.recording, resource=resource, otlp=otlp, otlp_protocol=protocol) as recording:
        if exported is not None and recording.export is not None:
            exported(recording.export)
        with asyncio.Runner(loop_factory=loop_factory(job.clock)) as runner:
            runner.run(application(scenario, variant))
        return recording.path


async def application(scenario: Scenario, variant: Variant) -> None:
    """The program around a pipeline: it lives on when the pipeline has ended, as a server does.

    Sleeping is all that it does then: awaiting or cancelling what is left would make it the owner of what it is here to show.
    """
    await variant.body()
    await asyncio.sleep(scenario.tail_s)
