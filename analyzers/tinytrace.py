"""A tiny language for traces: one line of text is a whole recording, for tests, documentation and bug reports.

    s.a:p:0-50:!30 b:a:5-400

reads: stage a, child of p, from 0 to 50 ms, asked to stop (and told) at 30; task b, child of a, from 5 to 400 ms.

A unit is `[kind.]name[#attempt]:[parent]:start-[end][=outcome][:fact,fact,...]`; times are in ms, with up to six decimals. No parent: a
trace of its own. No end: open. Kinds: `p` pipeline, `s` stage, `u` subpipeline, `k` scope, `c` cleanup, `f` a span of another program;
none: a task. Outcomes: `c` completed (the default), `x` cancelled (the default after a request that was delivered), `t` timed out,
`f` failed, `k` skipped, `s` short-circuited. Facts:

    !30  !30>35  !30>      asked at 30 and told at once, at 35, never; then (a number before names):
      /timer #7 ^6 @b &t     mechanism (task_cancel), number 7, handed on from 6, asked by b, addressed to t
      %40 -20 ~ ~raised *   consumed at 40, taken back at 20, swallowed, of a task that was done
    b40                    borrowed delivery at 40
    d100 d100!  d100!105 d100-80 /wait_for   deadline at 100: armed; its timer ran at 100, at 105; taken off at 80; mechanism
      +conf=0.1 +source=stage   the configured value and where it is from; `dnone+conf=0`: configured, and nothing was armed
    never                  made no first step
    deps=a+b group=a creator=a creator= main detached shielded callback unread fail=ValueError msg=boom
    file=x.py line=3 func=f loop=2 stages=a+b edges=a>b     (`unread`: it failed, and nobody looked; `unreadyet`: so far)
    reg=close@5 unreg=close@6 drop=close@5   cleanup registered, taken back, dropped; a unit `c.close:p:50-60` runs it
    raised timed_out cut budget=100 of=q   of a cleanup unit: it failed; the time that it was given; it is run q's
    block=300+250 block=300+250! block=300+250+cpu=100   the loop stood still for 250 ms until 300; with it the machine; computing for 100;
    block=300+250+starved=200                           without a processor for 200

and those that are written `name=what@when[-[end]][/kind][+key=value...]`:

    w=b@10-20  w=b@10-  /gather#7 +by=timeout  waits for b; how; number of the group; why that ended
    r=result/timed_out@50 +stage=a +error=boom +type=TimeoutError +status=fail +results=a;b +data +by=breaker   reported by a channel
      (`~` in the text of the error is a space)
    flag=p@30 /token +by=q  read=p@50    flag on run p, set by q; the unit read it as true
    hold=conn@5-90 hold=conn@5- /file +to=b +at=20 +how=collected   a resource: taken, given back, handed to b at 20
    gen=rows@5-90 gen=rows@5- /aclose +by=b +last=c +lastat=30     an async generator: first step, end; who ended and who iterated it last
    thread=fn@5-90 thread=fn@5- /executor +outcome=failed     work in a thread
    out=ok@50 +nodata   save=key@5 load=key@9 miss=key@9 gone=key@7   beat=2000@10 beat=@10   output; checkpoint; heartbeat (timeout in ms)
    round=name@50 +memory=1000 +descriptors=9 +watched=3 +alive=1 +took=2 +armed   one repetition (`took` in ms)

Words that begin with `%` are about the recording: `%torn`, `%session`, `%until=500`, `%virtual`, `%lost=delivery`, `%partly=generator`,
`%absent=stageflow`, `%dropped=3`, `%python=3.13.1`, `%lib=stageflow-core==1.2.0`, `%scenario=x`, `%expect={...}`, `%closing=400`,
`%closed=400`, `%loop2closed=400`, `%rec=name` (its id), `%n=7` (its number: with others, lines can be loaded together).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final

from .errors import AnalyzerError

KINDS: Final = {
    "p": "pipeline", "s": "stage", "u": "subpipeline", "k": "scope", "c": "cleanup", "f": None, "": "task",
}  # fmt: skip
OUTCOMES: Final = {
    "c": "completed", "x": "cancelled", "t": "timed_out", "f": "failed", "k": "skipped", "s": "short_circuited",
}  # fmt: skip

_UNIT = re.compile(
    r"(?:(?P<kind>[pskucf])\.)?(?P<name>\w+)(?:#(?P<attempt>\d+))?:(?P<parent>[\w#]*):"
    r"(?P<start>[\d.]+)-(?P<end>[\d.]*)(?:=(?P<outcome>[cxtfks]))?(?::(?P<facts>.*))?"
)
_REQUEST = re.compile(r"!(?P<at>[\d.]+)(?P<told>>(?P<told_at>[\d.]*))?(?P<more>.*)")
_MORE = re.compile(
    r"/(?P<mechanism>\w+)|@(?P<by>[\w#]+)|&(?P<to>[\w#]+)|#(?P<id>\d+)|\^(?P<via>\d+)|%(?P<consumed>[\d.]+)|-(?P<withdrawn>[\d.]+)|~(?P<swallowed>\w*)|(?P<dead>\*)"
)
_DEADLINE = re.compile(
    r"d(?P<at>[\d.]+|none)(?:(?P<fired>!)(?P<fired_at>[\d.]*))?(?:-(?P<off>[\d.]+))?(?:/(?P<mechanism>\w+))?(?P<more>(?:\+\w+=[^+]*)*)"
)


class TinyTraceError(AnalyzerError):
    """A word of the line cannot be read; the message shows it and what was expected."""


@dataclass
class Request:
    """A request on a unit; times in ns since the start."""

    at: int
    told: int | None
    mechanism: str = "task_cancel"
    by: str | None = None
    to: str | None = None
    id: int | None = None
    via: int | None = None
    consumed: int | None = None
    withdrawn: int | None = None
    swallowed: str | None = None
    live: bool = True


@dataclass
class Deadline:
    """A deadline of a unit; times in ns since the start."""

    at: int | None
    fired: int | None
    off: int | None
    mechanism: str | None
    more: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Timed:
    """A fact `name=what@when[-[end]][/kind][+key=value...]`; times in ns since the start.

    Attributes:
        end: None: no end was written, or it is open (`10-`).
        kind: what follows `/`; empty: nothing.
    """

    name: str
    what: str
    begin: int
    end: int | None
    kind: str
    more: dict[str, str]


@dataclass
class Unit:
    """One unit. `marks` are facts without a value, `values` those with one, `timed` those with a time, `blocks` ends, lengths and more."""

    key: str
    kind: str | None
    name: str
    attempt: int
    parent: str | None
    start: int
    end: int | None
    outcome: str
    requests: list[Request] = field(default_factory=list[Request])
    borrowed: list[int] = field(default_factory=list[int])
    deadlines: list[Deadline] = field(default_factory=list[Deadline])
    marks: set[str] = field(default_factory=set[str])
    values: dict[str, str] = field(default_factory=dict[str, str])
    timed: list[Timed] = field(default_factory=list[Timed])
    blocks: list[tuple[str, str, dict[str, str]]] = field(default_factory=list[tuple[str, str, dict[str, str]]])

    @property
    def span_name(self) -> str:
        """Name of its span: `stage a`, `timeout k`."""
        return f"{ {'scope': 'timeout', None: 'GET'}.get(self.kind, self.kind) } {self.name}"


@dataclass
class Recording:
    """A whole line."""

    units: dict[str, Unit]
    about: dict[str, str]


_MARKS: Final = {"never", "main", "detached", "shielded", "callback", "unread", "unreadyet", "raised", "timed_out", "cut"}
_VALUES: Final = {"deps", "group", "creator", "fail", "msg", "file", "line", "func", "loop", "budget", "of", "stages", "edges"}
_TIMED: Final = {
    "w", "reg", "unreg", "drop", "r", "flag", "read", "hold", "gen", "thread", "out", "save", "load", "miss", "gone", "beat", "round",
}  # fmt: skip


def parse(text: str) -> Recording:
    """Read a line.

    Raises:
        TinyTraceError: a word of it cannot be read, or names a unit that is not there.
    """
    units: dict[str, Unit] = {}
    about: dict[str, str] = {}
    for word in text.split():
        if word.startswith("%"):
            name, _, value = word[1:].partition("=")
            about[name] = value
            continue
        unit = _unit(word)
        if unit.key in units:
            raise TinyTraceError(f"{word!r}: {unit.key} is there twice. Give it another name or attempt ({unit.name}#2).")
        units[unit.key] = unit
    for unit in units.values():
        if unit.parent is not None and unit.parent not in units:
            raise TinyTraceError(f"{unit.key}: its parent {unit.parent!r} is none of {', '.join(units)}.")
    _no_circle(units)
    return Recording(units, about)


def _no_circle(units: dict[str, Unit]) -> None:
    """Each way up comes to an end."""
    ends: set[str] = set()
    for unit in units.values():
        way: dict[str, None] = {}
        at: str | None = unit.key
        while at is not None and at not in ends:
            if at in way:
                raise TinyTraceError(f"{at} is above itself. Give it another parent: a line of the language has no circles.")
            way[at] = None
            at = units[at].parent
        ends |= way.keys()


def ns(text: str) -> int:
    """Milliseconds as they are written, in whole nanoseconds."""
    try:
        value = Decimal(text) * 1_000_000
    except InvalidOperation:
        raise TinyTraceError(f"{text!r} is no time. Times are milliseconds, for example 30 or 30.000001.") from None
    if value != int(value):
        raise TinyTraceError(f"{text!r} is finer than a nanosecond. Six decimals are the most.")
    return int(value)


def _unit(word: str) -> Unit:
    found = _UNIT.fullmatch(word)
    if found is None:
        raise TinyTraceError(
            f"{word!r} is no unit. Expected [kind.]name:[parent]:start-[end][=outcome][:facts], for example s.a:p:0-50:!30."
        )
    attempt = int(found["attempt"] or 1)
    unit = Unit(
        key=found["name"] + (f"#{attempt}" if found["attempt"] else ""),
        kind=KINDS[found["kind"] or ""],
        name=found["name"],
        attempt=attempt,
        parent=found["parent"] or None,
        start=ns(found["start"]),
        end=ns(found["end"]) if found["end"] else None,
        outcome="",
    )
    for fact in filter(None, (found["facts"] or "").split(",")):
        _fact(unit, fact)
    told = any(r.told is not None and r.consumed is None and r.swallowed is None for r in unit.requests)
    unit.outcome = OUTCOMES[found["outcome"]] if found["outcome"] else "cancelled" if told else "completed"
    return unit


def _fact(unit: Unit, fact: str) -> None:
    name, equals, value = fact.partition("=")
    if fact in _MARKS:
        unit.marks.add(fact)
    elif equals and name in _VALUES:
        unit.values[name] = value
    elif equals and name in _TIMED and "@" in value:
        unit.timed.append(_timed(name, value))
    elif name == "block" and "+" in value:
        end, stretch = _pair(value)
        length, plus, more = stretch.partition("+")
        unit.blocks.append((end, length, _more(plus + more)))
    elif fact.startswith("!") and (found := _REQUEST.fullmatch(fact)):
        unit.requests.append(_request(found, fact))
    elif found := _DEADLINE.fullmatch(fact):
        at = ns(found["at"]) if found["at"] != "none" else None
        fired = ns(found["fired_at"]) if found["fired_at"] else at if found["fired"] else None
        unit.deadlines.append(Deadline(at, fired, ns(found["off"]) if found["off"] else None, found["mechanism"], _more(found["more"])))
    elif re.fullmatch(r"b[\d.]+", fact):
        unit.borrowed.append(ns(fact[1:]))
    else:
        raise TinyTraceError(f"{fact!r} of {unit.key} is no fact that is known; see the top of tinytrace.py.")


def _timed(name: str, value: str) -> Timed:
    what, _, rest = value.partition("@")
    when, *more = rest.split("+")
    when, _, kind = when.partition("/")
    begin, _, end = when.partition("-")
    return Timed(name, what, ns(begin), ns(end) if end else None, kind, _more("+".join(more)))


def _more(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in text.split("+") if part)}


def _pair(value: str) -> tuple[str, str]:
    at, _, length = value.partition("+")
    return at, length


def _request(found: re.Match[str], fact: str) -> Request:
    at = ns(found["at"])
    told = at if found["told"] is None else ns(found["told_at"]) if found["told_at"] else None
    request = Request(at, told)
    rest = found["more"]
    while rest:
        more = _MORE.match(rest)
        if more is None:
            raise TinyTraceError(f"{rest!r} in {fact!r} is unknown; see the top of tinytrace.py.")
        _apply(request, more)
        rest = rest[more.end() :]
    if request.withdrawn is not None:
        request.told = None
    return request


def _apply(request: Request, more: re.Match[str]) -> None:
    kind = more.lastgroup
    value = more[kind or 0]
    if kind in ("id", "via"):
        setattr(request, kind, int(value))
    elif kind in ("consumed", "withdrawn"):
        setattr(request, kind, ns(value))
    elif kind == "dead":
        request.live, request.told = False, None
    elif kind == "swallowed":
        request.swallowed = value or "returned"
    else:
        setattr(request, str(kind), value)
