"""`findings.json`: the JSON contract of `check` for all traces of the study, plus `answers` and `study`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import words

if TYPE_CHECKING:
    from .model import Answer, Judged, Place, Row
    from .result import StudyResult, StudyRun


def document(result: StudyResult) -> dict[str, Any]:
    """The whole study as a mapping that JSON can hold."""
    return {
        **result.report,
        "answers": [_answer(each) for each in result.answers],
        "study": {
            "began": result.surroundings.began,
            "library": result.surroundings.library,
            "spanproof": result.surroundings.version,
            "python": result.surroundings.python,
            "machine": result.surroundings.machine,
            "seconds": round(result.seconds, 3),
            "seed": result.seed,
            "repeat": result.repeat,
            "partial": result.interrupted,
            "exit_code": result.exit_code,
            "planned_runs": result.planned,
            "runs": [_run(each) for each in result.runs],
            "unexpected": list(result.news),
            "no_longer_seen": list(result.unmet),
            "varying": list(result.varying),
        },
    }


def to_json(result: StudyResult) -> str:
    """The text of `findings.json`."""
    return json.dumps(document(result), indent=2, sort_keys=False, ensure_ascii=False) + "\n"


def _run(run: StudyRun) -> dict[str, Any]:
    job = run.result.job
    return {
        "scenario": job.scenario,
        "variant": job.variant,
        "clock": job.clock,
        "repetition": job.repetition + 1,
        "status": run.result.status,
        "error": run.result.error,
        "seconds": round(run.result.seconds, 3),
        "file": run.file or None,
        "observed": list(run.observed),
        "findings": list(run.found),
        "unexpected": list(run.news),
        "no_longer_seen": list(run.unmet),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.question.id,
        "kind": answer.question.kind,
        "question": answer.question.says,
        "answer": answer.word,
        "because": answer.because,
        "claims": [_claim(each) for each in answer.claims],
    }


def _claim(judged: Judged) -> dict[str, Any]:
    failed = judged.holds in ("no", "varies")
    return {
        "says": judged.claim.says,
        "holds": judged.holds,
        "core": judged.claim.core,
        "clock": judged.claim.clock,
        "judged_by": list(judged.claim.criteria or (judged.claim.fact,)),
        "runs": list(judged.claim.where),
        "traces": judged.runs,
        "traces_against": judged.against,
        "reason": judged.reason,
        "evidence": [_row(each) for each in judged.evidence],
        "cause": [_place(each) for each in judged.places],
        "hit": judged.claim.hit if failed else "",
        "advice": judged.claim.advice if failed else "",
        "advice_shown_by": judged.claim.shown_by if failed else "",
        "advice_holds": judged.advice_holds,
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "file": row.file,
        "run": row.run,
        "clock": row.clock,
        "judged_by": row.criterion,
        "trace_id": row.trace_id,
        "span_id": row.span_id,
        "subject": row.subject,
        "ok": row.ok,
        "measured": row.measured,
        "bound": row.bound,
        "unit": row.unit,
        "in_words": words.evidence(row),
        "note": row.note,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "file": place.file,
        "line": place.line,
        "function": place.statement.function,
        "text": place.statement.text,
        "says": place.statement.says,
        "library": place.library,
    }
