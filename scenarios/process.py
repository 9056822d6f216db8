"""A process that runs scenarios, seen from outside: started when needed, asked for one job at a time, ended when it hangs."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from .result import RunResult
from .worker import READY

if TYPE_CHECKING:
    from .result import Job

START_LIMIT_S = 60.0
"""Longest time that a new process may need for its imports, on a busy machine."""

# The child gets our import path word for word: it then finds what we find, wherever it is started, and nothing of the working folder.
_BOOTSTRAP = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {worker} import main; sys.exit(main())"


class ScenarioProcessError(RuntimeError):
    """The process for scenarios cannot be started: stageflow or a part of Spanproof is missing. The message ends with its last words."""


class Worker:
    """One process at a time. For use from one thread, `end` apart."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._noise: IO[bytes] | None = None

    def run(self, job: Job, limit_s: float) -> RunResult:
        """Run a job; at most `limit_s` seconds, then its process is ended and the next job gets a new one.

        Raises:
            ScenarioProcessError: no process could be started.
            KeyboardInterrupt: Ctrl-C; the process has been ended.
        """
        process = self._process or self._start()
        began = time.monotonic()
        try:
            with contextlib.suppress(OSError):  # It is gone: its queue says so.
                print(job.to_json(), file=process.stdin, flush=True)
            line = self._answers.get(timeout=limit_s)
        except queue.Empty:
            self.close()
            told = f"not over after {limit_s:g} s; its process was ended"
            return RunResult(job, "hung", _left_behind(job), time.monotonic() - began, told)
        except BaseException:
            self.close()
            raise
        if line is None:
            code, said = self._end_of(process)
            return RunResult(job, "died", _left_behind(job), time.monotonic() - began, f"its process ended with status {code}{said}")
        answer: dict[str, Any] = json.loads(line)
        trace = Path(answer["trace"]) if answer["trace"] else _left_behind(job)
        return RunResult(job, answer["status"], trace, answer["seconds"], answer["error"], answer["unsent"])

    def close(self) -> None:
        """End the process, if there is one. Killing is enough: a recording is readable whenever its process is killed."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # A line that the dead process never read.
                        pipe.close()
        if self._noise is not None:
            self._noise.close()
            self._noise = None

    def end(self) -> None:
        """Kill the process, from any thread; whoever waits for its answer is told that it died."""
        process = self._process
        if process is not None:
            process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[str]:
        self._answers = queue.Queue()
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115  # close() closes it, with the process
        code = _BOOTSTRAP.format(worker=f"{__name__.rpartition('.')[0]}.worker")
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            text=True,
            encoding="utf-8",
            # Ctrl-C in the terminal is for us alone: in the child it would cancel the scenario, and change its trace.
            start_new_session=True,
        )
        threading.Thread(target=_pump, args=(process.stdout, self._answers), daemon=True).start()
        try:
            first = self._answers.get(timeout=START_LIMIT_S)
        except queue.Empty:
            first = None
        except BaseException:
            self.close()
            raise
        if first is None or first.strip() != READY:
            code, said = self._end_of(process)
            raise ScenarioProcessError(
                f"the process for scenarios ended with status {code}{said}. `spanproof doctor` says what is missing."
            )
        return process

    def _end_of(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """Status and last words of a process that does not answer any more."""
        try:
            code = str(process.wait(timeout=5))
        except subprocess.TimeoutExpired:
            code = "none: it had to be ended"
        said = _last_line(self._noise)
        self.close()
        return code, f"; its last words: {said}" if said else ""


def _pump(pipe: IO[str], answers: queue.Queue[str | None]) -> None:
    """Move lines from the pipe to the queue, for a pipe cannot be read with a limit. None: the process has ended."""
    with contextlib.suppress(ValueError):  # Closed while we were reading.
        for line in pipe:
            answers.put(line)
    answers.put(None)


def _last_line(noise: IO[bytes] | None) -> str:
    if noise is None:
        return ""
    noise.seek(0, os.SEEK_END)
    noise.seek(max(0, noise.tell() - 2000))
    lines = noise.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _left_behind(job: Job) -> Path | None:
    """The newest trace file of a job that could not tell where it is."""
    if job.out is None or not job.out.is_dir():
        return None
    files = sorted(job.out.glob(f"{job.recording}-*.json"))
    return files[-1] if files else None
