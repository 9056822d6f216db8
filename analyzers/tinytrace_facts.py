"""The facts of the tiny language that have a time, as the events that the recorder would have written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from ..instrument import vocabulary as v
from .tinytrace import TinyTraceError, ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from .tinytrace import Timed, Unit

EPOCH: Final = 1_700_000_000_000_000_000
"""Time 0 of every line, in ns since the Unix epoch."""


class Line(Protocol):
    """What a fact needs of the line that it stands in."""

    def at(self, unit: Unit, time: int, event: str, **attributes: Any) -> None:
        """Note an event of a unit."""
        ...

    def id(self, name: str) -> str:
        """Span id of the unit that is called so."""
        ...

    def run(self, unit: Unit) -> str | None:
        """Span id of the run that a unit is in."""
        ...

    def number(self, kind: str, owner: str, what: str) -> int:
        """Number in the process of what is called so."""
        ...


def timed(line: Line, unit: Unit, fact: Timed) -> None:
    """Note the events of one fact."""
    _WRITERS[fact.name](line, unit, fact)


def _awaits(line: Line, unit: Unit, fact: Timed) -> None:
    how, _, group = fact.kind.partition("#")
    line.at(unit, fact.begin, v.AWAITS, **{
        v.AWAIT_TARGETS: [line.id(fact.what)],
        v.AWAIT_HOW: how or "await",
        v.AWAIT_GROUP: int(group) if group else None,
        v.AWAIT_END_NS: None if fact.end is None else EPOCH + fact.end,
        v.AWAIT_ENDED_BY: fact.more.get("by"),
    })  # fmt: skip


def _reported(line: Line, unit: Unit, fact: Timed) -> None:
    channel, _, outcome = fact.what.partition("/")
    line.at(unit, fact.begin, v.REPORTED, **{
        v.REPORT_CHANNEL: channel,
        v.REPORT_OUTCOME: outcome,
        v.REPORT_STATUS: fact.more.get("status"),
        v.REPORT_STAGE: fact.more.get("stage"),
        v.REPORT_ERROR: fact.more["error"].replace("~", " ") if "error" in fact.more else None,
        v.REPORT_ERROR_TYPE: fact.more.get("type"),
        v.REPORT_RESULTS: [name for name in fact.more["results"].split(";") if name] if "results" in fact.more else None,
        v.REPORT_SHORT_CUT_BY: fact.more.get("by"),
        v.REPORT_HAS_DATA: "data" in fact.more,
    })  # fmt: skip


def _flagged(line: Line, unit: Unit, fact: Timed) -> None:
    run = line.id(fact.what)
    about = {v.FLAG_ID: line.number("flag", run, ""), v.FLAG_RUN: run, v.FLAG_MECHANISM: fact.kind or "mark_canceled"}
    line.at(unit, fact.begin, v.CANCEL_FLAGGED, **about, **{v.FLAG_BY: line.id(fact.more["by"]) if "by" in fact.more else None})


def _read(line: Line, unit: Unit, fact: Timed) -> None:
    run = line.id(fact.what)
    about = {v.FLAG_ID: line.number("flag", run, ""), v.FLAG_RUN: run, v.FLAG_READER: line.id(unit.key)}
    line.at(unit, fact.begin, v.CANCEL_FLAG_READ, **about)


def _registered(line: Line, unit: Unit, fact: Timed) -> None:
    run = line.run(unit)
    about: dict[str, Any] = {
        v.CLEANUP_ID: line.number("cleanup", run or "", fact.what),
        v.CLEANUP_REGISTRY: line.number("registry", run or "", ""),
    }
    if fact.name == "unreg":
        line.at(unit, fact.begin, v.CLEANUP_UNREGISTERED, **about)
        return
    about |= {v.CLEANUP_NAME: fact.what, v.CLEANUP_RUN: run, v.CLEANUP_REGISTRAR: line.id(unit.key)}
    if fact.name == "drop":
        del about[v.CLEANUP_REGISTRY]
    line.at(unit, fact.begin, v.CLEANUP_DROPPED if fact.name == "drop" else v.CLEANUP_REGISTERED, **about)


def _held(line: Line, unit: Unit, fact: Timed) -> None:
    about = {
        v.RESOURCE_ID: line.number("resource", unit.key, f"{fact.what}@{fact.begin}"),
        v.RESOURCE_NAME: fact.what,
        v.RESOURCE_KIND: fact.kind or "declared",
    }
    line.at(unit, fact.begin, v.RESOURCE_ACQUIRED, **about)
    if "to" in fact.more:
        when = ns(fact.more["at"]) if "at" in fact.more else fact.begin
        line.at(unit, when, v.RESOURCE_TRANSFERRED, **about, **{v.RESOURCE_TO: line.id(fact.more["to"])})
    if fact.end is not None:
        how = fact.more.get("how", None if (fact.kind or "declared") == "declared" else "closed")
        line.at(unit, fact.end, v.RESOURCE_RELEASED, **about, **{v.RESOURCE_HOW: how})


def _generated(line: Line, unit: Unit, fact: Timed) -> None:
    about = {v.GENERATOR_ID: line.number("generator", unit.key, f"{fact.what}@{fact.begin}"), v.GENERATOR_NAME: fact.what}
    own = line.id(unit.key)
    line.at(unit, fact.begin, v.GENERATOR_OPENED, **about, **{v.GENERATOR_BY: own})
    if "last" in fact.more:
        if "lastat" not in fact.more:
            raise TinyTraceError(f"gen={fact.what} of {unit.key}: `+last={fact.more['last']}` needs `+lastat=` and a time.")
        line.at(unit, ns(fact.more["lastat"]), v.GENERATOR_ITERATED, **about, **{v.GENERATOR_BY: line.id(fact.more["last"])})
    if fact.end is not None:
        by = fact.more.get("by", unit.key)
        closed = {v.GENERATOR_BY: line.id(by) if by else None, v.GENERATOR_HOW: fact.kind or "exhausted"}
        line.at(unit, fact.end, v.GENERATOR_CLOSED, **about, **closed)


def _threaded(line: Line, unit: Unit, fact: Timed) -> None:
    about = {v.THREAD_ID: line.number("thread", unit.key, f"{fact.what}@{fact.begin}"), v.THREAD_NAME: fact.what}
    line.at(unit, fact.begin, v.THREAD_STARTED, **about, **{v.THREAD_EXECUTOR: fact.kind or "to_thread", v.THREAD_CLOCK: "monotonic"})
    if fact.end is not None:
        ended = {v.THREAD_OUTCOME: fact.more.get("outcome", "completed"), v.THREAD_CLOCK: "monotonic"}
        line.at(unit, fact.end, v.THREAD_FINISHED, **about, **ended)


def _produced(line: Line, unit: Unit, fact: Timed) -> None:
    line.at(unit, fact.begin, v.OUTPUT_PRODUCED, **{v.OUTPUT_STATUS: fact.what, v.OUTPUT_HAS_DATA: "nodata" not in fact.more})


def _checkpointed(line: Line, unit: Unit, fact: Timed) -> None:
    event = {
        "save": v.CHECKPOINT_SAVED, "load": v.CHECKPOINT_LOADED, "miss": v.CHECKPOINT_MISSED, "gone": v.CHECKPOINT_DROPPED,
    }[fact.name]  # fmt: skip
    line.at(unit, fact.begin, event, **{v.CHECKPOINT_KEY: fact.what, v.CHECKPOINT_STORE: fact.kind or "memory"})


def _beat(line: Line, unit: Unit, fact: Timed) -> None:
    line.at(unit, fact.begin, v.HEARTBEAT, **{v.HEARTBEAT_TIMEOUT: ns(fact.what) if fact.what else None})


def _round(line: Line, unit: Unit, fact: Timed) -> None:
    numbers = {
        v.ROUND_MEMORY: "memory", v.ROUND_DESCRIPTORS: "descriptors", v.ROUND_WATCHED: "watched", v.ROUND_ALIVE: "alive",
    }  # fmt: skip
    about: dict[str, Any] = {key: int(fact.more[word]) for key, word in numbers.items() if word in fact.more}
    if "took" in fact.more:
        about |= {v.ROUND_TOOK: ns(fact.more["took"]), v.ROUND_ARMED: "armed" in fact.more}
    line.at(unit, fact.begin, v.ROUND, **{v.ROUND_NAME: fact.what}, **about)


_WRITERS: Final[dict[str, Callable[[Line, Unit, Timed], None]]] = {
    "w": _awaits, "r": _reported, "flag": _flagged, "read": _read, "reg": _registered, "unreg": _registered, "drop": _registered,
    "hold": _held, "gen": _generated, "thread": _threaded, "out": _produced, "save": _checkpointed, "load": _checkpointed,
    "miss": _checkpointed, "gone": _checkpointed, "beat": _beat, "round": _round,
}  # fmt: skip
