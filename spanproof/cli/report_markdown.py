"""The report as Markdown, for a pull request or a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import report_view
from .report_text import expectation

if TYPE_CHECKING:
    from ..analyzers import Report
    from .report_view import Defect


def render(report: Report, status: str) -> str:
    """The whole report."""
    return "\n".join(_lines(report, status)) + "\n"


def _lines(report: Report, status: str) -> Iterator[str]:
    seen = report_view.view(report)
    yield from (f"# {report_view.conclusion(report, status)}", "", f"Judged {_safe(report_view.judged(report))}.", "")
    for defect in seen.new:
        yield from _defect(defect)
    known = [f"{_title(each)}: {_safe(each.first.message)} ({each.first.state})" for each in seen.known]
    remarks = [f"{_title(each)}: {_safe(each.first.message)}" for each in seen.remarks]
    unknown = [f"{each.header.id} {each.header.name}: {_safe(each.reason or 'no reason is known')}" for each in seen.unknown]
    unmet = [_safe(expectation(each)) for each in report.unmet]
    problems = [f"{_safe(each.get('path') or 'all')}: {_safe(each['what'])}; {_safe(each['done'])}" for each in report.problems]
    for title, items in (
        ("Known", known),
        ("Remarks", remarks),
        ("Unknown", unknown),
        ("Expected, and no longer seen", unmet),
        ("Files", problems),
    ):
        if items:
            yield from (f"## {title}", "", *(f"- {item}" for item in items), "")
    yield from (
        "## Verdicts",
        "",
        "| family | criterion | verdict | subjects | violated | unknown |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    )
    for family, results in seen.families.items():
        for each in results:
            name = f"{each.header.id} {each.header.name}"
            yield f"| {family} | {name} | {each.verdict.words} | {each.subjects} | {each.violated} | {each.unknown} |"


def _title(defect: Defect) -> str:
    times = f", {defect.times:,} times" if defect.times > 1 else ""
    return f"{defect.header.id} {defect.header.name} ({defect.first.severity}{times})"


def _defect(defect: Defect) -> Iterator[str]:
    finding = defect.first
    yield from (f"## {_title(defect)}", "", f"{_safe(finding.message)}.", "")
    facts = {
        "Fault": report_view.FAULTS[finding.fault],
        "Where": report_view.place(finding),
        "Also follows": ", ".join(defect.also),
        "Fix": finding.fix,
    }
    yield from (f"- {name}: {_safe(value)}" for name, value in facts.items() if value)
    yield from (f"- See: `{report_view.look(finding)}`", "")


def _safe(text: object) -> str:
    """Text of the program, which may hold characters that mean something in Markdown."""
    return "".join(f"\\{character}" if character in "\\`*_<>|[]#" else character for character in str(text))
