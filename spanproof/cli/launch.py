"""Run a program under the recorder and end as it ends.

The recording stops in a handler at exit that is registered before the program's own: it runs after them, and after the
interpreter has waited for the program's threads, so the record reaches as far as the program did.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .. import terminal
from . import failure, program, uncaught
from .target import Target

if TYPE_CHECKING:
    from ..instrument.attach import Session


@dataclass(slots=True)
class Launch:
    """A program that is ready to start.

    Attributes:
        check: judge the recording at the end; a clean program's status is then the verdict's.
        options: more of what `spanproof.start` takes.
        status: exit status so far.
        killed_by: the signal to die by in the end, so that the caller of `spanproof trace` sees what it would see of the program.
    """

    target: Target
    out: Path
    name: str
    check: bool = False
    check_options: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    status: int = 0
    killed_by: signal.Signals | None = None
    session: Session | None = None
    home: Path = field(default_factory=Path.cwd)
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    owner: int = field(default_factory=os.getpid)
    own_path: str = field(default_factory=lambda: str(Path(__file__).resolve().parents[2]))

    def run(self) -> None:
        """Start the recorder, run the program, return or raise SystemExit as it does."""
        # Before the program's folder comes first on sys.path: a file of its own may be called like a library that we need.
        from ..instrument.attach import SessionError, start
        from ..instrument.exporting import EndpointError

        atexit.register(self._at_exit)
        program.enter(self.target)
        try:
            self.session = start(self.out, name=self.name, **self.options)
        except EndpointError as error:
            terminal.complain(f"Error: {error}")
            sys.exit(failure.NEVER_STARTED)
        except SessionError:
            terminal.complain(
                "Error: this process is recorded already, for instance by `opentelemetry-instrument`. Leave one of the two out: with "
                "SPANPROOF_TRACES=DIR `opentelemetry-instrument` writes a trace too; with "
                "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=spanproof it leaves recording to `spanproof trace`."
            )
            sys.exit(failure.NEVER_STARTED)
        except Exception as error:  # noqa: BLE001 - told as what it is: a defect of ours, in one line
            failure.tell_defect(error, "the recorder could not start, so the program was not run")
            sys.exit(failure.NEVER_STARTED)
        self.session.at_signal = self._at_signal
        try:
            program.execute(self.target)
        except SystemExit as end:
            self.status = status_of(end.code)
            raise
        except KeyboardInterrupt as interrupt:
            self.status, self.killed_by = failure.INTERRUPTED, signal.SIGINT
            uncaught.show(interrupt)
        except BaseException as error:  # noqa: BLE001  # told exactly as the interpreter would tell it
            self.status = 1
            uncaught.show(error)
        if self.status:
            sys.exit(self.status)

    def _at_exit(self) -> None:
        if os.getpid() != self.owner or self.session is None:
            return
        try:
            verdict = self._conclude(self.session)
        except KeyboardInterrupt:
            verdict, self.killed_by = failure.INTERRUPTED, signal.SIGINT
        flush_streams()
        if self.killed_by is not None:
            die_by(self.killed_by)
        if self.check and not self.status and verdict:
            # A handler at exit has no other way to choose the status, and nothing of the program's is left to run.
            os._exit(verdict)

    def _at_signal(self) -> None:
        """The program ends itself by a signal, as servers do when they have shut down; no handler at exit will run."""
        if self.session is not None:
            with contextlib.suppress(Exception):
                self._conclude(self.session)

    def _conclude(self, session: Session) -> int:
        """Close the recording, judge it when that was asked for, and say what comes next. Returns the verdict's exit code."""
        from ..instrument.attach import stop

        stop("process")  # does nothing when the recorder's own handler was here before
        file = session.path
        flush_streams()
        if file is None:
            terminal.complain("Nothing was recorded; the recorder could write neither to the folder nor to a temporary one.")
            return failure.UNUSABLE
        files = session.files
        verdict = self._judge(files) if self.check else 0
        terminal.next_command("show" if self.check else "check", *(terminal.shortest(file, self.home) for file in files))
        return verdict

    def _judge(self, files: Sequence[Path]) -> int:
        """Run `check` in a process of its own: this one belongs to the program, which may have changed anything in it.

        The report goes to stderr, for stdout is the program's.
        """
        start = "import sys; sys.path.append(sys.argv.pop(1)); from spanproof.__main__ import main; main()"
        command = [sys.executable, "-P", "-c", start, self.own_path, "check", *self.check_options, *map(str, files)]
        sys.stderr.flush()
        return subprocess.run(command, cwd=self.home, env=self.environ, stdout=sys.__stderr__, check=False).returncode


def status_of(code: object) -> int:
    """The exit status that the interpreter makes of `SystemExit.code`."""
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def flush_streams() -> None:
    """Write what is buffered. Streams may be closed, replaced, or lead to a reader that went away."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def die_by(number: signal.Signals) -> NoReturn:
    """End by the signal itself, so that our caller sees the same as the program's would."""
    flush_streams()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # where the signal is blocked


def exit_code(code: object, arguments: Sequence[str]) -> int:
    """The exit code when no program was prepared: as the parser chose it, but 125 when `trace` was wanted and refused."""
    wanted = next((word for word in arguments if not word.startswith("-")), "")
    refused = wanted == "trace" and code not in {0, None, failure.INTERRUPTED}
    return failure.NEVER_STARTED if refused else status_of(code)


class _Prepared:
    launch: Launch | None = None


def prepare(launch: Launch) -> None:
    """Hand a launch over to `__main__`, which runs it when the parser has gone."""
    _Prepared.launch = launch


def prepared() -> Launch | None:
    """The launch that `trace` prepared, if it did; once, for the traced program may be this command itself."""
    launch, _Prepared.launch = _Prepared.launch, None
    return launch
