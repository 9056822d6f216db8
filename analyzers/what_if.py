"""What if a parameter had another value: which verdicts and findings would flip, and which way.

Only the criteria whose values differ are run again; the report itself stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .cataloguing import ParameterError, catalogue, settings
from .judging import judge
from .verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import duckdb

    from .finding import CriterionResult, Finding
    from .report import Report


def suppose(
    con: duckdb.DuckDBPyConnection,
    report: Report,
    supposed: Mapping[str, object],
    *,
    params: Mapping[str, object] | None = None,
    criteria_dirs: Iterable[str | Path] = (),
    source_root: str | Path | None = None,
) -> list[dict[str, Any]]:
    """Judge again with all of `supposed` at once; the flips go into `report.what_if`.

    Args:
        con: the connection that `report` was made of.
        report: what was judged with `params`.
        supposed: by `ID.parameter`, as `params`.
        params: those of the report.
        criteria_dirs: likewise.
        source_root: likewise.

    Returns:
        One entry a criterion whose value is another one, as the JSON contract has it.

    Raises:
        UnknownCriterionError, ParameterError: there is no such parameter, it cannot have that value, or its criterion was not judged.
    """
    folders = list(criteria_dirs)
    criteria = catalogue(folders)
    given, other = {**(params or {})}, {**(params or {}), **supposed}
    before, after = settings(criteria, given), settings(criteria, other)
    judged = {result.header.id for result in report.criteria}
    named = {id_ for key in supposed for id_ in settings_of(key, criteria)}
    if unjudged := sorted(named - judged):
        raise ParameterError(f"what if {unjudged[0]} had another parameter: {unjudged[0]} is not judged. Select it, or do not ignore it.")
    concerned = [id_ for id_ in sorted(named) if before[id_] != after[id_]]
    # Without one, everything would be judged.
    again = judge(con, select=concerned, params=other, criteria_dirs=folders, source_root=source_root) if concerned else ()
    files = dict(
        con.execute("select u.trace_id, any_value(f.path) from units u join files f using (file_id) group by u.trace_id").fetchall()
    )
    report.what_if = []
    for result in again:
        id_ = result.header.id
        values = [(name, before[id_][name], value) for name, value in after[id_].items() if before[id_][name] != value]
        report.what_if.append(_entry(report[id_], result, values, files))
    return report.what_if


def settings_of(key: str, criteria: Mapping[str, Any]) -> list[str]:
    """The ids that the first half of `ID.parameter` means."""
    from .cataloguing import find

    return [criterion.id for criterion in find(key.partition(".")[0], criteria)]


def _entry(was: CriterionResult, now: CriterionResult, values: list[tuple[str, Any, Any]], files: Mapping[str, str]) -> dict[str, Any]:
    none = Verdict.NOT_EXERCISED
    traces = sorted(
        (files.get(trace_id) or "", trace_id, was.by_trace.get(trace_id, none), now.by_trace.get(trace_id, none))
        for trace_id in {*was.by_trace, *now.by_trace}
    )
    old, new = ({_key(finding): finding for finding in result.violations} for result in (was, now))
    return {
        "id": was.header.id,
        "name": was.header.name,
        "parameters": [{"name": name, "from": from_, "to": to} for name, from_, to in values],
        "verdict": {"from": was.verdict.value, "to": now.verdict.value},
        "violations": {"from": was.violated, "to": now.violated},
        "unknown": {"from": was.unknown, "to": now.unknown},
        "reason": now.reason,
        "traces": [
            {"file": file or None, "trace_id": trace_id, "from": from_.value, "to": to.value}
            for file, trace_id, from_, to in traces
            if from_ is not to
        ],
        "appear": [_told(finding) for key, finding in new.items() if key not in old],
        "vanish": [_told(finding) for key, finding in old.items() if key not in new],
    }


def _key(finding: Finding) -> tuple[str, str | None, str]:
    return finding.trace_id, finding.span_id, finding.subject


def _told(finding: Finding) -> dict[str, Any]:
    return {
        "fingerprint": finding.fingerprint,
        "file": finding.file,
        "trace_id": finding.trace_id,
        "span_id": finding.span_id,
        "subject": finding.subject,
        "message": finding.message,
    }
