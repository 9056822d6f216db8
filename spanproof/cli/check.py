"""`spanproof check`: judge traces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import config, terminal
from . import choice, formats, sources
from .options import CriteriaFolders, Paths, Quiet

if TYPE_CHECKING:
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
    criteria: CriteriaFolders = None,
    source_root: Annotated[
        Path | None,
        typer.Option("--source-root", metavar="DIR", show_default=False, help="Folder that paths in the report are relative to."),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Judge traces: what holds, what is violated, by whose fault.

    Exit 1: a violation of at least --fail-on that no scenario expects. Exit 2: something is unknown, nothing was there to judge, or
    the input cannot be read. Exit 130: interrupted. Exit 0: otherwise.

    \b
    Examples:
      spanproof check                                  the newest recording
      spanproof check traces/ --select P,error
      spanproof check run.json --param D01.tolerance_ms=50
      spanproof check --format text --format json=findings.json
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
            "criteria": criteria,
            "source_root": source_root,
        }
    )
    reading = formats.Reading(settings.fail_on, frozenset(settings.allow), settings.strict)
    report = _judge(paths or [], settings, outputs, reading)
    formats.write(outputs, report, reading)
    return report.exit_code(reading.fail_on, reading.allow, strict=reading.strict)


def _judge(paths: list[str], settings: config.Settings, outputs: list[formats.Output], reading: formats.Reading) -> Report:
    from ..analyzers import AnalyzerError, judge

    try:
        # What is asked for is looked at before anything is read, which may take long.
        chosen = choice.expand(settings.select, settings.criteria)
        ignored = choice.expand(settings.ignore, settings.criteria)
        choice.check(settings)
        connection = sources.load(paths, settings, remark=False)
        return judge(
            connection,
            select=chosen,
            ignore=ignored,
            params=settings.params,
            criteria_dirs=settings.criteria,
            source_root=settings.source_root,
            progress=lambda criterion, done, of: terminal.progress(f"{done}/{of} {criterion}"),
        )
    except AnalyzerError as error:
        formats.write_refusal(outputs, str(error), reading)
        raise
    finally:
        terminal.progress("")
