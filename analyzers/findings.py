"""Makes findings of the rows that violate a criterion: who it is, where it stands, what proves it, and a name that stays the same."""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import chains
from .evidence import collect, fill, merged
from .finding import Code, Finding
from .verdicts import FAULTS, SEVERITIES
from .words import quantity, subject_name, unit_name

if TYPE_CHECKING:
    import duckdb

    from .header import Header
    from .run_criterion import Outcome, Row

    Span = tuple[str, str]

STEPS: Final = 64
"""Ancestors that make up the path of a finding; what is above them does not count for its fingerprint."""

OF_THE_RUN: Final = frozenset({"start", "abort", "end", "open", "cancel.requested", "cancel.delivered", "cancel.flagged"})
"""Of the run that it happened in: when it began, who asked it to stop, and how it came to its end."""

_INSTALLED: Final = re.compile(r".*/(?:site|dist)-packages/(.*)")
_STANDARD: Final = re.compile(r".*/lib(?:64)?/python\d\.\d+/(.*)")

# Upwards from each span that is wanted, level by level: the nearest first.
WAYS: Final = """
with recursive way as (
    select w.trace_id, w.span_id as first_id, u.span_id as at_id, u.parent_span_id as next_id, u.name, 0 as step
    from wanted w join units u on u.trace_id = w.trace_id and u.span_id = w.span_id
    union all
    select w.trace_id, w.first_id, u.span_id, u.parent_span_id, u.name, w.step + 1
    from way w join units u on u.trace_id = w.trace_id and u.span_id = w.next_id
    where w.step < $1
)
select trace_id, first_id, at_id, name from way order by trace_id, first_id, step
"""

ABOUT: Final = """
select u.trace_id, u.span_id, u.resource_id, f.path, u.name, u.code_file, u.code_line, u.code_function, u.is_open, u.start_seq, u.run_id
from wanted w
join units u on u.trace_id = w.trace_id and u.span_id = w.span_id
left join files f on f.file_id = u.file_id
"""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a span that a finding names."""

    resource_id: int | None
    file: str | None
    name: str
    code_file: str | None
    code_line: int | None
    code_function: str | None
    is_open: bool
    start_seq: int
    run_id: str | None


class Places:
    """Files as a report shows them: relative to the source root, or to where a library is installed."""

    def __init__(self, source_root: Path | None = None) -> None:
        self.root = os.path.abspath(source_root or Path.cwd())  # noqa: PTH100 - does not resolve links, unlike Path.resolve

    def shown(self, file: str) -> str:
        """`file` relative to the source root where it lies below it, else relative to site-packages or the standard library."""
        if file.startswith(self.root + os.sep):
            return file[len(self.root) + 1 :].replace(os.sep, "/")
        for pattern in (_INSTALLED, _STANDARD):
            if found := pattern.fullmatch(file.replace(os.sep, "/")):
                return found[1]
        return file

    def code(self, file: str | None, line: int | None) -> Code | None:
        """A line of code as it is shown; None when the file is not known."""
        return Code(self.shown(file), line) if file else None

    def stable(self, file: str | None) -> str:
        """The part of a path that is the same on every machine: relative as shown, else its name alone."""
        if not file:
            return ""
        shown = self.shown(file)
        return Path(shown).name if Path(shown).is_absolute() else shown


def make_findings(con: duckdb.DuckDBPyConnection, outcomes: list[Outcome], places: Places) -> dict[Span, list[Span]]:
    """Fill `violations` of each result.

    Returns:
        For each subject the way up from it, itself first (for `implies.link`).
    """
    rows = [row for outcome in outcomes for row in outcome.rows]
    subjects = {(row[0], row[1]) for row in rows if row[0] and row[1]}
    causes = _causes(con, rows)
    fill(con, subjects | set(causes.values()))
    about = {
        (row[0], row[1]): About(row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9] or 0, row[10])
        for row in con.execute(ABOUT).fetchall()
    }
    ways: dict[Span, list[Span]] = defaultdict(list)
    names: dict[Span, list[str]] = defaultdict(list)
    for trace_id, first_id, at_id, name in con.execute(WAYS, [STEPS]).fetchall():
        ways[trace_id, first_id].append((trace_id, at_id))
        names[trace_id, first_id].append(name or "")
    runs = {span: (span[0], known.run_id) for span, known in about.items() if known.run_id}
    chained = _chained(outcomes, causes, runs, ways)
    on_the_way = {span for spans in chained.values() for span in spans}
    facts = collect(con, subjects | set(causes.values()) | {runs[span] for span in subjects if span in runs} | on_the_way, places.code)
    ends = [row for outcome in outcomes for row in outcome.rows if id(row) in chained]
    asked = {(row[0], row[1]) for row in ends} | {causes[row[0], row[7]] for row in ends if (row[0], row[7]) in causes}
    ups = chains.upwards(con, {(trace_id, span_id) for trace_id, span_id in asked if trace_id and span_id}, places.code)
    for outcome in outcomes:
        findings: list[tuple[Any, Finding]] = []
        for row in outcome.rows:
            subject = (row[0], row[1])
            cause = causes.get((row[0], row[7]))
            finding = _finding(
                outcome.result.header, row, about.get(subject), about.get(cause) if cause else None, names.get(subject, []), places
            )
            run = runs.get(subject)
            life = [item for item in facts.get(run, []) if item.event in OF_THE_RUN] if run else []
            finding.cause_trace_id = cause[0] if cause else None
            told = [*life, *(facts.get(cause, []) if cause else [])]
            if (chosen := chained.get(id(row))) is not None:
                told += [item for span in chosen for item in facts.get(span, []) if item.event in chains.ON_THE_WAY]
                told += [item for span in (subject, cause) if span is not None for item in ups.get(span, [])]
            finding.evidence = merged(facts.get(subject, []), told)
            if (silence := chains.unheard(finding)) is not None:
                finding.evidence = merged(finding.evidence, [silence])
            known = about.get(subject)
            findings.append(
                ((finding.file or "", known.start_seq if known else 0, row[0], row[1] or "", row[2] or "", str(row[4])), finding)
            )
        findings.sort(key=lambda pair: pair[0])
        outcome.result.violations = [finding for _, finding in findings]
    return ways


def _chained(
    outcomes: list[Outcome], causes: dict[Span, Span], runs: dict[Span, Span], ways: dict[Span, list[Span]]
) -> dict[int, list[Span]]:
    """By the `id` of a row: the units between its cause and its subject. Of each criterion and trace only the first few rows."""
    found: dict[int, list[Span]] = {}
    for outcome in outcomes:
        if outcome.result.header.id not in chains.CHAINED:
            continue
        told: dict[str, int] = defaultdict(int)
        for row in sorted(outcome.rows, key=lambda row: (row[0], row[1] or "", str(row[4]))):
            subject = (row[0], row[1])
            if row[1] and told[row[0]] < chains.PER_TRACE:
                told[row[0]] += 1
                found[id(row)] = chains.between(subject, causes.get((row[0], row[7])), runs.get(subject), ways.get(subject, []))
    return found


def _causes(con: duckdb.DuckDBPyConnection, rows: list[Row]) -> dict[Span, Span]:
    """Where each cause is: by the trace of the subject and the cause's id. It may stand in another trace of the same process."""
    fill(con, {(row[0], row[7]) for row in rows if row[0] and row[7]})
    found = con.execute(
        "select w.trace_id, w.span_id, coalesce(same.trace_id, any_value(other.trace_id)) from wanted w "
        "left join units same on same.trace_id = w.trace_id and same.span_id = w.span_id "
        "left join (select trace_id, any_value(resource_id) as resource_id from units group by trace_id) home "
        "on home.trace_id = w.trace_id "
        "left join units other on same.span_id is null and other.span_id = w.span_id and other.resource_id = home.resource_id "
        "group by w.trace_id, w.span_id, same.trace_id"
    ).fetchall()
    return {(trace_id, span_id): (home, span_id) for trace_id, span_id, home in found if home is not None}


