"""`spanproof trace`: record any Python program, unchanged."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from .. import config
from ..instrument.exporting import EndpointError, endpoint
from . import failure, launch, target
from .options import Otlp, OtlpProtocol, Out, Quiet, bytes_of

# Options end at the target: what follows is the program's own.
CONTEXT: Final = {"allow_interspersed_args": False}


def trace(
    program: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCRIPT|-m MODULE|PROGRAM [ARGS...]", show_default=False, help="What to run, with its own arguments."),
    ] = None,
    *,
    module: Annotated[bool, typer.Option("-m", help="The target is a module, as with python -m.")] = False,
    out: Out = None,
    otlp: Otlp = None,
    otlp_protocol: OtlpProtocol = None,
    max_bytes: Annotated[
        str | None,
        typer.Option(
            "--max-bytes",
            metavar="SIZE",
            show_default=False,
            help="Most that the trace takes on the disk; its oldest parts go first. [default: 1GiB]",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", show_default=False, help="Name of the recording. [default: the target's]")
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Judge the recording at the end (report on stderr); a clean program then exits with the verdict."),
    ] = False,
    quiet: Quiet = False,
) -> int:
    """Record a Python program, unchanged, and exit as it exits.

    The program runs in this process as python would run it. Its exit status is passed on, a signal that ended it is raised again;
    125 says that it never started. The last line on stderr is the command that judges the recording.

    \b
    Examples:
      spanproof trace app.py --its-own-option
      spanproof trace -m package.module arg
      spanproof trace pytest tests/            an installed program
      spanproof trace --check app.py           exit 1 when a criterion is violated
      spanproof trace --otlp http://localhost:4318 app.py
      spanproof trace --max-bytes 200MB service.py
    """
    if not program:
        raise failure.Failure(
            "nothing to trace. Expected SCRIPT, -m MODULE or PROGRAM, for example: spanproof trace app.py", failure.NEVER_STARTED
        )
    settings = config.resolve({"traces": out})
    try:
        limit = None if max_bytes is None else bytes_of(max_bytes, "--max-bytes")
        if otlp is not None:
            endpoint(otlp, otlp_protocol)
    except (failure.Failure, EndpointError) as error:
        raise failure.Failure(str(error), failure.NEVER_STARTED) from error
    found = target.find(program[0], program[1:], as_module=module)
    launch.prepare(
        launch.Launch(
            target=found,
            out=settings.traces,
            name=name or found.title,
            check=check,
            check_options=("--quiet",) if quiet else (),
            options={"otlp": otlp, "otlp_protocol": otlp_protocol, "max_bytes": limit},
        )
    )
    return 0
