"""Writes a finding as a script that needs nothing but stageflow: for whoever maintains it, and has no reason to install Spanproof.

The script is made from the trace: the run that the finding is about, with its stages, what they depend on, how long they took, how they
ended, and the children that they ran. Stages sleep instead of working. It tells what it sees in plain prints, and exits with 1 while the
defect is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pprint import pformat
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import duckdb

    from ..analyzers.finding import Finding

LEFT_RUNNING: Final = frozenset({"P02", "P03", "P04", "O03"})
"""Criteria whose finding is that a stage works on after the run has ended."""

SHOWN_BY: Final = LEFT_RUNNING | {"R03", "D02"}
"""Criteria for whose findings there is a script."""

_LATER_S: Final = 1.0
"""What was cut would have gone on for so much longer."""

_RUNS: Final = """
with recursive inside as (
    select trace_id, span_id, span_id as run_id from units where trace_id = $trace and span_id = $run
    union all
    select t.trace_id, t.span_id, i.run_id from inside i join tree t on t.trace_id = i.trace_id and t.parent_span_id = i.span_id
)
select u.span_id, u.run_id, u.unit, u.name, u.stage, (u.until_ns - u.start_ns) / 1e9, u.outcome, u.is_open, u.timeout_ns / 1e9,
    u.error_type, u.parent_span_id, u.pipeline_stages, u.pipeline_edges, (u.first_request_ns - u.start_ns) / 1e9, u.reported_outcome
from inside i join units u on u.trace_id = i.trace_id and u.span_id = i.span_id
where u.unit in ('pipeline', 'stage', 'subpipeline')
order by u.start_seq
"""

_ROOT: Final = """
with recursive up as (
    select trace_id, span_id, parent_span_id, unit from units where trace_id = $trace and span_id = $span
    union all
    select u.trace_id, u.span_id, u.parent_span_id, u.unit
    from up join units u on u.trace_id = up.trace_id and u.span_id = up.parent_span_id
)
select span_id from up where unit = 'pipeline'
"""

_SCRIPT: Final = '''"""{title}

Needs stageflow alone. Exits with 1 while this is so, with 0 when it is not.
"""

import asyncio
import sys
import time

from stageflow import BaseInterceptor, Pipeline, PipelineContext, StageKind, StageOutput, get_default_interceptors

# Pipeline -> (timeout of its stages in ms, [(stage, what it depends on, seconds or the pipeline that it runs, how it ends)]).
PIPELINES = {pipelines}
OUTERMOST, CANCEL_AFTER_S, WATCHED = {outermost!r}, {cancel_after!r}, {watched!r}

began, done, told = time.monotonic(), [], []


def note(what):
    print(f"{{(time.monotonic() - began) * 1000:6.0f}} ms  {{what}}")


def body(work, ends):
    async def stage(ctx):
        try:
            await (run(work) if isinstance(work, str) else asyncio.sleep(work))
            if ends == "TimeoutError":
                raise TimeoutError("of a client")
            if ends == "raises":
                raise RuntimeError("raised by the stage")
        except BaseException as error:
            note(f"{{ctx.stage_name}}: {{type(error).__name__}}")
            raise
        if ends != "fails":
            done.append(ctx.stage_name)
        note(f"{{ctx.stage_name}}: done")
        if ends == "fails":
            return StageOutput.fail(error="failed")
        return StageOutput.cancel(reason="cancelled") if ends == "cancels" else StageOutput.ok()

    return stage


class Listener(BaseInterceptor):
    name, priority = "listener", 1

    async def before(self, stage_name, ctx):
        pass

    async def after(self, stage_name, result, ctx):
        told.append((stage_name, str(result.error)))


async def run(name):
    timeout_ms, stages = PIPELINES[name]
    pipeline = Pipeline(name=name)
    for stage, needs, work, ends in stages:
        pipeline = pipeline.with_stage(stage, body(work, ends), StageKind.TRANSFORM, dependencies=tuple(needs))
    context = PipelineContext.create(topology=name, data={{"_timeout_ms": timeout_ms}} if timeout_ms else {{}})
    await pipeline.run(context, interceptors=[*get_default_interceptors(), Listener()])


async def main():
    error = None
    try:
        async with asyncio.timeout(CANCEL_AFTER_S):
            await run(OUTERMOST)
    except Exception as caught:
        error = caught
    note(f"the run is over: {{error!r}}")
    finished = list(done)
    await asyncio.sleep({wait})
{verdict}

sys.exit(asyncio.run(main()))
'''

_VERDICTS: Final = {
    "left": """    late = WATCHED in done and WATCHED not in finished
    print(f"{WATCHED} worked on after the run was over" if late else f"{WATCHED} did not outlive the run")
    return int(late)
""",
    "R03": """    lost = bool(finished) and not getattr(error, "results", None)
    print(f"the error carries no results; done were: {', '.join(finished)}" if lost else "the error carries the results")
    return int(lost)
