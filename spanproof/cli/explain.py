"""`spanproof explain`: one criterion in full, and what it found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from .. import config, terminal
from . import sources
from .options import CriteriaFolders, JaegerUrl, Maps, Quiet
from .wording import count

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..analyzers import Report
    from ..analyzers.cataloguing import Criterion


def explain(
    criterion: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="Id or name of a criterion, such as P04.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH...]", show_default=False, help="Traces; with them, also what the criterion found there."),
    ] = None,
    *,
    criteria: CriteriaFolders = None,
    map: Maps = None,
    jaeger_url: JaegerUrl = None,
    quiet: Quiet = False,
) -> int:
    """Tell what a criterion means, and how to fix what it finds.

    With a path also what it found there, each finding with its evidence.

    \b
    Examples:
      spanproof explain P04
      spanproof explain sibling-not-cancelled traces/
    """
    from ..analyzers import catalogue, judge
    from ..analyzers.cataloguing import find
    from ..analyzers.remote import links

    settings = config.resolve({"criteria": criteria, "map": map, "jaeger_url": jaeger_url})
    chosen = find(criterion, catalogue(settings.criteria))
    for each in chosen:
        terminal.show(*_page(each))
    if paths:
        report = judge(
            sources.load(paths, settings),
            select=[each.id for each in chosen],
            params=settings.params,
            criteria_dirs=settings.criteria,
            source_root=settings.source_root,
        )
        links.add(report, settings.jaeger_url)
        terminal.show(*_found(report))
    return 0


def _found(report: Report) -> Iterator[RenderableType]:
    """Each finding as it is told in a report, and the verdict."""
    from rich.text import Text

    from . import report_text, report_view

    yield Text("")
    yield from report_text.findings(report_view.view(report))
    for result in report.criteria:
        subjects = f", {count(result.subjects, 'subject')}" if result.subjects else ""
        reason = f": {result.reason}" if result.reason else ""
        yield Text(f"{result.header.id} {result.verdict.words}{subjects}{reason}", style="bold")


def _page(criterion: Criterion) -> Iterator[RenderableType]:
    """The header of a criterion, as a page."""
    from rich.padding import Padding
    from rich.text import Text

    header = criterion.header
    yield Text(f"{criterion.title}  ({header.severity})", style="bold")
    yield Text("")
    yield Text(header.texts["says"])
    yield Text("")
    for title, text in (
        ("The rule", header.texts["rule"]),
        ("Why it matters", header.texts["why"]),
        ("What is judged", header.texts["judges"]),
        ("How to fix it", header.texts["fix"]),
        ("Wrong", header.texts["bad"]),
        ("Right", header.texts["good"]),
        ("A violation is certain, given that", header.texts["certain given"]),
        ("What it cannot see", header.texts["cannot see"]),
        ("Unknown when", header.texts["unknown when"]),
        ("Whose fault", header.texts["fault"]),
        ("Covers", "; ".join(header.covers)),
    ):
        yield Text(title, style="bold")
        yield Padding(Text(text), (0, 0, 1, 2))
    if header.parameters:
        yield Text("Parameters", style="bold")
        for name, parameter in header.parameters.items():
            yield Padding(Text(f"--param {criterion.id}.{name}={parameter.default:g}  ({parameter.unit}) {parameter.reason}"), (0, 0, 0, 2))
        yield Text("")
    yield Text(f"In a torn trace a violation is {header.torn}. Clock: {header.clock}. Scope: {header.scope}.", style="dim")
