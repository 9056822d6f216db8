"""`spanproof run`: run scenarios with tracing, and judge what they recorded."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .. import config
from . import failure, rehearsal, sweep
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
    sweep_awaits: Annotated[
        bool, typer.Option("--sweep-awaits", help="Cancel it at every point at which it waits, and tell what is lost at each.")
    ] = False,
    out: Out = None,
    otlp: Otlp = None,
    otlp_protocol: OtlpProtocol = None,
    quiet: Quiet = False,
) -> int:
    """Run scenarios with tracing, and judge each.

    Is what was found what the scenario expects? Exit 0: all ran, and the findings are those that were expected. Exit 1: another
    finding, or an expected one is no longer seen. Exit 2: not everything ran. Exit 130: interrupted.

    With --sweep-awaits NAME may be a coroutine function of yours, as module:function. It is run on the virtual clock, once for each point
    at which it waits, and cancelled there. Exit 1: something is found at a point that is not found without the cancellation.

    \b
    Examples:
      spanproof run parallel_cancellation
      spanproof run parallel_cancellation/timeout --clock real
      spanproof run --all --repeat 3
      spanproof run parallel_cancellation/in_time --sweep-awaits
      spanproof run shop.orders:place --sweep-awaits
    """
    if bool(names) == everything:
        raise failure.Failure("expected the names of scenarios, or --all. `spanproof scenarios` lists them.")
    for name in names or ():
        if name.endswith(".py"):
            raise failure.Failure(f"{name} is a script, and run runs scenarios. Write: spanproof trace {name}")
    settings = config.resolve({"traces": out})
    if sweep_awaits:
        return sweep.sweep(names or [], settings.traces)
    return rehearsal.rehearse(
        names or [], clock=clock, repeat=repeat, seed=seed, out=settings.traces, export=rehearsal.export_to(otlp, otlp_protocol)
    )
