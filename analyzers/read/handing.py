"""Hands a span with its events and links to the staging: what the formats that are not OTLP have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...instrument import vocabulary as v
from ...instrument.vocabulary import SCOPE_NAME
from .counts import count
from .shapes import why
from .texts import Texts, by_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .notes import Notes
    from .staging import Staging

SCOPE_PREFIX: Final = "otel.scope."
"""Begins the attributes of a span that tell its scope."""
SCOPE: Final = f"{SCOPE_PREFIX}name"


class Hand:
    """Hands over the records of one file."""

    def __init__(self, staging: Staging, notes: Notes) -> None:
        self.staging = staging
        self.notes = notes

    def span(self, row: dict[str, Any], events: Iterable[dict[str, Any]], links: Iterable[dict[str, Any]]) -> None:
        """Hand over a span.

        Args:
            row: its columns.
            events: of each event name, time and attributes, in order.
            links: of each link the ids and attributes, in order.
        """
        attributes = row["attributes"]
        if attributes.get(SCOPE) == SCOPE_NAME:
            # Every span of ours is of this scope, and our own files do not say it span by span.
            own = {key: content for key, content in attributes.items() if not key.startswith(SCOPE_PREFIX)}
            attributes = row["attributes"] = Texts(own, by_key(attributes))
        row["rev"] = count(attributes.get(v.REV))
        if attributes.get(v.OUTCOME) == "unfinished":
            # The format has no spans without an end: whoever wrote it made one up.
            row["end_ns"] = None
        place = {"record": self.staging.span(row), "trace_id": row["trace_id"], "span_id": row["span_id"]}
        for ordinal, event in enumerate(events):
            seq = event["attributes"].get(v.SEQ)
            self.staging.event(place | event | {"ordinal": ordinal, "seq": None if seq is None else count(seq)})
        for ordinal, link in enumerate(links):
            self.staging.link(place | link | {"ordinal": ordinal})

    def lost(self, what: str, error: Exception, line: int) -> None:
        """Say that a part was left out, and why."""
        self.notes.add(what, "it was left out", "data_loss", line=line, detail=why(error)[:200])
