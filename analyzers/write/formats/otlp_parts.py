"""Groups spans as OTLP does, and puts back what the reader of OTLP had to keep as attributes, for it has no column."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from ..values import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..source import Resource, Source, Span
    from ..values import Value

BATCH: Final = 500
"""Spans of one message: a line that people and programs can still hold."""

DROPPED: Final = "otel.dropped_attributes_count"
KINDS: Final = {None: 0, "internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}


@dataclass(slots=True)
class Part:
    """What has attributes of its own, and members that the tables keep among them.

    Attributes:
        attributes: the attributes that are left.
        members: the others, by their names; those that say nothing are not here.
    """

    attributes: dict[str, Value]
    members: dict[str, str]

    def number(self, member: str) -> int:
        """A member that is a number; 0: not there."""
        text = self.members.get(member, "")
        return int(text) if text.isdecimal() and len(text) < 20 else 0

    def text(self, member: str) -> str:
        """A member that is a text; empty: not there."""
        return self.members.get(member, "")


def part(attributes: dict[str, Value], **names: str) -> Part:
    """`names`: of each member the attribute that holds it."""
    left = dict(attributes)
    found = {member: text_of(left.pop(key)) for member, key in names.items() if key in left}
    return Part(left, {member: text for member, text in found.items() if text})


@dataclass(slots=True)
class Group:
    """Spans of one scope of one resource."""

    resource: Part
    scope: Part
    spans: list[Span]


def messages(source: Source) -> Iterator[list[list[Group]]]:
    """The groups of each message, those of a resource in a list."""
    spans = source.spans()
    while batch := list(islice(spans, BATCH)):
        resources: dict[int, tuple[Resource, dict[str, list[Span]]]] = {}
        for span in batch:
            _, scopes = resources.setdefault(id(span.resource), (span.resource, {}))
            scopes.setdefault(repr(span.scope), []).append(span)
        yield [[Group(_resource(resource), _scope(some[0]), some) for some in scopes.values()] for resource, scopes in resources.values()]


def _resource(resource: Resource) -> Part:
    return part(resource.attributes, dropped=DROPPED, url="otel.resource.schema_url", refs="otel.entity_refs")


def _scope(span: Span) -> Part:
    return part(span.scope, name="name", version="version", dropped="dropped_attributes_count", url="schema_url")
