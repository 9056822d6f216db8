"""Answers: from rows to claims, from claims to questions. Nothing is known here of what stageflow does; only the rows say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from . import words
from .model import Answer, Claim, Holding, Judged, Place, Question, Row, Statement

EVIDENCE_SHOWN = 4
"""Rows of evidence that a claim keeps: the worst ones."""

Locate = Callable[[Statement], Place]


def answer(question: Question, rows: Sequence[Row], ran: Iterable[str], served: Iterable[str], locate: Locate) -> Answer:
    """The answer to one question.

    Args:
        question: what is asked.
        rows: what criteria and facts say of all traces of the study.
        ran: `family/scenario/variant@clock` of the runs that came to their end.
        served: ids of the hypotheses, and words of the failure modes and success criteria, that some scenario of this build serves.
        locate: finds a statement in the installed library.
    """
    if not question.claims:
        return Answer(question, "not decided", _no_claims(question, set(served)))
    ran = set(ran)
    judged = tuple(judge(claim, rows, ran, locate) for claim in question.claims)
    return _combine(question, judged)


def judge(claim: Claim, rows: Sequence[Row], ran: Iterable[str], locate: Locate) -> Judged:
    """What the traces say of a claim."""
    mine = [row for row in rows if _speaks(row, claim)]
    decided = [row for row in mine if row.ok is not None]
    holding, reason = _holding(claim, mine, set(ran))
    files, against = {row.file for row in decided}, {row.file for row in decided if row.ok is False}
    failed = holding in ("no", "varies")
    shown = [row for row in decided if row.ok is False] if failed else decided
    return Judged(
        claim,
        holding,
        runs=len(files),
        against=len(against),
        evidence=tuple(sorted(shown, key=_worst_first)[:EVIDENCE_SHOWN]),
        reason=reason,
        places=tuple(locate(statement) for statement in claim.cause) if failed else (),
        advice_holds=_advice_holds(claim, rows, set(ran)) if failed else None,
    )


def _speaks(row: Row, claim: Claim) -> bool:
    return (
        row.run in claim.where
        and row.criterion in (claim.criteria or (claim.fact,))
        and (not claim.subjects or row.subject in claim.subjects)
        and (claim.clock == "any" or row.clock == "monotonic")
    )


def _holding(claim: Claim, mine: list[Row], ran: set[str]) -> tuple[Holding, str]:
    """Whether it held. Silence is not success: each run that is named must have said something."""
    clocks = ("real",) if claim.clock == "real" else ("virtual", "real")
    bad = {row.file for row in mine if row.ok is False}
    if bad:
        good = {row.file for row in mine} - bad
        # A claim over several variants does not vary because one of them breaks it: it varies when runs of one variant differ.
        varying = {row.run for row in mine if row.file in bad} & {row.run for row in mine if row.file in good}
        only_varying = {row.run for row in mine if row.file in bad} <= varying
        return ("varies", "") if only_varying else ("no", "")
    for run in claim.where:
        if not any(f"{run}@{clock}" in ran for clock in clocks):
            on = " on the real clock" if claim.clock == "real" else ""
            return "not decided", f"{run} did not run{on}"
        of_run = [row for row in mine if row.run == run]
        if not of_run:
            return "not decided", f"{' and '.join(claim.criteria or (claim.fact,))} found nothing to judge in {run}"
        unknown = [row for row in of_run if row.ok is None]
        if unknown:
            return "not decided", f"{unknown[0].criterion} is UNKNOWN for {unknown[0].subject} in {run}" + (
                f": {unknown[0].note}" if unknown[0].note else ""
            )
    return "yes", ""


def _advice_holds(claim: Claim, rows: Sequence[Row], ran: set[str]) -> bool | None:
    if not claim.shown_by or not any(f"{claim.shown_by}@{clock}" in ran for clock in ("virtual", "real")):
        return None
    # Of the same family as what the claim is about: what the library does wrong everywhere is no fault of the advice.
    families = {criterion[0] for criterion in claim.criteria}
    return not any(
        row.ok is False
        for row in rows
        if row.run == claim.shown_by and row.severity in ("error", "warning") and (not families or row.criterion[0] in families)
    )


def _worst_first(row: Row) -> tuple[bool, float, str, str]:
    """Violations first; then what came closest to its bound, or went furthest beyond it."""
    return (row.ok is not False, -(row.measured or 0.0), row.file, row.span_id)


def _no_claims(question: Question, served: set[str]) -> str:
    if question.id in served or question.says.partition(":")[0] in served:
        return "its scenarios run, but no claim of this build judges them"
    return "no scenario of this build serves it"


def _combine(question: Question, judged: tuple[Judged, ...]) -> Answer:
    # What only adds to the hypothesis that has it is the whole matter of a question in another list.
    core = [each for each in judged if each.claim.core or question.kind != "hypothesis"]
    broken = [each for each in judged if each.holds in ("no", "varies")]
    open_core = [each for each in core if each.holds == "not decided"]
    open_other = [each for each in judged if each.holds == "not decided" and each not in core]
    if any(each in core for each in broken):
        return Answer(question, "no", _because_broken(broken), judged)
    if open_core:
        return Answer(question, "not decided", open_core[0].reason, judged)
    if broken:
        return Answer(question, "yes, but", _because_broken(broken), judged)
    if open_other:
        return Answer(question, "yes, but", f"one claim is not decided: {open_other[0].reason}", judged)
    return Answer(question, "yes", f"all {len(judged)} claims held in all of {sum(each.runs for each in judged)} traces", judged)


def _because_broken(broken: list[Judged]) -> str:
    """What did not hold, in how many of the traces, and the worst figure."""
    parts: list[str] = []
    for each in broken:
        worst = next((row for row in each.evidence if row.measured is not None and row.unit), None)
        figure = f"; {worst.subject}: {words.quantity(worst.measured or 0.0, worst.unit)}" if worst is not None else ""
        held = "varies" if each.holds == "varies" else "does not hold"
        parts.append(f"{held}: {each.claim.says.rstrip('.')} ({each.against} of {each.runs} traces{figure})")
    return "; ".join(parts)
