"""`spanproof run`: run scenarios with tracing, and judge what they recorded."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .. import config
from . import failure, rehearsal
from .options import Otlp, OtlpProtocol, Out, Quiet, Repeat, Seed


def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", show_default=False, help="Scenarios, or scenario/variant; `spanproof scenarios` lists them."),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Run every scenario.")] = False,
    clock: Annotated[Literal["virtual", "real"], typer.Option("--clock", help="virtual takes no time; real can be late.")] = "virtual",
    repeat: Repeat = 1,
    seed: Seed = 0,
    out: Out = None,
    otlp: Otlp = None,
    otlp_protocol: OtlpProtocol = None,
    quiet: Quiet = False,
) -> int:
    """Run scenarios with tracing, and judge each.

    Is what was found what the scenario expects? Exit 0: all ran, and the findings are those that were expected. Exit 1: another
    finding, or an expected one is no longer seen. Exit 2: not everything ran. Exit 130: interrupted.

    \b
    Examples:
      spanproof run parallel_cancellation
      spanproof run parallel_cancellation/timeout --clock real
      spanproof run --all --repeat 3
    """
    if bool(names) == everything:
        raise failure.Failure("expected the names of scenarios, or --all. `spanproof scenarios` lists them.")
    for name in names or ():
        if name.endswith(".py"):
            raise failure.Failure(f"{name} is a script, and run runs scenarios. Write: spanproof trace {name}")
    settings = config.resolve({"traces": out})
    return rehearsal.rehearse(
        names or [], clock=clock, repeat=repeat, seed=seed, out=settings.traces, export=rehearsal.export_to(otlp, otlp_protocol)
    )
