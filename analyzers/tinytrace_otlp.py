"""Expands a line of the tiny language (`tinytrace.py`) to a trace file of format 1, as the recorder would have written it."""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

from ..instrument import vocabulary as v
from .header import SEAMS
from .tinytrace import Deadline, Recording, Request, TinyTraceError, Unit, ns, parse
from .tinytrace_facts import EPOCH, timed

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM, _RECORDING = "f" * 15 + "e", "f" * 15 + "f"
_HOW: Final = {"raised": "raised", "timed_out": "timed_out", "cut": "cancelled"}
# Of what happens at one instant: what stands on units that are there, their ends, then starts and what stands on those.
_EVENT, _END, _START, _NEW_EVENT, _NEW_END = range(5)


def span_ids(text: str) -> dict[str, str]:
    """The span id of each unit of the line, by its name."""
    return {key: f"{number:016x}" for number, key in enumerate(parse(text).units, 1)}


def write(path: Path, text: str) -> Path:
    """Write the line as a trace file; returns its path."""
    path.write_text(expand(text), encoding="utf-8")
    return path


def expand(text: str) -> str:
    """The line as OTLP/JSON Lines of format 1."""
    return Expansion(parse(text)).lines()


class Expansion:
    """The moments of a line, in order; each unit's are turned into a span when all have their number."""

    def __init__(self, recording: Recording) -> None:
        self.units = recording.units
        self.about = recording.about
        self.ids = {key: f"{number:016x}" for number, key in enumerate(self.units, 1)}
        self.moments: list[tuple[int, int, int, str, str, dict[str, Any]]] = []
        self.times: list[int] = []
        self.of_unit: dict[str, list[tuple[int, int, str, dict[str, Any]]]] = {key: [] for key in self.units}
        self.depths: dict[str, int] = {}
        self.roots: dict[str, int] = {}
        self.request_id = 100
        self.numbers: dict[tuple[str, str, str], int] = {}
        self.until = self._until()

    def lines(self) -> str:
        for unit in self.units.values():
            self._life(unit)
        self._registrations()
        for unit in self.units.values():
            self._facts(unit)
        self.moments.sort(key=lambda moment: moment[:3])
        self.times = [moment[0] for moment in self.moments]
        for seq, (time, _, _, key, name, attributes) in enumerate(self.moments, 2):
            self.of_unit[key].append((seq, time, name, attributes))
        spans = [*(self._span(unit) for unit in self.units.values()), self._program(), self._recording()]
        return "".join(self._line(span) for span in spans)

    # --- moments ---

    def _until(self) -> int:
        if "until" in self.about:
            return ns(self.about["until"])
        times = [time for unit in self.units.values() for time in (unit.start, unit.end or 0, *(r.at for r in unit.requests))]
        times += [ns(value) for name, value in self.about.items() if name.endswith(("closed", "closing"))]
        return max(times, default=0)

    def at(self, unit: Unit, time: int, event: str, **attributes: Any) -> None:
        phase = _NEW_EVENT if time == unit.start else _EVENT
        self.moments.append((time, phase, len(self.moments), unit.key, event, attributes))

    def _life(self, unit: Unit) -> None:
        started = unit.kind in ("task", "stage") and "never" not in unit.marks and unit.outcome not in ("skipped", "short_circuited")
        self.moments.append((unit.start, _START, len(self.moments), unit.key, "+", {"started": started}))
        if unit.end is not None:
            depth = self._depth(unit)
            phase = _NEW_END if unit.end == unit.start else _END
            self.moments.append((unit.end, phase, -depth, unit.key, "-", {}))

    def _depth(self, unit: Unit) -> int:
        """How many units are above it."""
        way: list[Unit] = []
        while unit.key not in self.depths and unit.parent is not None:
            way.append(unit)
            unit = self.units[unit.parent]
        depth = self.depths.setdefault(unit.key, 0)
        for below in reversed(way):
            depth += 1
            self.depths[below.key] = depth
        return depth

    def _above(self, unit: Unit) -> list[Unit]:
        way: list[Unit] = []
        while unit.parent is not None:
            unit = self.units[unit.parent]
            way.append(unit)
        return way

    def id(self, name: str) -> str:
        try:
            return self.ids[name]
        except KeyError:
            raise TinyTraceError(f"{name!r} is no unit of the line. Units: {', '.join(self.ids)}.") from None

    def run(self, unit: Unit) -> str | None:
        return next((self.ids[u.key] for u in (unit, *self._above(unit)) if u.kind == "pipeline"), None)

    def number(self, kind: str, owner: str, what: str) -> int:
        """The number in the process of what is called so: the same each time that it is asked for."""
        return self.numbers.setdefault((kind, owner, what), len(self.numbers) + 1)

    def _registrations(self) -> None:
        for unit in self.units.values():
            for fact in unit.timed:
                if fact.name in ("reg", "unreg", "drop"):
                    timed(self, unit, fact)

    def _facts(self, unit: Unit) -> None:
        for deadline in unit.deadlines:
            self._deadline(unit, deadline)
        for request in unit.requests:
            self._request(unit, request)
        for time in unit.borrowed:
            self.at(unit, time, v.CANCEL_DELIVERED, **{v.DELIVERY_REQUESTS: [], v.DELIVERY_BORROWED: True})
        for fact in unit.timed:
            if fact.name not in ("reg", "unreg", "drop"):
                timed(self, unit, fact)
        for end, length, more in unit.blocks:
            about: dict[str, Any] = {v.BLOCKED_NS: ns(length.removesuffix("!")), v.BLOCKED_STALLED: length.endswith("!")}
            if "cpu" in more:
                about[v.BLOCKED_CPU_NS] = ns(more["cpu"])
            if "starved" in more:
                about[v.BLOCKED_STARVED_NS] = ns(more["starved"])
            self.at(unit, ns(end), v.LOOP_BLOCKED, **about)
        if unit.kind == "cleanup":
            self._cleanup(unit)

    def _deadline(self, unit: Unit, deadline: Deadline) -> None:
        mechanism = deadline.mechanism or ("stageflow" if unit.kind == "stage" else "timeout")
        number = len(self.moments)
        self.at(unit, unit.start, v.DEADLINE_SET, **{
            v.DEADLINE_ID: number,
            v.DEADLINE_AT: None if deadline.at is None else EPOCH + deadline.at,
            v.DEADLINE_TIMEOUT: None if deadline.at is None else deadline.at - unit.start,
            v.DEADLINE_MECHANISM: mechanism,
            v.DEADLINE_CONFIGURED: deadline.more.get("conf"),
            v.DEADLINE_SOURCE: deadline.more.get("source"),
        })  # fmt: skip
        if deadline.at is None:
            return
        if deadline.fired is not None:
            self.at(unit, deadline.fired, v.DEADLINE_EXPIRED, **{v.DEADLINE_ID: number, v.DEADLINE_AT: EPOCH + deadline.at})
        off = deadline.off if deadline.off is not None else unit.end
        if off is not None:
            state = "expired" if deadline.fired is not None else "disarmed"
            self.at(unit, off, v.DEADLINE_DISARMED, **{v.DEADLINE_ID: number, v.DEADLINE_SCOPE_STATE: state})

    def _request(self, unit: Unit, request: Request) -> None:
        self.request_id += 1
        number = request.id if request.id is not None else self.request_id
        self.at(unit, request.at, v.CANCEL_REQUESTED, **{
            v.REQUEST_ID: number,
            v.REQUEST_MECHANISM: request.mechanism,
            v.REQUEST_BY: self.id(request.by) if request.by else None,
            v.REQUEST_VIA: request.via,
            v.REQUEST_ADDRESSEE: self.id(request.to or unit.key),
            v.REQUEST_LIVE: request.live,
            v.REQUEST_STARTED: "never" in unit.marks,
        })  # fmt: skip
        if request.withdrawn is not None:
            self.at(unit, request.withdrawn, v.CANCEL_WITHDRAWN, **{v.REQUEST_ID: number})
        if request.told is not None:
            self.at(unit, request.told, v.CANCEL_DELIVERED, **{v.DELIVERY_REQUESTS: [number], v.DELIVERY_BORROWED: False})
        if request.consumed is not None:
            by = "taskgroup" if request.mechanism == "taskgroup" else "timeout"
            self.at(unit, request.consumed, v.CANCEL_CONSUMED, **{v.DELIVERY_REQUESTS: [number], v.CONSUMED_BY: by})
        if request.swallowed is not None and unit.end is not None:
            self.at(unit, unit.end, v.CANCEL_SWALLOWED, **{v.DELIVERY_REQUESTS: [number], v.SWALLOWED_HOW: request.swallowed})

    def _cleanup(self, unit: Unit) -> None:
        number = self._cleanup_id(unit)
        budget = unit.values.get("budget")
        self.at(unit, unit.start, v.CLEANUP_STARTED, **{
            v.CLEANUP_ID: number,
            v.CLEANUP_REGISTRY: self.number("registry", self._cleanup_run(unit) or "", ""),
            v.CLEANUP_NAME: unit.name,
            v.CLEANUP_RUN: self._cleanup_run(unit),
            v.CLEANUP_RUNNER: self.run(unit),
            v.CLEANUP_BUDGET: ns(budget) if budget else None,
        })  # fmt: skip
        failure = next((how for mark, how in _HOW.items() if mark in unit.marks), None)
        if unit.end is not None and failure:
            self.at(
                unit,
                unit.end,
                v.CLEANUP_FAILED,
                **{v.CLEANUP_ID: number, v.CLEANUP_FAILURE: failure, v.REPORT_ERROR_TYPE: unit.values.get("fail")},
            )
        elif unit.end is not None:
            self.at(unit, unit.end, v.CLEANUP_FINISHED, **{v.CLEANUP_ID: number})

    def _cleanup_run(self, unit: Unit) -> str | None:
        """The run whose registration a cleanup unit runs: the one around it, unless `of=` names another."""
        return self.id(unit.values["of"]) if "of" in unit.values else self.run(unit)

    def _cleanup_id(self, unit: Unit) -> int:
        return self.number("cleanup", self._cleanup_run(unit) or "", unit.name)

    def _unread(self) -> list[tuple[int, dict[str, Any]]]:
        """When and of which unit it is said that nobody looked at its error, or nobody so far."""
        return [
            (unit.end, {v.UNREAD_SPAN: self.ids[unit.key], v.UNREAD_SO_FAR: "unreadyet" in unit.marks or None})
            for unit in self.units.values()
            if unit.marks & {"unread", "unreadyet"} and unit.end is not None
        ]

    # --- spans ---

    def _span(self, unit: Unit) -> dict[str, Any]:
        events: list[dict[str, Any]] = []
        life: dict[str, Any] = {}
        for seq, time, name, attributes in self.of_unit[unit.key]:
            if name == "+":
                life[v.START_SEQ] = seq
                if attributes["started"]:
                    events.append(_event(v.STARTED, time, seq, {}))
            elif name == "-":
                life[v.END_SEQ] = seq
            else:
                # The order of a wait's end: the last moment at or before it.
                end = attributes.get(v.AWAIT_END_NS)
                more = {} if end is None else {v.AWAIT_END_SEQ: self._seq_at(end - EPOCH)}
                events.append(_event(name, time, seq, attributes | more))
        return {
            "traceId": self._trace_id(self._root(unit)),
            "spanId": self.ids[unit.key],
            **({"parentSpanId": self.ids[unit.parent]} if unit.parent else {}),
            "name": unit.span_name,
            "kind": 1,
            "startTimeUnixNano": str(EPOCH + unit.start),
            **({"endTimeUnixNano": str(EPOCH + unit.end)} if unit.end is not None else {}),
            "attributes": _attributes(self._about(unit, life)),
            "events": events,
        }

    def _root(self, unit: Unit) -> int:
        """Number of the unit that its trace begins with."""
        way = [unit]
        while way[-1].key not in self.roots and (parent := way[-1].parent) is not None:
            way.append(self.units[parent])
        root = self.roots.setdefault(way[-1].key, int(self.ids[way[-1].key], 16))
        self.roots |= dict.fromkeys((each.key for each in way), root)
        return root

    def _trace_id(self, number: int) -> str:
        """Of the trace that begins with the unit of that number; `%n=7` keeps several lines apart."""
        return f"{int(self.about.get('n', '0')):016x}{number:016x}"

    def _seq_at(self, time: int) -> int:
        return bisect_right(self.times, time) + 1

    def _about(self, unit: Unit, life: dict[str, Any]) -> dict[str, Any]:
        if unit.kind is None:
            return {}
        creator = unit.values.get("creator", unit.parent or "")
        reports = [fact.what.partition("/") for fact in unit.timed if fact.name == "r"]
        armed = [(deadline, deadline.at) for deadline in unit.deadlines if deadline.at is not None]
        last, due = armed[-1] if armed else (None, 0)
        stage = unit.kind == "stage"
        return {
            v.UNIT: unit.kind,
            v.REV: 1,
            v.CLOCK: "virtual" if "virtual" in self.about else "monotonic",
            v.LOOP: int(unit.values.get("loop", "1")),
            **life,
            v.OUTCOME: unit.outcome if unit.end is not None else None if "torn" in self.about else "unfinished",
            v.ERROR_TYPE: unit.values.get("fail"),
            v.EXCEPTION_MESSAGE: unit.values.get("msg"),
            v.REPORTED_OUTCOME: reports[-1][2] if reports else None,
            v.REPORTED_BY: reports[-1][0] if reports else None,
            v.CREATOR: self.id(creator) if creator else None,
            v.GROUP_OWNER: self.id(unit.values["group"]) if "group" in unit.values else None,
            v.MAIN: "main" in unit.marks or None,
            v.DETACHED: "detached" in unit.marks or None,
            v.SHIELDED: "shielded" in unit.marks or None,
            v.USER_CALLBACK: "callback" in unit.marks or None,
            v.STAGE: unit.name if stage else None,
            v.STAGE_DEPENDENCIES: [d for d in unit.values.get("deps", "").split("+") if d] if stage else None,
            v.ATTEMPT: unit.attempt if stage else None,
            v.PIPELINE: unit.name if unit.kind == "pipeline" else None,
            v.PIPELINE_STAGES: unit.values["stages"].split("+") if "stages" in unit.values else None,
            v.PIPELINE_EDGES: unit.values["edges"].split("+") if "edges" in unit.values else None,
            v.CODE_FILE: unit.values.get("file"),
            v.CODE_FUNCTION: unit.values.get("func"),
            v.CODE_LINE: int(unit.values["line"]) if "line" in unit.values else None,
            v.CLEANUP_ID_SPAN: self._cleanup_id(unit) if unit.kind == "cleanup" else None,
            v.DEADLINE_NS: EPOCH + due if last else None,
            v.TIMEOUT_NS: due - unit.start if last else None,
            v.DEADLINE_STATE: ("expired" if last.fired is not None else "armed" if unit.end is None else "disarmed") if last else None,
        }

    def _program(self) -> dict[str, Any]:
        events = [_event(v.LOOP_OPENED, 0, 1, {v.LOOP_NUMBER: 1})]
        events += [
            _event(event, ns(when), self._seq_at(ns(when)), {v.LOOP_NUMBER: loop})
            for name, event in (("closing", v.LOOP_CLOSING), ("closed", v.LOOP_CLOSED))
            for loop in (1, 2)
            if (when := self.about.get(name if loop == 1 else f"loop{loop}{name}"))
        ]
        events += [_event(v.EXCEPTION_UNREAD, when, self._seq_at(when), about) for when, about in self._unread()]
        ended = "torn" not in self.about and "session" not in self.about
        about = {v.UNIT: "program", v.REV: 1, v.CLOCK: "monotonic", v.START_SEQ: 0, v.END_SEQ: len(self.moments) + 3 if ended else None}
        return {
            "traceId": self._trace_id(2**64 - 1), "spanId": _PROGRAM, "name": "program tiny", "kind": 1,
            "startTimeUnixNano": str(EPOCH), **({"endTimeUnixNano": str(EPOCH + self.until)} if ended else {}),
            "attributes": _attributes(about), "events": events,
        }  # fmt: skip

    def _recording(self) -> dict[str, Any]:
        ended_by = None if "torn" in self.about else "session" if "session" in self.about else "process"
        virtual = EPOCH + self.until if "virtual" in self.about else None
        about = {
            v.UNIT: "recording", v.REV: 1, v.TICK_NS: EPOCH + self.until, v.VIRTUAL_TICK_NS: virtual, v.TICK_SEQ: len(self.moments) + 3,
            v.DROPPED: int(self.about.get("dropped", "0")), v.ENDED_BY: ended_by,
        }  # fmt: skip
        return {
            "traceId": self._trace_id(2**64 - 1), "spanId": _RECORDING, "name": "recording", "kind": 1,
            "startTimeUnixNano": str(EPOCH), "attributes": _attributes(about), "events": [],
        }  # fmt: skip

    def _line(self, span: dict[str, Any]) -> str:
        words = {"lost": "lost: it raised", "absent": "absent: not there", "partly": "held: without what it needs"}
        state = {self.about[name]: word for name, word in words.items() if name in self.about}
        resource = {
            v.RES_FORMAT: v.FORMAT,
            v.RES_VERSION: "0",
            v.RES_RECORDING: self.about.get("rec", f"tiny-{self.about.get('n', '0')}"),
            v.RES_SEAMS: [f"{seam}={state.get(seam, 'held')}" for seam in SEAMS],
            v.RES_SCENARIO: self.about.get("scenario"),
            v.RES_EXPECT: [self.about["expect"]] if "expect" in self.about else None,
            v.RES_LIBRARIES: [self.about.get("lib", "stageflow-core==1.2.0")],
            v.RES_SERVICE: "tiny",
            v.RES_PID: 1,
            v.RES_PYTHON: self.about.get("python", "3.13.1"),
        }
        spans = [{"scope": {"name": v.SCOPE_NAME}, "spans": [span]}]
        document = {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": spans}]}
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"


def _event(name: str, time: int, seq: int, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"timeUnixNano": str(EPOCH + time), "name": str(name), "attributes": _attributes({v.SEQ: seq, **attributes})}


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": str(key), "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}  # pyright: ignore[reportUnknownVariableType]
    return {"stringValue": str(value)}
