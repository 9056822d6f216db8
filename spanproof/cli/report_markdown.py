"""The report as Markdown, for a pull request or a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..analyzers import explain
from . import report_asked, report_view
from .report_text import expectation

if TYPE_CHECKING:
    from ..analyzers import Report
    from .report_asked import Listed
    from .report_view import Defect


def render(report: Report, status: str, *, margins: bool = False) -> str:
    """The whole report."""
    return "\n".join(_lines(report, status, margins=margins)) + "\n"


def _lines(report: Report, status: str, *, margins: bool) -> Iterator[str]:
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
        *((title, [_safe(line) for line in lines]) for title, lines in report_view.unmatched(report)),
        ("Files", problems),
    ):
        if items:
            yield from (f"## {title}", "", *(f"- {item}" for item in items), "")
    for listed in report_asked.parts(report, margins=margins):
        yield from _listed(listed)
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


def _listed(listed: Listed) -> Iterator[str]:
    yield from (f"## {_safe(listed.title)}", "")
    if listed.sentences:
        yield from (*(f"- {_safe(sentence)}" for sentence in listed.sentences), "")
    if listed.rows:
        yield "| " + " | ".join(column.heading for column in listed.columns) + " |"
        yield "| " + " | ".join("---:" if column.kind == "number" else "---" for column in listed.columns) + " |"
        yield from ("| " + " | ".join(_safe(cell) for cell in row) + " |" for row in listed.rows)
        yield ""


def _title(defect: Defect) -> str:
    times = f", {defect.times:,} times" if defect.times > 1 else ""
    return f"{defect.header.id} {defect.header.name} ({defect.first.severity}{times})"


def _defect(defect: Defect) -> Iterator[str]:
    finding = defect.first
    yield from (f"## {_title(defect)}", "", f"{_safe(finding.message)}.", "")
    facts = {
        "Where": report_view.place(finding),
        "Subject": defect.pattern if defect.others else "",
        "Seen": "; ".join(report_view.example(each) for each in defect.examples),
    }
    listed = [f"- {name}: {_safe(value)}" for name, value in facts.items() if value]
    yield from (*listed, "") if listed else ()
    # The explanation of the first stands for all; what follows from the others is told with it.
    argument = replace(explain.explain(finding, defect.header), also=defect.also)
    yield from explain.markdown(argument).splitlines()
    yield from (f"- See: `{report_view.look(finding)}`{f', <{finding.link}>' if finding.link else ''}", "")


def _safe(text: object) -> str:
    """Text of the program, which may hold characters that mean something in Markdown."""
    return "".join(f"\\{character}" if character in "\\`*_<>|[]#" else character for character in str(text))
