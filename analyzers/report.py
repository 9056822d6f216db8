"""The report: what was judged, as data, as JSON by the contract of `findings.schema.json`, and as an exit status."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, Literal

from .verdicts import SEVERITIES, Severity, State, Verdict, at_least
from .words import plural

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from .finding import Code, CriterionResult, Evidence, Finding
    from .header import Header

VERSION: Final = 1
"""Of the JSON contract. Additions keep it."""

LARGEST: Final = 2**53
"""Whole numbers beyond it are written as text: JavaScript and jq would round them."""

Status = Literal["ok", "violated", "unknown", "empty", "error"]


@dataclass(slots=True)
class Report:
    """What the criteria say of the traces.

    Attributes:
        criteria: one result a criterion, by id.
        files: the input, as the JSON contract has it.
        problems: what was odd about it.
        parameters: values that were used, by `ID.name`.
        unmet: expectations of scenarios that were not met.
        traces: number of traces that were judged.
        unmatched_suppressions: rules that matched no finding.
        unmatched_baseline: entries of the baseline that no finding has any more.
        what_if: what would flip with other parameters (`what_if.suppose`); None: nobody asked.
        blind_spots: what these traces could not have shown (`blind_spots.find`); None: nobody asked.
    """

    criteria: list[CriterionResult]
    files: list[dict[str, Any]]
    problems: list[dict[str, Any]]
    parameters: dict[str, Any]
    unmet: list[dict[str, Any]]
    traces: int
    unmatched_suppressions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    unmatched_baseline: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    what_if: list[dict[str, Any]] | None = None
    blind_spots: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[CriterionResult]:
        return iter(self.criteria)

    def __getitem__(self, id: str) -> CriterionResult:
        """The result of the criterion with that id.

        Raises:
            KeyError: it was not judged.
        """
        for result in self.criteria:
            if result.header.id == id:
                return result
        raise KeyError(f"{id} was not judged. Judged: {', '.join(result.header.id for result in self.criteria)}.")

    @property
    def findings(self) -> list[Finding]:
        """All findings, by criterion and then in the order of the traces."""
        return [finding for result in self.criteria for finding in result.violations]

    def failing(self, fail_on: Severity = "warning", *, strict: bool = False) -> list[Finding]:
        """The findings that make a check fail: new, and at least as serious as `fail_on`. `info` never fails anything."""
        states = {"new", "expected"} if strict else {"new"}
        return [f for f in self.findings if f.state in states and f.severity != "info" and at_least(f.severity, fail_on)]

    def undecided(self) -> list[CriterionResult]:
        """Criteria that are UNKNOWN, without those that are only information."""
        return [
            r
            for r in self.criteria
            if r.header.severity != "info" and (r.verdict is Verdict.UNKNOWN or Verdict.UNKNOWN in r.by_trace.values())
        ]

    @property
    def unreadable(self) -> bool:
        """A file could not be read."""
        return any(problem["severity"] == "error" for problem in self.problems)

    @property
    def empty(self) -> bool:
        """No criterion met a subject, nor was kept from looking for one."""
        return all(result.verdict is Verdict.NOT_EXERCISED for result in self.criteria)

    def status(self, fail_on: Severity = "warning", *, strict: bool = False) -> Status:
        """In one word: violated, error (unreadable input), empty, unknown, ok; the first that applies."""
        if self.failing(fail_on, strict=strict):
            return "violated"
        if self.unreadable:
            return "error"
        if self.empty:
            return "empty"
        return "unknown" if self.undecided() else "ok"

    def exit_code(self, fail_on: Severity = "warning", allow: AbstractSet[str] = frozenset(), *, strict: bool = False) -> int:
        """Status for the shell: 1 violated, 2 unreadable, empty or unknown, 0 otherwise.

        Args:
            fail_on: the least serious finding that fails.
            allow: `unknown` and `empty` do not fail when they are in it.
            strict: expected findings fail too.
        """
        status = self.status(fail_on, strict=strict)
        if status == "violated":
            return 1
        if status == "error":
            return 2
        if status == "empty":
            return 0 if "empty" in allow else 2
        return 2 if status == "unknown" and "unknown" not in allow else 0

    def to_dict(self, fail_on: Severity = "warning", allow: AbstractSet[str] = frozenset(), *, strict: bool = False) -> dict[str, Any]:
        """The report by the JSON contract (`findings.schema.json`)."""
        verdicts = [result.verdict for result in self.criteria]
        content = {
            "version": VERSION,
            "tool": {"name": "spanproof", "version": _tool_version()},
            "status": self.status(fail_on, strict=strict),
            "exit_code": self.exit_code(fail_on, allow, strict=strict),
            "files": self.files,
            "parameters": self.parameters,
            "summary": {
                verdict.value: verdicts.count(verdict)
                for verdict in (Verdict.HOLDS, Verdict.NOT_EXERCISED, Verdict.UNKNOWN, Verdict.VIOLATED)
            },
            "findings": self._counts(),
            "criteria": [_criterion(result) for result in self.criteria],
            "unmet_expectations": self.unmet,
            "unmatched_suppressions": self.unmatched_suppressions,
            "unmatched_baseline": self.unmatched_baseline,
            "problems": self.problems,
        }
        asked = {"what_if": self.what_if, "blind_spots": self.blind_spots}
        content |= {name: value for name, value in asked.items() if value is not None}
        return {key: _plain(value) for key, value in content.items()}

    def to_json(self, fail_on: Severity = "warning", allow: AbstractSet[str] = frozenset(), *, strict: bool = False) -> str:
        """`to_dict` as text, with a line break at the end; the same report is the same bytes."""
        return json.dumps(self.to_dict(fail_on, allow, strict=strict), indent=2, ensure_ascii=False) + "\n"

    def _counts(self) -> dict[str, int]:
        """New findings by severity, the others by state."""
        counts: dict[str, int] = dict.fromkeys([*SEVERITIES, "expected", "baselined", "suppressed"], 0)
        for finding in self.findings:
            counts[finding.severity if finding.state == "new" else finding.state] += 1
        return counts

    def __repr__(self) -> str:
        """Short: how much was judged, the status, and what was found by id; the rest is in `findings` and `to_dict()`."""
        found = [f"{result.header.id} {len(result.violations)}x" for result in self.criteria if result.violations]
        told = f", {', '.join(found)}" if found else ""
        return f"<Report: {plural(self.traces, 'trace')}, {plural(len(self.files), 'file')}: {self.status()}{told}>"

    def _repr_html_(self) -> str:
        from .report_html import table

        return table(self)


def set_state(finding: Finding, state: State) -> None:
    """Mark a finding as known (baselined, suppressed), unless a scenario expects it."""
    if finding.state == "new":
        finding.state = state


def _criterion(result: CriterionResult) -> dict[str, Any]:
    header = result.header
    return {
        "id": header.id,
        "name": header.name,
        "severity": header.severity,
        "verdict": result.verdict.value,
        "subjects": result.subjects,
        "held": result.held,
        "violated": result.violated,
        "unknown": result.unknown,
        "margins": result.margins,
        "reason": result.reason,
        "violations": [_violation(finding, header) for finding in result.violations],
    }


def _violation(finding: Finding, header: Header) -> dict[str, Any]:
    from .explain import explain

    argument = explain(finding, header)
    return {
        "fingerprint": finding.fingerprint,
        "file": finding.file,
        "trace_id": finding.trace_id,
        "span_id": finding.span_id,
        "subject": finding.subject,
        "severity": finding.severity,
        "fault": finding.fault,
        "measured": finding.measured,
        "bound": finding.bound,
        "unit": finding.unit,
        "cause_span_id": finding.cause_span_id,
        "cause": finding.cause,
        "state": finding.state,
        "message": finding.message,
        "note": finding.note,
        "fix": finding.fix,
        "code": _code(finding.code),
        "function": finding.function,
        "path": list(finding.path),
        "still_open": finding.still_open,
        "also": finding.also,
        "implied_by": finding.implied_by,
        "link": finding.link,
        "evidence": [_evidence(item) for item in finding.evidence],
        "explanation": {
            "let": [{"letter": letter, "unit": what} for letter, what in argument.let],
            "story": [{"at_ns": fact.at_ns, "text": fact.text} for fact in argument.story],
            "then": argument.then,
            "because": argument.because,
            "ran_on": argument.ran,
            "but": argument.but,
            "fault": argument.fault,
            "fix": argument.fix,
        },
    }


def _evidence(item: Evidence) -> dict[str, Any]:
    return {
        "time_ns": item.time_ns,
        "span_id": item.span_id,
        "event": item.event,
        "actor_span_id": item.actor_span_id,
        "code": _code(item.code),
        "detail": item.detail,
        "unit": item.unit,
        "actor": item.actor,
    }


def _code(code: Code | None) -> dict[str, Any] | None:
    return None if code is None else {"file": code.file, "line": code.line}


def _plain(value: Any) -> Any:
    """Whole numbers beyond 2^53 as text, numbers that JSON lacks as null, everything else as it is."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST:
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _tool_version() -> str:
    try:
        return metadata.version("spanproof")
    except metadata.PackageNotFoundError:
        return "0"
