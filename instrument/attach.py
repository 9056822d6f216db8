"""Attach the recorder to this process, and take it off again.

One recording at a time: asyncio's `Task` and stageflow's functions are one per process, and so is who watches them.
"""

from __future__ import annotations

import atexit
import os
import platform
import sys
import uuid
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from . import awaiting, groups, monitoring, runners, scopes, stageflow, task
from . import vocabulary as v
from .frames import caller, site
from .patching import Patches
from .recorder import Recorder
from .sinks import Sink, TraceFile, Writer
from .sinks.file import MAX_BYTES
from .version import VERSION
from .watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from .records import Unit

WATCHED_LIBRARIES = ("stageflow-core", "anyio", "uvloop", "looptime", "opentelemetry-sdk")
"""Libraries whose versions go into the trace when they are installed."""

Delivery = Literal["auto", "monitoring", "probe"]


class SessionError(RuntimeError):
    """A session was started inside another one, or could not begin."""


class Session:
    """One attached recorder. Use `session`, or `start` and `stop`.

    Attributes:
        path: the file of the trace; None for a sink that is no file.
        recorder: the recorder.
        sink: where its units go.
    """

    def __init__(
        self,
        out: str | Path | None = None,
        *,
        name: str | None = None,
        resource: Mapping[str, str | int | list[str]] | None = None,
        sink: Sink | None = None,
        delivery: Delivery = "auto",
        max_bytes: int | None = None,
        seed: int | None = None,
    ) -> None:
        self.recorder = Recorder(seed=seed)
        self.begun_at = ""
        self._name = name or _program_name()
        self._delivery = delivery
        self._patches = Patches()
        self._tool: int | None = None
        self._watchdog = Watchdog()
        self._recording_id = uuid.uuid4().hex
        self._extra = dict(resource or {})
        self._file: TraceFile | None = None
        if sink is None:
            self._file = TraceFile(out, self._name, self._recording_id, max_bytes=MAX_BYTES if max_bytes is None else max_bytes)
            self._writer: Writer | None = Writer(self._file, self.recorder.recording, self.resource(), self.recorder.tick)
            self.sink: Sink = self._writer
        else:
            self._writer, self.sink = None, sink

    @property
    def path(self) -> Path | None:
        """The file that is being written."""
        return self._file.path if self._file is not None else None

    def resource(self) -> dict[str, str | int | list[str]]:
        """Attributes of the trace's resource, as of now."""
        return {
            v.RES_SERVICE: self._name,
            v.RES_FORMAT: v.FORMAT,
            v.RES_VERSION: VERSION,
            v.RES_RECORDING: self._recording_id,
            v.RES_PID: os.getpid(),
            v.RES_RUNTIME: platform.python_implementation().lower(),
            v.RES_PYTHON: platform.python_version(),
            v.RES_LIBRARIES: _library_versions(),
            v.RES_SEAMS: self.recorder.seams.described(),
            **self._extra,
        }

    # --- attach and detach ---------------------------------------------------------------------------------------

    def attach(self) -> None:
        """Install every seam and begin to record."""
        recorder = self.recorder
        recorder.program.name = f"program {self._name}"
        recorder.begin(self.sink)
        self._install()
        if self._writer is not None:
            self._writer.resource(self.resource())
            self._writer.start()
        recorder.on_fault = self._seams_changed

    def _install(self) -> None:
        recorder, patches = self.recorder, self._patches
        if self._delivery != "probe":
            self._tool = monitoring.install(recorder)
        if self._tool is None and self._delivery == "monitoring":
            raise SessionError("delivery='monitoring' needs Python 3.12 or later and a free sys.monitoring tool id; use 'auto'")
        recorder.deliver_by_probe = self._tool is None
        recorder.seams.delivery.install()
        task.install(recorder, patches)
        awaiting.install(recorder, patches)
        scopes.install(recorder, patches)
        groups.install(recorder, patches)
        runners.install(recorder, patches)
        stageflow.install(recorder, patches)
        recorder.watchdog = self._watchdog
        recorder.seams.watchdog.install()

    def _seams_changed(self) -> None:
        if self._writer is not None:
            self._writer.resource(self.resource())

    def detach(self, ended_by: v.EndedBy) -> None:
        """Put every original back and finish the trace. Later calls do nothing."""
        recorder = self.recorder
        if not recorder.alive:
            return
        recorder.alive = False
        task.activate(None)
        self._patches.restore()
        if self._tool is not None:
            monitoring.remove(self._tool)
        self._watchdog.stop()
        left = [unit for unit in recorder.open_units() if unit is not recorder.program]
        for unit in left:
            if unit.end_ns is None:
                unit.attrs[v.OUTCOME] = "unfinished"
        self._end_program(recorder.program)
        self.sink.close(ended_by, left)

    def _end_program(self, program: Unit) -> None:
        recorder = self.recorder
        program.end_ns, program.end_seq = recorder.tick().now_ns, recorder.seq()
        program.attrs[v.END_SEQ] = program.end_seq
        program.attrs[v.OUTCOME] = "completed"
        recorder.release(program)


