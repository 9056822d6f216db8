"""Numbers the resources and merges those of one process: each line of our files repeats the whole resource."""

from __future__ import annotations

from typing import Any, Final

import orjson

from ...instrument import vocabulary as v
from .shapes import is_list
from .texts import column

_WORST: Final = ("held", "absent", "lost")
_ABSENT: Final = 1


class Resources:
    """The resources of a load, numbered from 1."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._rows: list[dict[str, Any]] = []

    def number(self, attributes: dict[str, str | None], file_id: int) -> int:
        """The number of a resource. Ours are merged by recording and process; others when they are equal."""
        recording = attributes.get(v.RES_RECORDING)
        key: object = (recording, attributes.get(v.RES_PID))
        if recording is None:
            key = frozenset(attributes.items())
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._rows) + 1
            self._rows.append(_row(attributes) | {"resource_id": number, "file_id": file_id})
        else:
            self._merge(self._rows[number - 1], _row(attributes))
        return number

    def _merge(self, row: dict[str, Any], later: dict[str, Any]) -> None:
        seams = _worst(row["seams"], later["seams"])
        row.update({name: value for name, value in later.items() if value is not None})
        row["seams"] = seams

    def rows(self) -> list[dict[str, Any]]:
        """Rows for the table `resources`."""
        return self._rows


def version(attributes: dict[str, str | None]) -> int | str | None:
    """The format version that a resource claims: a number, the text when it is none; None: not recorded by Spanproof."""
    text = attributes.get(v.RES_FORMAT)
    return int(text) if text is not None and text.isdecimal() and len(text) < 9 else text


def _row(attributes: dict[str, str | None]) -> dict[str, Any]:
    claimed = version(attributes)
    return {
        "recording_id": attributes.get(v.RES_RECORDING),
        "pid": _number(attributes.get(v.RES_PID)),
        "service_name": attributes.get(v.RES_SERVICE),
        "scenario": attributes.get(v.RES_SCENARIO),
        "python": attributes.get(v.RES_PYTHON),
        "runtime": attributes.get(v.RES_RUNTIME),
        "format": claimed if isinstance(claimed, int) else None,
        "recorder": attributes.get(v.RES_VERSION),
        "expect": _texts(attributes.get(v.RES_EXPECT)),
        "seams": _texts(attributes.get(v.RES_SEAMS)),
        "libraries": _texts(attributes.get(v.RES_LIBRARIES)),
        "attributes": attributes,
        # Empty, not null: the attributes of a later line come with their own.
        "kinds": column(attributes) or "",
    }


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 19 else None


def _texts(text: str | None) -> list[str] | None:
    """A list of texts from its JSON text; a text that is no list is a list of one."""
    if text is None:
        return None
    try:
        items: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return [text]
    return [str(item) for item in items] if is_list(items) else [text]


def _worst(before: list[str] | None, later: list[str] | None) -> list[str] | None:
    """Both lists of seams, of a seam that is in both the worse word: what was lost once was not watched throughout.

    One that was absent at first and held later is that of a library which the program imported in between: it held.
    """
    worst: dict[str, str] = {}
    for seam in (before or []) + (later or []):
        name, _, word = seam.partition("=")
        known = worst[name].partition("=")[2] if name in worst else word
        if _badness(word) >= _badness(known) or (word == "held" and _badness(known) == _ABSENT):
            worst[name] = seam
    return list(worst.values()) if worst else None


def _badness(word: str) -> int:
    state = word.split(":", 1)[0].strip()
    return _WORST.index(state) if state in _WORST else len(_WORST)
