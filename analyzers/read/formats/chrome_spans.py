"""Hands over the slices of a Chrome trace as spans: a trace for each process, ids that are the same each time."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from ....instrument import vocabulary as v
from ..handing import Hand
from ..origin import resource_id
from ..plain import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..notes import Notes
    from ..staging import Staging
    from .chrome_slices import Key, Slice, Texts

PREFIX: Final = "chrome."
"""Begins attributes that Chrome's format has beside the arguments of an event."""

_LONGEST: Final = 8_192
"""Characters of a member beside the events that is kept."""
_SPREAD: Final = 0x9E3779B97F4A7C15
_NAME: Final = "process_name.name"


class Spans:
    """Hands over the spans of one file."""

    def __init__(self, staging: Staging, notes: Notes, sha256: str) -> None:
        """`sha256`: of the file; ids are made of it, and of the place in it."""
        self._hand = Hand(staging, notes)
        self._notes = notes
        self._sha256 = sha256
        self._first = int.from_bytes(self._hash("spans", 8), "big")
        self._traces: dict[str, str] = {}

    def all(self, slices: list[Slice], processes: Mapping[str, Texts], threads: Mapping[Key, str], beside: dict[str, Any]) -> None:
        """Hand over all spans.

        Args:
            slices: in the order of the file.
            processes: what the file says of each process.
            threads: the name of each thread.
            beside: members of the file beside its events.
        """
        common = self._common(beside)
        resources: dict[str, int | None] = {}
        named: dict[Key, Texts] = {}
        for one in slices:
            process, thread = one.thread
            if process not in resources:
                resources[process] = resource_id(_resource(process, processes.get(process, {})) | common, self._hand.staging, self._notes)
            if one.thread not in named:
                name = threads.get(one.thread)
                named[one.thread] = {key: text for key, text in (("thread.id", thread), ("thread.name", name)) if text}
            resource = resources[process]
            if resource is not None:
                self._span(one, resource, named[one.thread])

    def _span(self, one: Slice, resource: int, thread: Texts) -> None:
        trace_id, span_id = self._ids(one)
        row: dict[str, Any] = {
            "resource_id": resource,
            "line": one.line,
            "trace_id": trace_id,
            "span_id": span_id,
            "parent_span_id": self._ids(one.parent)[1] if one.parent else None,
            "name": one.name,
            "start_ns": one.start,
            "end_ns": one.end,
            "status_code": 0,
            "attributes": one.attributes | thread,
        }
        events = ({"name": point.name, "time_ns": point.time, "attributes": point.attributes} for point in one.events or ())
        self._hand.span(row, events, self._links(one))

    def _links(self, one: Slice) -> Iterator[dict[str, Any]]:
        for source in one.sources or ():
            trace_id, span_id = self._ids(source)
            yield {"linked_trace_id": trace_id, "linked_span_id": span_id, "attributes": {}}

    def _ids(self, one: Slice) -> tuple[str, str]:
        process = one.thread[0]
        trace_id = self._traces.get(process)
        if trace_id is None:
            trace_id = self._traces[process] = self._hash(process, 16).hex()
        # Times an odd number is another number for each, and a hash for each would take longer than all else here.
        return trace_id, f"{(self._first + one.order * _SPREAD) % 2**64:016x}"

    def _hash(self, what: str, size: int) -> bytes:
        return blake2b(f"{self._sha256} {what}".encode("utf-8", "replace"), digest_size=size).digest()

    def _common(self, beside: dict[str, Any]) -> Texts:
        """What the file says of all processes."""
        common: Texts = {}
        for name, value in beside.items():
            text = plain_text(value)
            if text is not None and len(text) <= _LONGEST:
                common[f"{PREFIX}{name}"] = text
            else:
                self._notes.add("a member beside the events", "it was left out", "info", detail=name[:60])
        return common


def _resource(process: str, given: Texts) -> Texts:
    resource: Texts = {v.RES_PID: process} if process else {}
    name = given.get(_NAME)
    if name:
        resource[v.RES_SERVICE] = name
    return resource | {f"{PREFIX}{key}": text for key, text in given.items() if key != _NAME}