_session: Session | None = None


def active() -> Recorder | None:
    """The recorder that is attached now."""
    return _session.recorder if _session is not None else None


def start(
    out: str | Path | None = None,
    *,
    name: str | None = None,
    resource: Mapping[str, str | int | list[str]] | None = None,
    sink: Sink | None = None,
    delivery: Delivery = "auto",
    max_bytes: int | None = None,
    seed: int | None = None,
) -> Session:
    """Begin to record this process, until `stop` or its end.

    Args:
        out: folder for the trace; None: SPANPROOF_TRACES, `[tool.spanproof] traces`, else `./traces`.
        name: name of the program; None: its script.
        resource: more attributes for the trace's resource.
        sink: where units go instead of a file.
        delivery: how deliveries are seen; `auto` takes `sys.monitoring` where there is one and a tool id is free.
        max_bytes: limit for the trace's size on disk.
        seed: makes ids repeatable; for tests.

    Raises:
        SessionError: a session is there already.
    """
    global _session  # noqa: PLW0603 - one recording a process, see the module's first words
    if _session is not None and _session.recorder.alive:
        raise SessionError(
            f"a session is already recording (started at {_session.begun_at or 'an unknown place'}). "
            "Wrong: session() inside session(). Right: one session around the whole run."
        )
    made = Session(out, name=name, resource=resource, sink=sink, delivery=delivery, max_bytes=max_bytes, seed=seed)
    where = site(caller(1))
    made.begun_at = f"{where[0]}:{where[1]}" if where is not None else ""
    try:
        made.attach()
    except BaseException:
        made.detach("session")
        raise
    _session = made
    atexit.register(_at_exit)
    return made


def stop(ended_by: v.EndedBy = "session") -> Path | None:
    """End the recording; returns the trace's file. Does nothing when none is running.

    `ended_by` says whether the process is over (`process`) or the program goes on (`session`): what is still open then is
    unfinished in both cases, and leaked only in the first.
    """
    global _session
    ending, _session = _session, None
    if ending is None:
        return None
    atexit.unregister(_at_exit)
    ending.detach(ended_by)
    return ending.path


def _at_exit() -> None:
    stop("process")


@contextmanager
def session(
    out: str | Path | None = None,
    *,
    name: str | None = None,
    resource: Mapping[str, str | int | list[str]] | None = None,
    sink: Sink | None = None,
    delivery: Delivery = "auto",
    max_bytes: int | None = None,
    seed: int | None = None,
) -> Generator[Session]:
    """Record what runs inside the block; arguments as for `start`."""
    made = start(out, name=name, resource=resource, sink=sink, delivery=delivery, max_bytes=max_bytes, seed=seed)
    try:
        yield made
    finally:
        if _session is made:
            stop("session")


def _program_name() -> str:
    script = sys.argv[0] if sys.argv else ""
    return Path(script).stem or "python"


def _library_versions() -> list[str]:
    found: list[str] = []
    for name in WATCHED_LIBRARIES:
        try:
            found.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found
