"""One recording of one process: its recorder, where its units go, and everything that it puts in place and takes away again."""

from __future__ import annotations

import os
import platform
import sys
import uuid
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from . import (
    anyio,
    awaiting,
    children,
    descriptors,
    ending,
    generators,
    groups,
    monitoring,
    runners,
    scopes,
    stageflow,
    task,
    threads,
    turns,
    unread,
)
from . import vocabulary as v
from .exporting import Endpoint, endpoint, resource_of_environment
from .foreign import Foreigners
from .loops import Loops
from .patching import Patches
from .recorder import Recorder
from .sinks import Sink, Tee, TraceFile, Writer
from .sinks.file import MAX_BYTES
from .sinks.placement import files_of
from .version import VERSION
from .watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import TracerProvider

    from .records import Unit
    from .sinks.otlp import OtlpExport

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
        export: what sends them to an OTLP endpoint; None: nothing does.
        at_signal: called when the recording was finished because the process is about to end itself by a signal.
    """

    def __init__(  # noqa: PLR0913 - the options of a recording, by keyword
        self,
        out: str | Path | None = None,
        *,
        name: str | None = None,
        resource: Mapping[str, str | int | list[str]] | None = None,
        sink: Sink | None = None,
        delivery: Delivery = "auto",
        max_bytes: int | None = None,
        sequential_ids: bool = False,
        otlp: str | None = None,
        otlp_protocol: str | None = None,
        provider: TracerProvider | bool | None = None,
        file: bool = True,
        recording_id: str | None = None,
    ) -> None:
        _refuse_what_cannot_be(name, max_bytes, provider)
        wanted = endpoint(otlp, otlp_protocol) if otlp is not None else None
        self.recorder = _recorder(provider=provider, sequential_ids=sequential_ids)
        self.begun_at = ""
        self.at_signal: Callable[[], None] | None = None
        self._name = name or _program_name()
        self._delivery = delivery
        self._patches = Patches()
        self._foreigners = Foreigners(self.recorder)
        self._loops = Loops(self.recorder, self._patches, self._foreigners)
        self._tool: int | None = None
        self._watchdog = Watchdog()
        self._unread: unread.Unread | None = None
        self._recording_id = recording_id or uuid.uuid4().hex
        self._extra = dict(resource or {})
        self._file: TraceFile | None = None
        self._writer: Writer | None = None
        self.export = self._exporting(wanted) if wanted is not None else None
        if sink is None and file:
            self._file = TraceFile(
                out,
                self._name,
                self._recording_id,
                max_bytes=MAX_BYTES if max_bytes is None else max_bytes,
                joins=recording_id is not None,
            )
            self._writer = Writer(self._file, self.recorder.recording, self.resource(), self.recorder.tick)
        places = (self._writer, sink, self.export, getattr(self.recorder, "live", None))
        sinks: list[Sink] = [place for place in places if place is not None]
        self._for_children: children.Plan | None = None
        if self._file is not None or self.export is not None:
            self._for_children = {
                "out": None if self._file is None else str(self._file.root),
                "name": self._name,
                "resource": self._extra,
                "delivery": delivery,
                "max_bytes": max_bytes,
                "otlp": otlp,
                "otlp_protocol": otlp_protocol,
                "file": self._file is not None,
                "recording_id": self._recording_id,
            }
        if not sinks:
            raise SessionError("file=False, and no other place for the recording. Expected one of sink, otlp, provider.")
        self.sink = sinks[0] if len(sinks) == 1 else Tee(sinks)

    def __repr__(self) -> str:
        return f"<Session {self._name!r} {'recording' if self.recorder.alive else 'over'}, {self.path or 'no file'}>"

    @property
    def path(self) -> Path | None:
        """The file that is being written."""
        return self._file.path if self._file is not None else None

    @property
    def files(self) -> list[Path]:
        """All files of the recording: parts, and those of child processes."""
        path = self.path
        if self._file is None or path is None:
            return []
        return files_of(self._file.root, self._recording_id) or [path]

    def resource(self) -> dict[str, str | int | list[str]]:
        """Attributes of the trace's resource, as of now."""
        return {
            v.RES_SERVICE: self._name,
            **resource_of_environment(),
            v.RES_FORMAT: v.FORMAT,
            v.RES_VERSION: VERSION,
            v.RES_RECORDING: self._recording_id,
            v.RES_PID: os.getpid(),
            v.RES_RUNTIME: platform.python_implementation().lower(),
            v.RES_PYTHON: platform.python_version(),
            v.RES_LIBRARIES: _library_versions(),
            v.RES_SEAMS: self.recorder.seams.described(),
            v.RES_ADOPTED: self._foreigners.adopted,
            **self._extra,
        }

    def unseen(self) -> list[str]:
        """What this recording cannot see, a sentence each: seams that did not hold, and what was before it."""
        told = [f"seam {text.replace('=', ': ', 1)}" for text in self.recorder.seams.described() if not text.endswith("=held")]
        if self._foreigners.adopted:
            told.append(
                f"{self._foreigners.adopted} tasks were running when the recording began: what they did until then, and who had asked "
                "them to stop, is not in it"
            )
        return told

    def _exporting(self, wanted: Endpoint) -> OtlpExport:
        from .sinks.otlp import OtlpExport

        recorder = self.recorder
        return OtlpExport(wanted, recorder.recording, self.resource, recorder.tick, elsewhere=lambda: str(self.path or ""))

    # --- attach and detach ---------------------------------------------------------------------------------------

    def attach(self) -> None:
        """Install every seam and begin to record."""
        recorder = self.recorder
        recorder.program.origin.name = f"program {self._name}"
        recorder.begin(self.sink)
        self._install()
        if self._writer is not None:
            self._writer.resource(self.resource())
            self._writer.start()
        if self.export is not None:
            self.export.start()
        recorder.on_fault = self._seams_changed
        if self._file is not None and self._for_children is not None:
            self._for_children["out"] = str(self._file.root)  # a temporary one where the wanted one cannot be written
        children.follow(self._for_children)

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
        generators.install(recorder, self._loops, self._tool)
        turns.install(recorder, self._loops)
        self._unread = unread.install(recorder, self._loops)
        threads.install(recorder, patches, self._loops)
        descriptors.install(recorder, patches)
        self._loops.install()
        generators.hook_running()
        runners.install(recorder, patches, self._loops)
        stageflow.install(recorder, patches)
        anyio.install(recorder, patches, self._loops)
        ending.install(patches, self._before_signal)
        recorder.watchdog = self._watchdog
        recorder.seams.watchdog.install()
        self._foreigners.adopt_running()

    def _before_signal(self) -> None:
        self.detach("process")
        if self.at_signal is not None:
            self.at_signal()

    def _seams_changed(self) -> None:
        if self._writer is not None:
            self._writer.resource(self.resource())

    def detach(self, ended_by: v.EndedBy) -> None:
        """Put every original back and finish the trace. Later calls do nothing."""
        recorder = self.recorder
        if not recorder.alive:
            return
        recorder.holds.finish(recorder.open_units(), recorder.now_on)
        if self._unread is not None:
            self._unread.finish(ended_by)
        children.unfollow()
        self.unhook()
        self._watchdog.stop()
        left = [unit for unit in recorder.open_units() if unit is not recorder.program]
        for unit in left:
            if unit.end_ns is None:
                unit.outcome = "unfinished"
        self._end_program(recorder.program)
        self.sink.close(ended_by, left)

    def unhook(self) -> None:
        """Put every original back."""
        recorder = self.recorder
        recorder.alive = False
        task.activate(None)
        self._loops.restore()
        self._patches.restore()
        self._foreigners.restore()
        generators.hook_running()
        if self._tool is not None:
            generators.remove(recorder)
            monitoring.remove(self._tool)

    def _end_program(self, program: Unit) -> None:
        recorder = self.recorder
        program.end_ns, program.end_seq = recorder.tick().now_ns, recorder.seq()
        program.outcome = "completed"
        recorder.release(program)


def _refuse_what_cannot_be(name: object, max_bytes: object, provider: object) -> None:
    """Tell it where the caller stands; later it would cost the recording, in another thread.

    Raises:
        SessionError: one of them is of another kind than it should be.
    """
    if not isinstance(name, str | None):
        raise SessionError(f"name={name!r} is no text. Expected a name such as 'nightly', or None for the script's.")
    if max_bytes is not None and (not isinstance(max_bytes, int) or max_bytes <= 0):
        raise SessionError(f"max_bytes={max_bytes!r}. Expected a number of bytes above 0, such as 500_000_000, or None for 1 GiB.")
    if not isinstance(provider, bool | None) and not hasattr(provider, "get_tracer"):
        raise SessionError(f"provider={provider!r} is no TracerProvider. Expected one, or True for the one that is set globally.")


def _recorder(*, provider: TracerProvider | bool | None, sequential_ids: bool) -> Recorder:
    if provider is None or provider is False:
        return Recorder(sequential_ids=sequential_ids)
    from opentelemetry.trace import get_tracer_provider

    from .live import LiveRecorder

    return LiveRecorder(get_tracer_provider() if provider is True else provider, sequential_ids=sequential_ids)


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
