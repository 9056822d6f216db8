"""The process that runs scenarios: one job a line on standard input, one answer a line on standard output.

It stands between the scenarios and whoever asked for them: a scenario that hangs or kills its interpreter takes only this process
with it. What scenarios print, and stageflow's log, goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING

from .result import Job

if TYPE_CHECKING:
    from ..instrument.sinks.otlp import OtlpExport

READY = "ready"
"""First line that it writes: imports are done, and the time of a job begins to count."""


def main() -> int:
    """Serve jobs until standard input ends."""
    # The pipe is ours alone: a scenario that prints must not end up in the middle of an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin, answers)
    return 0


def serve(jobs: IO[str], answers: IO[str]) -> None:
    """Answer each job with `{"status", "trace", "seconds", "error", "unsent"}`."""
    # Before the first job, so that what it costs to load stageflow and the recorder is no part of any measured run.
    from .execute import execute

    print(READY, file=answers, flush=True)
    for line in jobs:
        started = time.monotonic()
        trace, error = None, ""
        exports: list[OtlpExport] = []
        try:
            trace = execute(Job.from_json(line), exports.append)
        except (Exception, SystemExit) as exc:  # a scenario may raise anything: that is a result
            traceback.print_exc()
            error = _in_one_line(exc)
        seconds = time.monotonic() - started
        answer = {
            "status": "raised" if error else "ran",
            "trace": None if trace is None else str(trace),
            "seconds": round(seconds, 6),
            "error": error,
            "unsent": next((export.why for export in exports if export.unsent), ""),
        }
        print(json.dumps(answer), file=answers, flush=True)


def _in_one_line(exc: BaseException) -> str:
    text = " ".join(str(exc).split())
    where = ""
    for frame, line in traceback.walk_tb(exc.__traceback__):
        where = f" ({Path(frame.f_code.co_filename).name}:{line})"
    return f"{type(exc).__name__}: {text}{where}" if text else f"{type(exc).__name__}{where}"
