"""The study for a terminal: each scenario with what was observed, then the answers, the conclusion last."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from . import words

if TYPE_CHECKING:
    from .model import Answer, Claim, Judged, Kind
    from .result import StudyResult, StudyRun

MARKS = {"yes": "holds", "no": "DOES NOT HOLD", "varies": "VARIES", "not decided": "not decided"}

PLURALS: Final[dict[Kind, str]] = {
    "hypothesis": "Hypotheses",
    "failure mode": "Failure modes (yes: free of it)",
    "success criterion": "Success criteria",
    "limitation": "Known limitations (yes: it has them)",
    "statement": "What is said of the interface (yes: it is so)",
}
"""Headings of the lists."""


def plain(result: StudyResult, *, width: int = 100) -> str:
    """The whole, wrapped to `width` columns."""
    return "\n".join(_lines(result, width)) + "\n"


def _lines(result: StudyResult, width: int) -> Iterator[str]:
    for scenario in result.scenarios:
        runs = [run for run in result.runs if run.result.job.scenario == scenario.name]
        if runs:
            yield from _wrapped(f"{scenario.name}: {scenario.title}", width)
            for variant in _by_variant(runs):
                yield from _variant(variant, width)
            yield ""
    yield from _wrapped(heading(result), width)
    yield ""
    told: set[Claim] = set()
    for kind, answers in by_kind(result.answers):
        if kind != "hypothesis" and any(answer.claims for answer in answers):
            yield f"{PLURALS[kind]}:"
        for answer in answers:
            yield from _answer(answer, told, width)
        yield from _undecided(answers, width)
    yield from conclusion(result)


def heading(result: StudyResult) -> str:
    """With what, how much, how long."""
    ran = [run for run in result.runs if run.result.status == "ran"]
    clocks = ", ".join(f"{sum(run.result.job.clock == clock for run in ran)} on the {clock} clock" for clock in ("virtual", "real"))
    partial = "PARTIAL, interrupted: " if result.interrupted else ""
    return (
        f"{partial}{result.surroundings.library} on {result.surroundings.python}: {len(ran)} of {result.planned} runs ({clocks}) "
        f"in {result.seconds:.1f} s"
    )


def conclusion(result: StudyResult) -> Iterator[str]:
    """What does not agree with what was known, what did not run, and where everything is."""
    missing = result.planned - len(result.runs)
    if not result.runs:
        yield "No scenario ran."
    elif missing:
        yield f"{missing} of {result.planned} runs are missing."
    for run in result.incomplete:
        yield f"{run.result.status}: {run.result.job.name} ({run.result.job.clock}): {run.result.error}"
    for each in result.news:
        yield f"unexpected: {each}"
    for each in result.unmet:
        yield f"no longer seen (fixed? update the expectation): {each}"
    for each in result.varying:
        yield f"not seen in every run (was the machine busy? run it again): {each}"
    if result.unknown:
        yield f"could not be decided everywhere: {', '.join(result.unknown)}"
    if result.exit_code == 0:
        yield "All scenarios ran, and what was found is what they expect."


def by_kind(answers: Iterable[Answer]) -> Iterator[tuple[Kind, list[Answer]]]:
    """The answers, list by list of the research summary."""
    for _, group in itertools.groupby(answers, lambda answer: answer.question.kind):
        alike = list(group)
        yield alike[0].question.kind, alike


def _by_variant(runs: list[StudyRun]) -> Iterator[list[StudyRun]]:
    """The runs of each variant, those on the real clock first, for their figures are those of a real program."""
    variants = dict.fromkeys(run.result.job.variant for run in runs)
    for variant in variants:
        mine = [run for run in runs if run.result.job.variant == variant]
        yield sorted(mine, key=lambda run: (not run.news, run.result.job.clock != "real", run.result.job.repetition))


def _variant(runs: list[StudyRun], width: int) -> Iterator[str]:
    """One run speaks for all of its variant; the others are mentioned where they found something else."""
    first, others = runs[0], runs[1:]
    job = first.result.job
    told = "; ".join(first.observed) if first.result.status == "ran" else f"{first.result.status}: {first.result.error}"
    yield from _wrapped(f"{job.variant} ({job.clock} clock): {told}", width, indent=2, hang=4)
    news = set(first.news)
    found = ", ".join(f"{each}{' (unexpected)' if each in news else ''}" for each in first.found) or "nothing"
    different = [run for run in others if run.result.status != "ran" or run.found != first.found]
    agree = f"; the same in {len(others)} more" if others and not different else ""
    yield from _wrapped(f"found: {found}{agree}", width, indent=4, hang=6)
    for run in different:
        what = ", ".join(run.found) or "nothing" if run.result.status == "ran" else f"{run.result.status}: {run.result.error}"
        yield from _wrapped(f"but run {run.result.job.repetition + 1} on the {run.result.job.clock} clock: {what}", width, indent=4, hang=6)


def _answer(answer: Answer, told: set[Claim], width: int) -> Iterator[str]:
    """One answer; a claim is told in full where it is met first."""
    if not answer.claims:
        return
    new = [judged for judged in answer.claims if judged.claim not in told]
    # What a hypothesis says of itself stands in its claims below it.
    because = "" if answer.word == "yes" or (new and answer.word != "not decided") else f", because {answer.because}"
    yield from _wrapped(f"{answer.question.id}  {answer.question.says}: {answer.word.upper()}{because}", width, hang=4)
    told.update(judged.claim for judged in new)
    for judged in new:
        yield from _claim(judged, width)
    yield ""


def _claim(judged: Judged, width: int) -> Iterator[str]:
    yield from _wrapped(f"{MARKS[judged.holds]}: {judged.claim.says} ({words.seen_in(judged)})", width, indent=4, hang=6)
    for row in judged.evidence[:2] if judged.holds in ("no", "varies") else judged.evidence[:1]:
        yield from _wrapped(f"{words.evidence(row)}; {words.pointer(row)}", width, indent=6, hang=8)
    for found in judged.places:
        yield from _wrapped(f"why: {words.place(found)}", width, indent=6, hang=8)
    if judged.holds in ("no", "varies"):
        yield from _wrapped(f"hit: {judged.claim.hit}", width, indent=6, hang=8)
        yield from _wrapped(f"do: {words.advice(judged)}", width, indent=6, hang=8)


def _undecided(answers: Iterable[Answer], width: int) -> Iterator[str]:
    """Questions without claims, in one paragraph a reason."""
    reasons: dict[str, list[str]] = {}
    for answer in answers:
        if not answer.claims:
            reasons.setdefault(answer.because, []).append(answer.question.id)
    for because, ids in reasons.items():
        yield from _wrapped(f"{', '.join(ids)}: NOT DECIDED yet, because {because}.", width, hang=4)
        yield ""


def _wrapped(text: str, width: int, *, indent: int = 0, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=" " * indent, subsequent_indent=" " * (hang or indent), break_long_words=False, break_on_hyphens=False
    )
