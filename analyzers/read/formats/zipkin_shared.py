"""Zipkin's shared ids: the client and the server of a call may write their spans under one id. Here each gets an id of its own."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..plain import json_text, label
from ..shapes import is_map, items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..notes import Notes

_CALLED: Final = frozenset(("SERVER", "CONSUMER"))
_CALLERS: Final = frozenset(("CLIENT", "PRODUCER"))
_MAPS: Final = ("tags", "localEndpoint", "remoteEndpoint")


class Record(NamedTuple):
    """A span as it stands in the file.

    Attributes:
        trace_id: in form.
        span_id: in form.
        parent_id: in form; None: none.
        line: where it stands.
        span: its members, in Zipkin's second format.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    line: int
    span: dict[str, Any]

    @property
    def called(self) -> bool:
        """Whether it is the side that was called, of a call whose sides share an id."""
        return self.span.get("shared") is True or self.span.get("kind") in _CALLED

    @property
    def service(self) -> str:
        """Name of the service that wrote it; empty: not said."""
        endpoint = self.span.get("localEndpoint")
        return label(endpoint.get("serviceName")) if is_map(endpoint) else ""


def settled(records: list[Record], notes: Notes) -> Iterator[Record]:
    """The spans, each once and under an id of its own, in the order of the file.

    The side that called keeps the id. The side that was called gets one made of it, is its child, and parent of what its service did below.
    """
    pieces: dict[tuple[str, str], dict[bool, list[Record]]] = {}
    for record in records:
        pieces.setdefault((record.trace_id, record.span_id), {}).setdefault(record.called, []).append(record)
    sides = {key: _sides(both, notes) for key, both in pieces.items()}
    for both in sides.values():
        for called, record in both.items():
            if called and len(both) == 2:
                detail = f"span {record.span_id}"
                done = "the side that was called got an id of its own, below the other"
                notes.add("both sides of a call share an id", done, "info", line=record.line, detail=detail)
                yield record._replace(span_id=_other(record.span_id), parent_id=record.span_id)
            else:
                parent = _above(record, sides)
                yield record if parent == record.parent_id else record._replace(parent_id=parent)


def _sides(pieces: dict[bool, list[Record]], notes: Notes) -> dict[bool, Record]:
    """The sides of one id, each in one record."""
    both = {called: _whole(some, notes) for called, some in pieces.items()}
    if len(both) == 2 and not _is_call(both):
        return {False: _whole([both[False], both[True]], notes)}
    return both


def _is_call(both: dict[bool, Record]) -> bool:
    """Whether two records are the two sides of a call, and not pieces of one span that is told its kind late."""
    return both[True].span.get("shared") is True or both[False].span.get("kind") in _CALLERS


def _above(record: Record, sides: dict[tuple[str, str], dict[bool, Record]]) -> str | None:
    """The parent's id; of two that share it, that of the side which was called, unless only the other is of the record's service."""
    if record.parent_id is None:
        return None
    both = sides.get((record.trace_id, record.parent_id), {})
    if len(both) < 2 or (both[False].service == record.service != both[True].service):
        return record.parent_id
    return _other(record.parent_id)


def _other(span_id: str) -> str:
    """An id for the side that was called, the same in every file."""
    return blake2b(span_id.encode("utf-8", "replace"), digest_size=8, person=b"zipkin-shared").hexdigest()


def _whole(pieces: list[Record], notes: Notes) -> Record:
    """One record out of several of one span: Zipkin's clients may report a span in pieces. Of a member the last word counts."""
    first = pieces[0]
    if len(pieces) == 1:
        return first
    notes.add("a span comes in several pieces", "they were put together", "info", line=pieces[1].line, detail=f"span {first.span_id}")
    span: dict[str, Any] = {}
    maps: dict[str, dict[str, Any]] = {}
    annotations: dict[str, Any] = {}
    for piece in pieces:
        span.update({member: content for member, content in piece.span.items() if content is not None})
        for member in _MAPS:
            if is_map(content := piece.span.get(member)):
                maps.setdefault(member, {}).update(content)
        annotations.update((json_text(item), item) for item in items(piece.span.get("annotations")))
    span.update(maps)
    span["annotations"] = list(annotations.values())
    parent = next((piece.parent_id for piece in pieces if piece.parent_id), None)
    return first._replace(span={"kind": None} | span, parent_id=parent)
