"""`when`: which spans, or which events, a rule is about. All that is given must hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from . import checked, sql

KINDS: Final = ("internal", "server", "client", "producer", "consumer")
STATUS: Final = {"unset": 0, "ok": 1, "error": 2}

Patterns = tuple[str, ...]


def _attributes(value: object, where: str) -> dict[str, Patterns]:
    return {name: checked.texts(each, f"{where}.{name}") for name, each in checked.table(value, where).items()}


@dataclass(frozen=True, slots=True)
class EventCondition:
    """Which events: by name, and by attributes."""

    name: Patterns
    attributes: dict[str, Patterns] = field(default_factory=dict[str, Patterns])

    @classmethod
    def parse(cls, value: object, where: str) -> EventCondition:
        """As it stands in a map.

        Raises:
            MapError: it cannot be used.
        """
        given = checked.table(value, where, ("name", "attributes"))
        if "name" not in given:
            raise checked.MapError(f"{where} needs name: the name of the event, or a pattern")
        return cls(checked.texts(given["name"], f"{where}.name"), _attributes(given.get("attributes", {}), f"{where}.attributes"))

    def sql(self) -> str:
        """Whether it holds for an event `e`."""
        return sql.all_of(
            [sql.fits("e.name", self.name), *(sql.fits(sql.attribute(name, "e"), some) for name, some in self.attributes.items())]
        )


@dataclass(frozen=True, slots=True)
class SpanCondition:
    """Which spans: by name, service, kind, status, attributes, and by an event that they carry."""

    name: Patterns = ()
    service: Patterns = ()
    kind: Patterns = ()
    status: str | None = None
    attributes: dict[str, Patterns] = field(default_factory=dict[str, Patterns])
    event: EventCondition | None = None

    @classmethod
    def parse(cls, value: object, where: str) -> SpanCondition:
        """As it stands in a map.

        Raises:
            MapError: it cannot be used.
        """
        given = checked.table(value, where, ("name", "service", "kind", "status", "attributes", "event"))
        kinds = checked.texts(given["kind"], f"{where}.kind") if "kind" in given else ()
        for kind in kinds:
            checked.one_of(kind, f"{where}.kind", KINDS)
        return cls(
            name=checked.texts(given["name"], f"{where}.name") if "name" in given else (),
            service=checked.texts(given["service"], f"{where}.service") if "service" in given else (),
            kind=kinds,
            status=checked.one_of(given["status"], f"{where}.status", STATUS) if "status" in given else None,
            attributes=_attributes(given.get("attributes", {}), f"{where}.attributes"),
            event=EventCondition.parse(given["event"], f"{where}.event") if "event" in given else None,
        )

    def sql(self) -> str:
        """Whether it holds for a span `s` of a resource `r`."""
        conditions = [sql.fits(sql.attribute(name), some) for name, some in self.attributes.items()]
        for expression, some in (("s.name", self.name), ("r.service_name", self.service), ("s.span_kind", self.kind)):
            if some:
                conditions.append(sql.fits(expression, some))
        if self.status is not None:
            conditions.append(f"s.status_code = {STATUS[self.status]}")
        if self.event is not None:
            conditions.append(f"exists (select 1 from events e where e.record = s.record and {self.event.sql()})")
        return sql.all_of(conditions)
