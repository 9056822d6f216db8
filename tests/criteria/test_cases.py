"""Each criterion says of its small traces what it must, and all others are silent where nothing else is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers.cataloguing import catalogue
from spanproof.analyzers.judging import judge
from spanproof.analyzers.loading import load
from spanproof.analyzers.tinytrace_otlp import write
from spanproof.analyzers.verdicts import Verdict, merge
from tests.criteria.cases import Case, all_cases

if TYPE_CHECKING:
    from spanproof.analyzers.report import Report

CASES = all_cases()


@pytest.fixture(scope="module")
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, dict[str, str]]:
    """All cases that were chosen, loaded and judged together, each a recording of its own; and the file of each trace."""
    folder = tmp_path_factory.mktemp("cases")
    chosen = {
        item.callspec.params.get("case")
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    }
    paths = [
        write(folder / f"{case.number:03}.json", f"{case.trace} %n={case.number} %rec=case-{case.number}")
        for case in CASES
        if case in chosen
    ]
    con = load(paths)
    report = judge(con, source_root=folder)
    rows = con.execute("select distinct u.trace_id, f.path from units u join files f using (file_id)").fetchall()
    con.close()
    return report, {trace_id: path.rpartition("/")[2] for trace_id, path in rows}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_verdict_and_quiet_neighbours(case: Case, judged: tuple[Report, dict[str, str]]) -> None:
    """The criterion's verdict on the case; and exactly the criteria that the case names have findings."""
    report, files = judged
    file = f"{case.number:03}.json"
    result = report[case.criterion]
    verdict = merge(verdict for trace_id, verdict in result.by_trace.items() if files[trace_id] == file)
    assert verdict.value == case.verdict, result.reason
    firing = {finding.criterion for finding in report.findings if finding.file == file}
    assert firing == case.firing, [finding.message for finding in report.findings if finding.file == file]
    if case.severity:
        assert {f.severity for f in result.violations if f.file == file} == {case.severity}
    if case.verdict == "violated" and not case.severity:
        assert {f.severity for f in result.violations if f.file == file} == {result.header.severity}


@pytest.mark.parametrize("criterion", sorted(catalogue()))
def test_every_criterion_has_the_four_verdicts(criterion: str) -> None:
    """A quartet for each."""
    found = {case.verdict for case in CASES if case.criterion == criterion}
    assert found == {verdict.value for verdict in Verdict}