""",
    "D02": """    false = [error for name, error in told if name == WATCHED and "timed out" in error]
    print(f"after() was told of {WATCHED}: {false[0]}" if false else f"nobody called it a timeout of {WATCHED}")
    return int(bool(false))
""",
}  # fmt: skip


class ExtractError(ValueError):
    """No script can be made of the finding; the message says why, and what to do."""


@dataclass(slots=True)
class _Run:
    """One run: the timeout of its stages in ms, and the stages by name."""

    name: str
    timeout_ms: int | None = None
    edges: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    stages: dict[str, tuple[float | str, str]] = field(default_factory=dict[str, tuple[float | str, str]])


def script(con: duckdb.DuckDBPyConnection, finding: Finding) -> str:
    """The script for a finding.

    Args:
        con: a connection from `load`, with the finding's trace.
        finding: the finding.

    Raises:
        ExtractError: the finding is not of a kind that a script can show, or not about a run of a pipeline.
    """
    if finding.criterion not in SHOWN_BY:
        raise ExtractError(
            f"{finding.criterion} {finding.subject}: there is no script for this criterion. There is for: {', '.join(sorted(SHOWN_BY))}."
        )
    at = {"trace": finding.trace_id, "span": finding.span_id}
    above = [row[0] for row in con.execute(_ROOT, at).fetchall()]
    if not above:
        raise ExtractError(f"{finding.criterion} {finding.subject}: it is not in a run of a pipeline, which is all that a script can show.")
    rows = con.execute(_RUNS, {"trace": finding.trace_id, "run": above[-1]}).fetchall()
    runs, cancel_after, length = _runs(rows)
    watched = finding.subject.partition(" ")[2]
    return _SCRIPT.format(
        title=f"{finding.message[0].upper()}{finding.message[1:]}.",
        pipelines=_literal(runs),
        outermost=next(iter(runs.values())).name,
        cancel_after=cancel_after,
        watched=watched,
        wait=round(length + _LATER_S, 3),
        verdict=_VERDICTS["left" if finding.criterion in LEFT_RUNNING else finding.criterion],
    )


def _runs(rows: list[tuple[Any, ...]]) -> tuple[dict[str, _Run], float | None, float]:
    """The runs by span id, the outermost first; when that was cancelled from outside, in seconds; and the longest stage."""
    runs: dict[str, _Run] = {}
    parents = {row[0]: row[10] for row in rows}
    stages = {row[0]: row for row in rows if row[2] == "stage"}
    cancel_after: float | None = None
    for span_id, _, unit, name, _, _, _, _, _, _, _, declared, edges, asked, _ in rows:
        if unit == "pipeline":
            run = runs[span_id] = _Run(_unique(name.partition(" ")[2], runs))
            run.edges = {stage: [] for stage in declared or ()}
            for edge in edges or ():
                upper, _, lower = edge.partition(">")
                run.edges.setdefault(lower, []).append(upper)
            if len(runs) == 1 and asked is not None:
                cancel_after = round(asked, 3)
    longest = 0.0
    for _, run_id, _, _, stage, took, outcome, is_open, timeout, error, _, _, _, _, reported in stages.values():
        if run_id in runs and stage not in runs[run_id].stages:
            cut = is_open or outcome in ("timed_out", "cancelled")
            seconds = round(took + (_LATER_S if cut else 0), 3)
            longest = max(longest, seconds)
            runs[run_id].stages[stage] = (seconds, _ends(outcome, error, reported))
            if timeout is not None and timeout != 30:
                runs[run_id].timeout_ms = round(timeout * 1000)
    for span_id, run in runs.items():
        at = parents.get(span_id)
        while at is not None and at not in stages:
            at = parents.get(at)
        if at is not None:
            _, parent_run, _, _, stage, *_ = stages[at]
            runs[parent_run].stages[stage] = (run.name, runs[parent_run].stages[stage][1])
    return runs, cancel_after, longest


def _ends(outcome: str | None, error: str | None, reported: str | None) -> str:
    if outcome == "failed" and error:
        return "TimeoutError" if error.rpartition(".")[2] == "TimeoutError" else "raises"
    if outcome == "failed":
        return "fails"
    return "cancels" if outcome == "cancelled" and reported == "cancelled" else "ok"


def _unique(name: str, runs: dict[str, _Run]) -> str:
    """The name of a run; of several runs of one pipeline each needs its own."""
    taken = {run.name for run in runs.values()}
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name} {number}", number + 1
    return unique


def _literal(runs: dict[str, _Run]) -> str:
    """The dictionary of the script. A stage that never began does nothing if it begins after all."""
    data = {
        run.name: (run.timeout_ms, [(stage, needs, *run.stages.get(stage, (0.0, "ok"))) for stage, needs in run.edges.items()])
        for run in runs.values()
    }
    return pformat(data, width=120, sort_dicts=False)
