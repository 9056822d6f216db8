"""A report as a table for notebooks: no scripts, no style sheets, nothing that is loaded; colours that suit a dark page as well."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from . import explain
from .words import plural

if TYPE_CHECKING:
    from .finding import CriterionResult
    from .report import Report

_COLOURS = {"violated": "#d1242f", "unknown": "#9a6700", "holds": "#1a7f37", "not_exercised": "#6e7781"}
"""Each can be read on white and on black."""

TOLD = 5
"""Findings of one criterion that are told, each with its explanation to unfold."""


def table(report: Report) -> str:
    """One row a criterion; its findings below it. Everything from the trace is escaped."""
    rows = "".join(_row(result) for result in report.criteria)
    head = "".join(f"<th style='text-align:left'>{name}</th>" for name in ("criterion", "verdict", "subjects", "what"))
    title = f"{plural(report.traces, 'trace')}, {plural(len(report.files), 'file')}: {report.status()}"
    return f"<p><b>Spanproof</b> {escape(title)}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(result: CriterionResult) -> str:
    header = result.header
    shown = result.violations[:TOLD]
    parts = [
        f"<details><summary>{escape(finding.message)}</summary>{explain.html(explain.explain(finding, header))}</details>"
        for finding in shown
    ]
    if len(result.violations) > len(shown):
        parts.append(f"and {len(result.violations) - len(shown)} more")
    what = "".join(parts) or escape(result.reason or "")
    colour = _COLOURS[result.verdict.value]
    return (
        f"<tr><td>{escape(header.id)} {escape(header.name)}</td><td style='color:{colour}'>{result.verdict.words}</td>"
        f"<td>{result.subjects}</td><td style='text-align:left'>{what}</td></tr>"
    )
