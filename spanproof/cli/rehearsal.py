"""Run scenarios, judge all that they recorded at once, and tell one line a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from .. import terminal
from ..instrument.exporting import Endpoint, endpoint
from . import failure
from .report_text import expectation

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..analyzers import Report
    from ..scenarios import RunResult

NAMED: Final = 3
"""Files that the next command names one by one; of more it names the folder."""


def rehearse(
    names: Sequence[str],
    *,
    clock: Literal["virtual", "real"],
    repeat: int,
    seed: int,
    out: Path,
    package: str | None = None,
    export: Endpoint | None = None,
) -> int:
    """Run the named scenarios, or all; returns the exit code. `package`: where to look for them instead of ours."""
    from ..analyzers import check

    results = _run(names, clock=clock, repeat=repeat, seed=seed, out=out, package=package, export=export)
    files = [result.trace for result in results if result.trace is not None]
    report = check(files) if files else None
    terminal.show(_table(results, report))
    for result in results:
        if result.status != "ran":
            terminal.complain(f"{result.job.name}: {result.status}: {result.error}")
    unmet = report.unmet if report is not None else []
    for each in unmet:
        terminal.complain(f"no longer seen (fixed? update the expectation): {expectation(each)}")
    tell_unsent(results, export, out)
    if files:
        terminal.next_command("check", *([terminal.shortest(file) for file in files] if len(files) <= NAMED else [terminal.shortest(out)]))
    if any(result.status == "interrupted" for result in results):
        return failure.INTERRUPTED
    if any(result.status != "ran" for result in results):
        return failure.UNUSABLE
    return failure.VIOLATED if unmet or _by_file(report, known=False) else 0


def export_to(url: str | None, protocol: str | None) -> Endpoint | None:
    """The endpoint of `--otlp` and `--otlp-protocol`.

    Raises:
        EndpointError: it cannot be used.
    """
    return None if url is None else endpoint(url, protocol)


def tell_unsent(results: Sequence[RunResult], export: Endpoint | None, folder: Path) -> None:
    """Say which part of the runs did not reach the endpoint, if any."""
    unsent = [result.unsent for result in results if result.unsent]
    if unsent:
        terminal.complain(
            f"{len(unsent)} of {len(results)} runs were not sent to {export}: {unsent[0]}; {terminal.shortest(folder)} has everything"
        )


def _run(
    names: Sequence[str],
    *,
    clock: Literal["virtual", "real"],
    repeat: int,
    seed: int,
    out: Path,
    package: str | None,
    export: Endpoint | None,
) -> list[RunResult]:
    from ..scenarios.discovery import HOME, catalogue, select
    from ..scenarios.runner import plan, run_many

    home = package or HOME
    chosen = [pair for name in names for pair in select(name, package=home)] or [
        (scenario, variant) for scenario in catalogue(home) for variant in scenario.variants.values()
    ]
    jobs = plan(chosen, clock, repeat, seed, out.absolute(), home)
    return list(run_many([replace(job, export=export) for job in jobs], progress=_progress))


def _progress(result: RunResult, number: int, of: int) -> None:
    terminal.progress(f"{number}/{of} {result.job.name}" if number < of else "")


def _by_file(report: Report | None, *, known: bool) -> dict[str, set[str]]:
    """Ids of the criteria that are violated, by the name of the file; consequences and what is only information are left out."""
    found: dict[str, set[str]] = defaultdict(set)
    for finding in report.findings if report is not None else ():
        if finding.severity != "info" and (finding.state != "new") is known and finding.implied_by is None:
            found[Path(finding.file or "").name].add(finding.criterion)
    return dict(found)


def _table(results: list[RunResult], report: Report | None) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    expected, news = _by_file(report, known=True), _by_file(report, known=False)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("scenario", "clock", "run"):
        table.add_column(heading, no_wrap=True)
    table.add_column("findings", overflow="fold")
    for result in results:
        file = result.trace.name if result.trace is not None else ""
        story = Text()
        if known := sorted(expected.get(file, ())):
            story.append(f"{' '.join(known)} as expected  ", style="yellow")
        if new := sorted(news.get(file, ())):
            story.append(f"{' '.join(new)} unexpected", style="bold red")
        if not story.plain and file:
            story.append("none", style="green")
        table.add_row(result.job.name, result.job.clock, result.status, story)
    return table
