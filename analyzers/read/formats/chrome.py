"""Chrome's trace event format, which Perfetto reads and profilers of many languages write."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from ..plain import label, plain_text
from ..shapes import MALFORMED, is_map, why
from .chrome_events import EVENTS, Events
from .chrome_flows import Flows
from .chrome_slices import ENDLESS, Ends, Point, Slice, nest
from .chrome_spans import PREFIX, Spans
from .chrome_times import duration_ns, instant_ns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..notes import Notes
    from ..opened import Opened
    from ..staging import Staging
    from .chrome_slices import Key, Texts

_MEMBER: Final = re.compile(rf'"{EVENTS}"\s*:'.encode())
_PHASE: Final = re.compile(rb'"ph"\s*:\s*"[A-Za-z(),=]"')
_USED: Final = frozenset(
    ("name", "cat", "ph", "ts", "dur", "pid", "tid", "args", "id", "id2", "scope", "bp", "bind_id", "flow_in", "flow_out", "s")
)
_ASYNC: Final = {"b": "b", "n": "n", "e": "e", "S": "b", "T": "n", "p": "n", "F": "e"}
"""What they mean; the upper-case ones and `p` are older."""
_NESTED: Final = frozenset("bne")
"""Of the others the name is part of what they are."""
_FLOW: Final = frozenset("stf")
_SPANS: Final = frozenset("XBEiIR") | _FLOW | frozenset(_ASYNC)
_OTHERS: Final = {
    "C": "counters",
    "P": "samples of a profiler",
    "N": "objects",
    "O": "objects",
    "D": "objects",
    "v": "dumps of memory",
    "V": "dumps of memory",
    "(": "contexts",
    ")": "contexts",
    "c": "synchronisations of clocks",
}


class Chrome:
    """Reads Chrome's trace event format: an object with `traceEvents`, an array of events with or without its end, events alone."""

    name = "chrome"

    def recognises(self, head: bytes) -> bool:
        """See `Format`."""
        return head[:1] in (b"{", b"[") and (_MEMBER.search(head) is not None or _PHASE.search(head) is not None)

    def read(self, source: Opened, staging: Staging, notes: Notes) -> None:
        """See `Format`. What a slice is in, and what a process is called, is known at the end of the file."""
        events = Events(source.stream, notes)
        reading = _Reading(notes)
        for event, line in events.all():
            try:
                reading.event(event, line)
            except MALFORMED as error:
                notes.add("an event is malformed", "it was left out", "data_loss", line=line, detail=why(error))
        slices = reading.settled()
        Spans(staging, notes, source.sha256()).all(slices, reading.processes, reading.threads, events.beside)


