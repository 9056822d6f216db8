"""`spanproof` and `python -m spanproof`: parse, run one command, exit with its code.

`trace` is different in one way: the command only prepares the program, which is run from here, when the parser is done, so that
nothing of ours stands on the program's stack, and nothing catches what it raises.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Ends by SystemExit, or by the signal that ended a traced program."""
    from typer.main import get_command

    from .cli import failure, launch
    from .cli.app import app

    closed = _fill_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    code: object = 0
    try:
        get_command(app).main(args=given, prog_name="spanproof")
    except SystemExit as end:
        code = end.code
    except OSError as error:  # help that cannot be written: no command was reached that would have told it
        code = failure.unforeseen(error)
    program = launch.prepared()
    if program is None:
        sys.exit(launch.exit_code(code, given))
    _close_again(closed)
    program.run()


def _fill_streams() -> list[str]:
    """Give each standard stream that was closed before we began (`>&-`) a place to go; returns their names."""
    closed = [name for name in ("stdin", "stdout", "stderr") if getattr(sys, name) is None]
    for name in closed:
        setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115, PTH123  # open for as long as we run
    return closed


def _close_again(names: list[str]) -> None:
    """A traced program finds its streams as its caller left them."""
    for name in names:
        getattr(sys, name).close()
        setattr(sys, name, None)


if __name__ == "__main__":
    main()
