"""`spanproof extract`: a finding as a script for the maintainers of the library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import config, terminal
from . import sources
from .failure import Failure
from .options import Paths, Quiet


def extract(
    fingerprint: Annotated[
        str, typer.Argument(metavar="FINGERPRINT", help="Fingerprint of a finding, or its beginning; `check --format json` has it.")
    ],
    paths: Paths = None,
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", show_default=False, help="Write there, not to stdout.")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Write a finding as a script that needs stageflow alone.

    It rebuilds the run from the trace with stages that sleep, tells what it sees in plain prints, and exits with 1 while the defect is
    there: for the maintainers of the library. Exit 2: there is no such finding, or none that a script can show.

    \b
    Examples:
      spanproof extract 6b980fe40816ce2f traces/study-20261201T095308.415299Z -o defect.py
      python defect.py
    """
    from ..analyzers import judge
    from ..study.extract import script

    settings = config.resolve({})
    con = sources.load(paths, settings)
    report = judge(con, params=settings.params, source_root=settings.source_root)
    found = [finding for finding in report.findings if finding.fingerprint.startswith(fingerprint)]
    if not found:
        raise Failure(
            f"no finding has a fingerprint that begins with {fingerprint!r}. "
            "`spanproof check --format json` has those of all findings; name the traces that it is in."
        )
    text = script(con, found[0])
    if output is None:
        terminal.write(text)
    else:
        output.write_text(text, encoding="utf-8")
        terminal.note(f"written: {terminal.shortest(output)}")
    return 0
