"""`report.md`: the study as a page to read, from the same result as the terminal and `findings.json`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import text, words

if TYPE_CHECKING:
    from .model import Answer, Claim, Judged, Kind
    from .result import StudyResult


def markdown(result: StudyResult) -> str:
    """The whole page."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: StudyResult) -> Iterator[str]:
    yield f"# Timeouts and cancellation in {result.surroundings.library}"
    yield ""
    if result.interrupted:
        yield f"**Partial**: interrupted after {len(result.runs)} of {result.planned} runs. What is missing is not decided."
        yield ""
    yield f"{text.heading(result)}; begun {result.surroundings.began}."
    yield "Every statement below is read from the traces beside this file. Durations come from the clock that is named with them."
    yield ""
    for kind, answers in text.by_kind(result.answers):
        yield from _table(kind, answers)
        yield ""
    told: set[Claim] = set()
    for answer in result.answers:
        yield from _answer(answer, told)
    yield from _scenarios(result)
    yield from _appendix(result)


def _table(kind: Kind, answers: list[Answer]) -> Iterator[str]:
    yield f"## {text.PLURALS[kind]}"
    yield ""
    yield f"| | {kind} | answer | because |"
    yield "| --- | --- | --- | --- |"
    for each in answers:
        yet = " yet" if not each.claims else ""
        yield f"| {each.question.id} | {_cell(each.question.says)} | **{each.word}{yet}** | {_cell(each.because)} |"


def _answer(answer: Answer, told: set[Claim]) -> Iterator[str]:
    """The claims of an answer that no answer before it has told."""
    new = [judged for judged in answer.claims if judged.claim not in told]
    told.update(judged.claim for judged in new)
    if not new:
        return
    yield f"## {answer.question.id}: {answer.word}"
    yield ""
    yield f"*{answer.question.says}*"
    yield ""
    for judged in new:
        yield from _claim(judged)


def _claim(judged: Judged) -> Iterator[str]:
    failed = judged.holds in ("no", "varies")
    yield f"### {judged.claim.says.rstrip('.')}: {text.MARKS[judged.holds].lower()}"
    yield ""
    aside = "" if judged.claim.core else " This claim adds to the hypothesis; the hypothesis does not stand or fall with it."
    yield f"{words.seen_in(judged).capitalize()} of {', '.join(f'`{each}`' for each in judged.claim.where)}.{aside}"
    yield ""
    if judged.evidence:
        yield "| evidence | figure | clock | trace | span |"
        yield "| --- | --- | --- | --- | --- |"
        for row in judged.evidence:
            clock = words.CLOCKS.get(row.clock, row.clock)
            yield f"| {row.criterion} {row.subject} | {_cell(words.figure(row))} | {clock} | [{row.file}]({row.file}) | `{row.span_id}` |"
        yield ""
    for found in judged.places:
        yield f"- Why: {words.place(found)}"
    if failed:
        yield f"- Who is hit: {judged.claim.hit}"
        yield f"- What to do: {words.advice(judged)}"
    if failed or judged.places:
        yield ""


def _scenarios(result: StudyResult) -> Iterator[str]:
    yield "## What was observed"
    yield ""
    yield "Times are milliseconds since the outermost run began, in brackets those after the deadline."
    yield ""
    for scenario in result.scenarios:
        runs = [run for run in result.runs if run.result.job.scenario == scenario.name]
        if not runs:
            continue
        yield f"### {scenario.name}: {scenario.title}"
        yield ""
        yield f"Must be true: {scenario.must}"
        yield ""
        yield "| variant | clock | observed | found |"
        yield "| --- | --- | --- | --- |"
        for run in runs:
            job = run.result.job
            kind = " (control)" if scenario.variants[job.variant].control else ""
            told = "; ".join(run.observed) if run.result.status == "ran" else f"**{run.result.status}**: {run.result.error}"
            found = ", ".join(f"{each} **unexpected**" if each in run.news else each for each in run.found) or "nothing"
            yield f"| {job.variant}{kind} | {job.clock} | {_cell(told)} | {_cell(found)} |"
        yield ""


def _appendix(result: StudyResult) -> Iterator[str]:
    yield "## Agreement with what is known"
    yield ""
    for line in text.conclusion(result):
        yield f"- {line}"
    yield ""
    yield "## How to look for yourself"
    yield ""
    yield "    spanproof check .                       # judge these traces again"
    yield "    spanproof show FILE                     # a trace as a tree with times"
    yield "    spanproof explain P04                   # what a criterion means, and why it matters"
    yield "    spanproof run SCENARIO/VARIANT          # run one of them again"
    yield ""
    around = result.surroundings
    times = f"{result.repeat} repetition{'s' if result.repeat > 1 else ''}"
    yield f"Spanproof {around.version}, {around.library}, {around.python}, {around.machine}; seed {result.seed}, {times}."


def _cell(told: str) -> str:
    """Text that stays in its cell of a table."""
    return told.replace("|", "\\|").replace("\n", " ")
