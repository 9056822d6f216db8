"""Tries criteria on their cases: does each fire on the planted fault, stay silent on the fix, and know what it cannot know?"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .cases import CaseError
from .judging import judge
from .loading import load
from .tinytrace import TinyTraceError
from .tinytrace_otlp import write
from .verdicts import Verdict, merge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .cases import Case
    from .cataloguing import Criterion
    from .report import Report

KINDS: Final = (Verdict.VIOLATED, Verdict.HOLDS, Verdict.UNKNOWN, Verdict.NOT_EXERCISED)
"""Kinds of cases in the order of the table: the fault planted, the fault taken out, the trace torn, no subject."""

COLUMNS: Final = ("fires on plant", "silent on fix", "unknown when torn", "not exercised")
"""The headings of KINDS."""


@dataclass(slots=True)
class Tried:
    """How one criterion did.

    Attributes:
        right: by kind of case, how many got the verdict that they must get.
        total: by kind of case, how many there are.
        wrong: what went wrong, a line each with the file and line of the case.
    """

    criterion: Criterion
    right: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    total: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    wrong: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        """Cases of all four kinds, and every one as it must be."""
        return not self.wrong and all(self.total.values())


def try_cases(
    cases: Iterable[Case],
    criteria: Iterable[Criterion],
    criteria_dirs: Iterable[str | Path] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Tried]:
    """Judge the cases, each a recording of its own, by these criteria.

    Args:
        cases: of these criteria and of others; those are passed over.
        criteria: of the catalogue with `criteria_dirs`.
        criteria_dirs: folders with criteria of one's own.
        progress: as of `judge`.

    Returns:
        One entry a criterion, in the order of `criteria`; what is missing or wrong is said in it.

    Raises:
        CaseError: a trace cannot be read.
    """
    tried = {criterion.id: Tried(criterion) for criterion in criteria}
    chosen = [case for case in cases if case.criterion in tried]
    if chosen:
        judged = sorted({case.criterion for case in chosen})
        with tempfile.TemporaryDirectory() as folder:
            con = load([_written(Path(folder), case) for case in chosen])
            try:
                report = judge(con, select=judged, criteria_dirs=criteria_dirs, source_root=folder, progress=progress)
                rows = con.execute("select distinct u.trace_id, f.path from units u join files f using (file_id)").fetchall()
            finally:
                con.close()
        _compare(report, chosen, {trace_id: Path(path).name for trace_id, path in rows}, tried)
    for each in tried.values():
        if each.criterion.broken is not None:
            each.wrong.append(each.criterion.broken)
            continue
        lacking = [kind.value for kind in KINDS if not each.total[kind]]
        if lacking:
            each.wrong.append(f"{each.criterion.id}: no case that is {' or '.join(lacking)}")
    return list(tried.values())


def _written(folder: Path, case: Case) -> Path:
    try:
        return write(folder / _name(case), f"{case.trace} %n={case.number} %rec=case-{case.number}")
    except TinyTraceError as error:
        raise CaseError(f"{case.path}:{case.line}: {error}") from error


def _name(case: Case) -> str:
    return f"{case.number:05}.json"


def _compare(report: Report, cases: list[Case], files: dict[str, str], tried: dict[str, Tried]) -> None:
    """Count the cases that got the verdict that they must get, and say of the others what they got."""
    got: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for result in report:
        for trace_id, verdict in result.by_trace.items():
            got[result.header.id, files.get(trace_id, "")].append(verdict)
    for case in cases:
        result = report[case.criterion]
        each, kind = tried[case.criterion], Verdict(case.verdict)
        verdict = merge(got[case.criterion, _name(case)])
        # One that could not be run has no verdict on any trace.
        failed = result.verdict is Verdict.UNKNOWN and not result.by_trace
        each.total[kind] += 1
        if verdict is kind and not failed:
            each.right[kind] += 1
            continue
        why = f": {result.reason}" if failed else ""
        shown = Verdict.UNKNOWN if failed else verdict
        each.wrong.append(f"{case.path}:{case.line}: {case} is {shown.words}{why}")
