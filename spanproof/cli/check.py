"""`spanproof check`: judge traces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import config, terminal
from . import choice, formats, sources
from .options import CriteriaFolders, JaegerUrl, Maps, Paths, Quiet
from .wording import count

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ..analyzers import Report


def check(
    paths: Paths = None,
    *,
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="F[=FILE]",
            show_default=False,
            help="text, json or markdown, to stdout or to a file; may be repeated. [default: text]",
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            metavar="IDS",
            show_default=False,
            help="Judge only these: ids (P04), families (P) or severities (error), with commas.",
        ),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", metavar="IDS", show_default=False, help="Do not judge these.")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", metavar="ID.NAME=N", show_default=False, help="Set a parameter, for example D01.tolerance_ms=50; may be repeated."
        ),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on", metavar="SEV", show_default=False, help="Least severity that exits 1: error, warning or info. [default: warning]"
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="WHAT", show_default=False, help="Do not exit 2 for: unknown, empty, or both with a comma."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Ignore the expectations that traces of scenarios carry.")] = False,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="F", show_default=False, help="Findings in this file are known and do not fail."),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option("--write-baseline", metavar="F", show_default=False, help="Keep all findings in this file: they are known then."),
    ] = None,
    criteria: CriteriaFolders = None,
    map: Maps = None,
    jaeger_url: JaegerUrl = None,
    margins: Annotated[bool, typer.Option("--margins", help="Show how near what holds came to its bounds.")] = False,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if",
            metavar="ID.NAME=N",
            show_default=False,
            help="List what another value of a parameter would flip; repeated, all at once. The exit status stays.",
        ),
    ] = None,
    blind_spots: Annotated[bool, typer.Option("--blind-spots", help="Say what these traces could not have shown, and why.")] = False,
    source_root: Annotated[
        Path | None,
        typer.Option("--source-root", metavar="DIR", show_default=False, help="Folder that paths in the report are relative to."),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Judge traces: what holds, what is violated, by whose fault.

    Exit 1: a violation of at least --fail-on that is not expected, baselined or suppressed. Exit 2: something is unknown, nothing
    was there to judge, or the input cannot be read. Exit 130: interrupted. Exit 0: otherwise.

    \b
    Examples:
      spanproof check                                  the newest recording
      spanproof check traces/ --select P,error
      spanproof check run.json --param D01.tolerance_ms=50
      spanproof check --format text --format json=findings.json
      spanproof check --margins --what-if D01.tolerance_ms=20
      spanproof check jaeger.json --map opentelemetry  traces of other programs
      spanproof check --write-baseline known.json      later: --baseline known.json
    """
    outputs = formats.parse(format or ["text"])
    settings = config.resolve(
        {
            "select": select,
            "ignore": ignore,
            "params": param,
            "fail_on": fail_on,
            "allow": allow,
            "strict": strict,
            "baseline": baseline,
            "criteria": criteria,
            "map": map,
            "jaeger_url": jaeger_url,
            "source_root": source_root,
        }
    )
    reading = formats.Reading(settings.fail_on, frozenset(settings.allow), settings.strict, margins)
    asked = Asked(config.parse_params(what_if or [], "--what-if"), blind_spots, write_baseline)
    report = _judge(paths or [], settings, outputs, reading, asked)
    formats.write(outputs, report, reading)
    return report.exit_code(reading.fail_on, reading.allow, strict=reading.strict)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted beyond the judgement. None of it changes the status, but that what `write_baseline` keeps is known from then on."""

    what_if: config.Params
    blind_spots: bool
    write_baseline: Path | None


def _judge(paths: list[str], settings: config.Settings, outputs: list[formats.Output], reading: formats.Reading, asked: Asked) -> Report:
    from ..analyzers import AnalyzerError, baseline, judge

    try:
        # What is asked for is looked at before anything is read, which may take long.
        chosen = choice.expand(settings.select, settings.criteria)
        ignored = choice.expand(settings.ignore, settings.criteria)
        choice.check(settings, asked.what_if)
        if settings.baseline is not None:
            baseline.read(settings.baseline)
        if asked.write_baseline is not None:
            baseline.check_target(asked.write_baseline)
        connection = sources.load(paths, settings, remark=False)
        report = judge(
            connection,
            select=chosen,
            ignore=ignored,
            params=settings.params,
            criteria_dirs=settings.criteria,
            source_root=settings.source_root,
            progress=lambda criterion, done, of: terminal.progress(f"{done}/{of} {criterion}"),
        )
        _add(report, connection, settings, asked)
    except AnalyzerError as error:
        formats.write_refusal(outputs, str(error), reading)
        raise
    finally:
        terminal.progress("")
    return report


def _add(report: Report, connection: DuckDBPyConnection, settings: config.Settings, asked: Asked) -> None:
    """What is known already, and what was asked beyond the judgement."""
    from ..analyzers import baseline, blind_spots, suppressions, what_if
    from ..analyzers.remote import links

    links.add(report, settings.jaeger_url)
    suppressions.apply(report, settings.suppress, settings.criteria)
    if settings.baseline is not None:
        baseline.apply(report, settings.baseline)
    if asked.write_baseline is not None:
        number = baseline.write(report, asked.write_baseline)
        terminal.note(f"{asked.write_baseline}: {count(number, 'finding')} written; spanproof check --baseline takes them as known")
    if asked.what_if:
        what_if.suppose(
            connection,
            report,
            asked.what_if,
            params=settings.params,
            criteria_dirs=settings.criteria,
            source_root=settings.source_root,
        )
    if asked.blind_spots:
        blind_spots.find(connection, report, settings.criteria)