def _finding(header: Header, row: Row, about: About | None, cause: About | None, path: list[str], places: Places) -> Finding:
    trace_id, span_id, subject, _, measured, bound, unit, cause_id, fault, note, severity = row
    subject = subject or (about.name if about else "an unknown unit")
    # Of what is a thing of a unit the query says the unit's name and the thing's.
    thing = subject.removeprefix(f"{about.name} ") if about and subject.startswith(f"{about.name} ") else None
    unit_of_it = about.name if about and thing is not None else subject
    words = {
        "subject": subject_name(unit_of_it, thing),
        "holder": unit_name(unit_of_it),
        "thing": f"'{thing}'",
        "measured": quantity(measured, unit),
        "bound": quantity(bound, unit),
        "cause": unit_name(cause.name) if cause else "an unknown unit",
        "note": note or "",
    }
    above = tuple(reversed(path[1:]))
    parts = (header.id, *above, subject, places.stable(about.code_file if about else None), (about.code_function if about else None) or "")
    return Finding(
        fingerprint=hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16],
        criterion=header.id,
        name=header.name,
        file=places.shown(about.file) if about and about.file else None,
        resource_id=about.resource_id if about else None,
        trace_id=trace_id,
        span_id=span_id,
        subject=subject,
        severity=severity if severity in SEVERITIES else header.severity,
        fault=fault if fault in FAULTS else None,
        measured=measured,
        bound=bound,
        unit=unit,
        cause_span_id=cause_id,
        cause=cause.name if cause else None,
        note=note,
        message=fill_in(header.texts["message"], words),
        fix=header.texts["fix"],
        code=places.code(about.code_file, about.code_line) if about else None,
        path=(*above, subject),
        still_open=about.is_open if about else False,
        function=about.code_function if about else None,
        thing=thing,
    )


def fill_in(template: str, words: dict[str, str]) -> str:
    """The template with its `{words}`; other braces stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), template)