class _Reading:
    """The reading of one file.

    Attributes:
        processes: what is said of each process.
        threads: the name of each thread.
    """

    def __init__(self, notes: Notes) -> None:
        self.processes: defaultdict[str, Texts] = defaultdict(dict)
        self.threads: dict[Key, str] = {}
        self._notes = notes
        self._order = 0
        self._slices: list[Slice] = []
        self._nested: defaultdict[Key, list[Slice]] = defaultdict(list)
        """Slices of each thread."""
        self._points: defaultdict[Key, list[Point]] = defaultdict(list)
        """What happened in each thread."""
        self._paired: defaultdict[Key, list[Slice | Point]] = defaultdict(list)
        """Beginnings and ends of each thread."""
        self._operations: defaultdict[Key, list[Slice | Point]] = defaultdict(list)
        """Beginnings and ends of each asynchronous operation, and what happened in it."""
        self._known: dict[Key, Key] = {}
        """One object of each thread, since every slice keeps it."""
        self._names: dict[str, str] = {}
        """One object of each name."""
        self._flows = Flows(notes)
        self._others: Counter[str] = Counter()

    def event(self, event: dict[str, Any], line: int) -> None:
        """Take an event."""
        self._order += 1
        phase, thread = label(event.get("ph")), self._thread(event.get("pid"), event.get("tid"))
        if phase == "M":
            self._metadata(event, thread)
            return
        if phase not in _SPANS:
            self._others[_OTHERS.get(phase, f"events of the unknown phase {phase[:20]!r}")] += 1
            return
        time = instant_ns(event.get("ts"), self._notes, line)
        if time is None:
            return
        name = label(event.get("name"))
        point = Point(self._order, thread, time, phase, self._names.setdefault(name, name), _attributes(event), line)
        if phase == "X":
            length = duration_ns(event.get("dur"), self._notes, line)
            end = None if length is None else time + length
            self._slice(_begun(point, end, time if end is None else end), event)
        elif phase == "B":
            self._paired[thread].append(self._slice(_begun(point, None, ENDLESS), event))
        elif phase == "E":
            self._paired[thread].append(point)
        elif phase in _ASYNC:
            self._asynchronous(event, point)
        elif phase in _FLOW:
            flow = ("flow", label(event.get("cat")), point.name, _identity(event, thread))
            self._points[thread].append(point._replace(flow=flow, ahead=phase == "f" and event.get("bp") != "e"))
        else:
            self._points[thread].append(point)

    def settled(self) -> list[Slice]:
        """All slices, each with its end, parent, events and sources, in the order of the file. What became of nothing is said."""
        for items in self._paired.values():
            ends = Ends(self._notes)
            for item in _in_time(items):
                if isinstance(item, Slice):
                    ends.begin(item)
                else:
                    ends.end(item)
        for items in self._operations.values():
            self._operate(_in_time(items))
        for thread in dict.fromkeys((*self._nested, *self._points)):
            nest(self._nested[thread], self._points[thread], self._notes, self._bound)
        self._flows.join()
        for what, number in self._others.items():
            self._notes.add("events that are nothing in a span", "they were left out", "data_loss", detail=f"{number} {what}")
        self._slices.sort(key=lambda one: one.order)
        return self._slices

    def _thread(self, process: Any, thread: Any) -> Key:
        """A thread as texts."""
        key = label(process), label(thread)
        return self._known.setdefault(key, key)

    def _slice(self, one: Slice, event: dict[str, Any]) -> Slice:
        self._slices.append(one)
        self._nested[one.thread].append(one)
        if "bind_id" in event:
            into, out = event.get("flow_in"), event.get("flow_out")
            phase = "t" if into and out else "f" if into else "s"
            self._flows.step(("bind", label(event["bind_id"])), phase, one.start, one.order, one, one.line)
        return one

    def _asynchronous(self, event: dict[str, Any], point: Point) -> None:
        identity = _identity(event, point.thread)
        key = (label(event.get("cat")), identity, label(event.get("scope")), *(() if point.phase in _NESTED else (point.name, "")))
        if identity:
            point.attributes[f"{PREFIX}id"] = identity
        if _ASYNC[point.phase] == "b":
            one = _begun(point, None, ENDLESS)
            self._slices.append(one)
            self._operations[key].append(one)
        else:
            self._operations[key].append(point)

    def _operate(self, items: Iterable[Slice | Point]) -> None:
        """Bring one asynchronous operation together."""
        ends = Ends(self._notes)
        for item in items:
            if isinstance(item, Slice):
                item.parent = ends.innermost()
                ends.begin(item)
            elif _ASYNC[item.phase] == "e":
                ends.end(item)
            else:
                self._bound(item, ends.innermost())

    def _metadata(self, event: dict[str, Any], thread: Key) -> None:
        name, args = label(event.get("name")), event.get("args")
        given: dict[str, Any] = args if is_map(args) else {}
        if name == "thread_name":
            self.threads[thread] = label(given.get("name"))
        elif name.startswith("process_"):
            self.processes[thread[0]] |= {f"{name}.{key}": plain_text(value) for key, value in given.items()}
        else:
            self._others[f"metadata {name[:60]!r}"] += 1

    def _bound(self, point: Point, around: Slice | None) -> None:
        """`around`: the slice in which something happened."""
        if point.flow is not None and around is None:
            self._notes.add("a flow outside of every slice", "it became no link", "notice", line=point.line)
        elif point.flow is not None and around is not None:
            self._flows.step(point.flow, point.phase, point.time, point.order, around, point.line)
        elif around is not None:
            around.happened(point)
        else:
            what = "an instant event outside of every slice"
            self._notes.add(what, "it became a span without length", "info", line=point.line)
            self._slices.append(_begun(point, point.time, point.time))


def _begun(point: Point, end: int | None, until: int) -> Slice:
    return Slice(point.order, point.thread, point.name, point.time, end, until, point.attributes, point.line)


def _in_time(items: list[Slice | Point]) -> list[Slice | Point]:
    """By time, and those of the same time as the file has them."""
    return sorted(items, key=lambda item: (item.start if isinstance(item, Slice) else item.time, item.order))


def _identity(event: dict[str, Any], thread: Key) -> str:
    """The id of an asynchronous operation or a flow; one that counts in its process alone with that before it."""
    given = event.get("id2")
    if not is_map(given):
        return label(event.get("id"))
    return label(given["global"]) if "global" in given else f"{thread[0]}/{label(given.get('local'))}"


def _attributes(event: dict[str, Any]) -> Texts:
    args = event.get("args")
    if is_map(args):
        attributes = {label(key): plain_text(value) for key, value in args.items()}
    else:
        attributes = {} if args is None else {f"{PREFIX}args": plain_text(args)}
    if cat := event.get("cat"):
        attributes[f"{PREFIX}category"] = label(cat)
    if "s" in event:
        attributes[f"{PREFIX}scope"] = label(event["s"])
    if not _USED.issuperset(event):
        attributes |= {f"{PREFIX}{name}": plain_text(given) for name, given in event.items() if name not in _USED}
    return attributes
