"""Attach the recorder to this process, and take it off again.

One recording at a time: asyncio's `Task` and stageflow's functions are one per process, and so is who watches them.
"""

from __future__ import annotations

import atexit
from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import children
from . import vocabulary as v
from .frames import caller, site
from .recording import Delivery, Session, SessionError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from opentelemetry.trace import TracerProvider

    from .recorder import Recorder
    from .sinks import Sink

__all__ = ["Delivery", "Session", "SessionError", "abandon", "active", "current", "session", "start", "start_child", "stop"]

_session: Session | None = None


def active() -> Recorder | None:
    """The recorder that is attached now."""
    return _session.recorder if _session is not None else None


def current() -> Session | None:
    """The session that is recording now."""
    return _session


def start(  # noqa: PLR0913 - the options of a recording, by keyword
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
) -> Session:
    """Begin to record this process, until `stop` or its end.

    Args:
        out: folder for the trace; None: SPANPROOF_TRACES, `[tool.spanproof] traces`, else `./traces`.
        name: name of the program; None: its script.
        resource: more attributes for the trace's resource.
        sink: where units go instead of a file.
        delivery: how deliveries are seen; `auto` takes `sys.monitoring` where there is one and a tool id is free.
        max_bytes: limit for the trace's size on disk.
        sequential_ids: trace and span ids count from 1 instead of being random; for tests.
        otlp: URL of an OTLP endpoint to which each unit is sent too, once, when it has ended.
        otlp_protocol: `grpc` or `http`; None: what OTEL_EXPORTER_OTLP_*PROTOCOL or the port says.
        provider: the application's TracerProvider, which makes a live span of each unit; True: the one that is set globally.
        file: False: no trace file, only what the other arguments name.

    Raises:
        SessionError: a session is there already, the recording would go nowhere, or an argument is of the wrong kind.
        EndpointError: `otlp` cannot be used.
    """
    if _session is not None and _session.recorder.alive:
        raise SessionError(
            f"a session is already recording (started at {_session.begun_at or 'an unknown place'}). "
            "Wrong: session() inside session(). Right: one session around the whole run."
        )
    made = Session(
        out,
        name=name,
        resource=resource,
        sink=sink,
        delivery=delivery,
        max_bytes=max_bytes,
        sequential_ids=sequential_ids,
        otlp=otlp,
        otlp_protocol=otlp_protocol,
        provider=provider,
        file=file,
    )
    where = site(caller(1))
    made.begun_at = f"{where[0]}:{where[1]}" if where is not None else ""
    return _attach(made)


def start_child(plan: children.Plan) -> Session:
    """Begin to record this child of a recorded process, into a file of its own."""
    return _attach(Session(**plan))


def abandon() -> bool:
    """This is the child of a fork: the session is the parent's, and what it has put in place is taken away. False: there was none."""
    global _session
    left, _session = _session, None
    if left is None:
        return False
    atexit.unregister(_at_exit)
    left.unhook()
    return True


def _attach(made: Session) -> Session:
    global _session  # noqa: PLW0603 - one recording a process, see the module's first words
    # What waits in a child of a recorded process for its first loop would be taken for asyncio's own.
    children.unfollow()
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
def session(  # noqa: PLR0913 - the options of a recording, by keyword
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
) -> Generator[Session]:
    """Record what runs inside the block; arguments as for `start`."""
    made = start(
        out,
        name=name,
        resource=resource,
        sink=sink,
        delivery=delivery,
        max_bytes=max_bytes,
        sequential_ids=sequential_ids,
        otlp=otlp,
        otlp_protocol=otlp_protocol,
        provider=provider,
        file=file,
    )
    try:
        yield made
    finally:
        if _session is made:
            stop("session")
