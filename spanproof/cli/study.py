"""`spanproof study`: the main job, run all scenarios, judge, answer the hypotheses."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .. import config, terminal
from . import rehearsal
from .options import Otlp, OtlpProtocol, Out, Quiet, Repeat, Seed


def study(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="On the real clock run only what answers about time need.")] = False,
    clock: Annotated[
        Literal["both", "virtual", "real"], typer.Option("--clock", help="Clocks to run on; answers about time need real.")
    ] = "both",
    repeat: Repeat = 1,
    seed: Seed = 0,
    out: Out = None,
    otlp: Otlp = None,
    otlp_protocol: OtlpProtocol = None,
    quiet: Quiet = False,
) -> int:
    """Run all scenarios, judge them, and answer the hypotheses.

    Each scenario with what was observed, then each hypothesis with its answer and the evidence. Written beside the traces as well:
    report.html and report.md to read, findings.json for programs, audit.jsonl with a line for each timeout and cancellation.
    Exit 0: all ran, and found is what the scenarios expect. Exit 1: another finding, or an expected one is no longer seen. Exit 2:
    incomplete or undecided. Exit 130: interrupted.

    \b
    Examples:
      spanproof study
      spanproof study --clock virtual --repeat 20
      spanproof study --quick --out studies/
    """
    settings = config.resolve({"traces": out})
    from ..study import plain, run_study

    export = rehearsal.export_to(otlp, otlp_protocol)
    result = run_study(
        quick=quick, clock=clock, repeat=repeat, seed=seed, out=settings.traces.absolute(), progress=_progress, export=export
    )
    terminal.write(plain(result, width=terminal.console().width))
    rehearsal.tell_unsent([run.result for run in result.runs], export, result.folder)
    page = terminal.shortest(result.folder / "report.html")
    terminal.note(f"written: {page}; report.md, findings.json and audit.jsonl beside it")
    terminal.next_command("check", terminal.shortest(result.folder))
    return result.exit_code


def _progress(what: str, done: int, of: int) -> None:
    terminal.progress(f"{done}/{of} {what}" if done < of else "")
