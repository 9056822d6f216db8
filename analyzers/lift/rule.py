"""A map: its file, its rules, and the criteria that may judge by it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import checked, value
from .checked import MapError
from .condition import EventCondition, SpanCondition

if TYPE_CHECKING:
    from .value import Said

MAPS: Final = Path(__file__).with_name("maps")
"""Maps that ship."""

BECOMES: Final = (
    "started",
    "cancel.requested",
    "cancel.delivered",
    "heartbeat",
    "checkpoint.saved",
    "checkpoint.loaded",
    "output.produced",
)
"""Events of ours that another program's event can be."""

_ID: Final = re.compile(r"[A-Z][0-9]{2}")


@dataclass(frozen=True, slots=True)
class Rule:
    """What is said of some spans."""

    says: str
    when: SpanCondition
    set: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class EventRule:
    """What some events are called with us."""

    says: str
    when: EventCondition
    becomes: str


@dataclass(frozen=True, slots=True)
class Map:
    """A file with rules.

    Attributes:
        name: of a map that ships its name, else the path.
        says: what it is for.
        judged_by: ids of the criteria that the rules give enough facts for. The others leave out what the map makes a unit: they would take
            what the program does not tell for something that did not happen.
        rules: for spans; of several that say the same thing of a span the first counts.
        events: for events of spans that the rules made units.
    """

    name: str
    says: str
    judged_by: tuple[str, ...]
    rules: tuple[Rule, ...]
    events: tuple[EventRule, ...]


def shipped() -> dict[str, str]:
    """Maps that ship: name and what each is for."""
    return {path.stem: read(path, path.stem).says for path in sorted(MAPS.glob("*.toml"))}


def find_map(name: str) -> Map:
    """The map of this name or at this path.

    Raises:
        MapError: there is none, or it cannot be used.
    """
    ours = MAPS / f"{name}.toml"
    if "/" not in name and ours.is_file():
        return read(ours, name)
    path = Path(name)
    if not path.is_file():
        raise MapError(f"there is no map {name!r}. Give a file with rules, or one that ships: {', '.join(shipped())}")
    return read(path, name)


def read(path: Path, name: str) -> Map:
    """The map in a file.

    Raises:
        MapError: it cannot be used.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MapError(f"{path} cannot be read ({error.strerror}). Check the path and its permissions") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MapError(f"{path} is no TOML: {error}") from error
    found = checked.table(given, str(path), ("says", "judged_by", "rules", "events"))
    spans = checked.tables(found.get("rules", []), f"{path}: rules")
    if not spans:
        raise MapError(f"{path} has no rules. It needs at least one [[rules]] with `says`, `when` and `set`")
    events = checked.tables(found.get("events", []), f"{path}: events")
    return Map(
        name,
        checked.text(found.get("says"), f"{path}: says"),
        _ids(found.get("judged_by"), f"{path}: judged_by"),
        tuple(_rule(each, f"{path}: rule {number}") for number, each in enumerate(spans, 1)),
        tuple(_event(each, f"{path}: event {number}") for number, each in enumerate(events, 1)),
    )


def _ids(given: object, where: str) -> tuple[str, ...]:
    if given is None:
        raise MapError(f'{where} is missing: the criteria that the rules give enough facts for, for example ["P02", "D01"]')
    words = checked.texts(given, where)
    for word in words:
        if not _ID.fullmatch(word):
            raise MapError(f"{where} must be ids of criteria such as P02, got {word!r}. `spanproof criteria` lists them")
    return words


def _rule(given: object, where: str) -> Rule:
    found = checked.table(given, where, ("says", "when", "set"))
    if not found.get("set"):
        raise MapError(f"{where} needs `set`: what is said of the spans. Known: {', '.join(value.SETTERS)}")
    return Rule(
        checked.text(found.get("says"), f"{where}: says"),
        SpanCondition.parse(found.get("when", {}), f"{where}: when"),
        tuple(value.parse(found["set"], f"{where}: set")),
    )


def _event(given: object, where: str) -> EventRule:
    found = checked.table(given, where, ("says", "when", "becomes"))
    return EventRule(
        checked.text(found.get("says"), f"{where}: says"),
        EventCondition.parse(found.get("when"), f"{where}: when"),
        checked.one_of(found.get("becomes"), f"{where}: becomes", BECOMES),
    )
