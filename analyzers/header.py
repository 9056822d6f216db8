"""The header of a criterion: the comment at the top of its `.sql` file, which is its documentation and its settings.

A field is a line `-- name: text`; lines that follow with two more spaces belong to it. Fields that hold an example keep their
lines as they are. A parameter is a field of its own: `-- parameter tolerance_ms: 100 ms; why this value`.
Everything else that the product says of a criterion (messages, reference pages, `spanproof criteria`) is rendered from here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, cast

from .errors import AnalyzerError
from .verdicts import SEVERITIES, Severity

if TYPE_CHECKING:
    from pathlib import Path

SEAMS: Final = (
    "task",
    "stageflow",
    "cancel",
    "delivery",
    "deadline",
    "await",
    "cleanup",
    "watchdog",
    "runner",
    "flag",
    "anyio",
    "generator",
    "thread",
    "resource",
    "export",
)
"""Seams of the recorder that a criterion may need (`spanproof.seams` says which of them held)."""

TEXTS: Final = (
    "says", "rule", "why", "judges", "message", "fix", "bad", "good", "covers", "certain given", "cannot see", "unknown when", "fault",
)  # fmt: skip
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "severity": SEVERITIES,
    "torn": ("certain", "unknown"),
    "clock": ("any", "real"),
    "scope": ("trace", "recording", "set"),
}
OPTIONAL: Final[dict[str, tuple[str, ...]]] = {"margin": ("below", "none"), "samples": ("usual", "needed")}
"""Fields that may be left out; the first value is the default. `margin: none`: `bound` does not decide, so how near it came says nothing.
`samples: needed`: an ordinary trace has no subject, so that one that is cut before any came is not exercised."""

REQUIRED: Final = ("id", "name", *CHOICES, "needs", *TEXTS)
EXAMPLES: Final = ("bad", "good")

_FIELD = re.compile(r"-- (?P<name>[a-z]+(?: [a-z_0-9]+)?): ?(?P<text>.*)")
_MORE = re.compile(r"--   (?P<text>.*)")
_ID = re.compile(r"[A-Z][0-9]{2}")
_NAME = re.compile(r"[a-z]+(?:-[a-z]+)+")
_PARAMETER = re.compile(r"(?P<value>[0-9]+(?:\.[0-9]+)?) (?P<unit>[a-z]+); (?P<reason>.+)", re.DOTALL)
_UNITS: Final = {"ns": "nanoseconds", "us": "microseconds", "ms": "milliseconds", "s": "seconds", "hops": "steps upwards", "units": "units"}


class HeaderError(AnalyzerError):
    """The header of a criterion cannot be used; the message names the file, the line, what is wrong and what is expected."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a user may change.

    Attributes:
        name: as in the SQL after `$`; its last part is the unit where it is a time.
        default: the value without a user's word; a whole number when the default is one.
        unit: `ms`, `ns`, `hops`, ...
        reason: why this value.
    """

    name: str
    default: int | float
    unit: str
    reason: str

    @property
    def expects(self) -> str:
        """What a value must be, in words: `a whole number of milliseconds, 0 or more`."""
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{kind} of {_UNITS.get(self.unit, self.unit)}, 0 or more"


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of a criterion's header. `needs` are seams; `texts` has the prose fields by name (see TEXTS)."""

    id: str
    name: str
    severity: Severity
    torn: Literal["certain", "unknown"]
    clock: Literal["any", "real"]
    scope: Literal["trace", "recording", "set"]
    needs: tuple[str, ...]
    texts: dict[str, str]
    parameters: dict[str, Parameter] = field(default_factory=dict[str, Parameter])
    margin: Literal["below", "none"] = "below"
    samples: Literal["usual", "needed"] = "usual"

    @property
    def covers(self) -> tuple[str, ...]:
        """Entries of the research summary, for example `H2` or `2.2 Orphaned Tasks`."""
        return tuple(part.strip() for part in self.texts["covers"].split(";"))


def is_id(text: str) -> bool:
    """Whether a text can be the id of a criterion."""
    return _ID.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether a text can be the name of a criterion."""
    return _NAME.fullmatch(text) is not None


def parse(text: str, path: Path) -> Header:
    """Read the header at the top of `text`; `path` is for messages only.

    Raises:
        HeaderError: a field is missing, unknown, given twice or has a value that is not allowed.
    """
    lines: dict[str, int] = {}
    fields = _fields(text, path, lines)
    unknown = sorted(name for name in fields if name not in {*REQUIRED, *OPTIONAL} and not name.startswith("parameter "))
    if unknown:
        place = f"{path}:{lines[unknown[0]]}"
        raise HeaderError(
            f"{place}: unknown field '{unknown[0]}' in the header. Fields: {', '.join([*REQUIRED, *OPTIONAL])}, parameter <name>."
        )
    missing = [name for name in REQUIRED if not fields.get(name)]
    if missing:
        raise HeaderError(
            f"{path}:{lines.get(missing[0], 1)}: the header lacks '{missing[0]}'. Add a line `-- {missing[0]}: ...`; "
            "`spanproof criteria` shows complete ones."
        )
    _check(fields, path, lines)
    parameters = {name: _parameter(name, text, f"{path}:{lines[f'parameter {name}']}") for name, text in _parameters(fields)}
    return Header(
        id=fields["id"],
        name=fields["name"],
        severity=cast("Severity", fields["severity"]),
        torn=cast("Literal['certain', 'unknown']", fields["torn"]),
        clock=cast("Literal['any', 'real']", fields["clock"]),
        scope=cast("Literal['trace', 'recording', 'set']", fields["scope"]),
        needs=_seams(fields["needs"]),
        texts={name: fields[name] for name in TEXTS},
        parameters=parameters,
        margin=cast("Literal['below', 'none']", fields.get("margin", "below")),
        samples=cast("Literal['usual', 'needed']", fields.get("samples", "usual")),
    )


def _fields(text: str, path: Path, places: dict[str, int]) -> dict[str, str]:
    """The lines of the leading comment, by field; prose is joined with spaces, examples keep their lines. `places`: where each begins."""
    fields: dict[str, list[str]] = {}
    current: list[str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("--"):
            break
        more = _MORE.fullmatch(line)
        found = _FIELD.fullmatch(line)
        if more and current is not None:
            current.append(more["text"])
        elif found:
            if found["name"] in fields:
                raise HeaderError(f"{path}:{number}: field '{found['name']}' is there twice. Keep one.")
            places[found["name"]] = number
            current = fields.setdefault(found["name"], [found["text"]] if found["text"] else [])
        elif line.strip() != "--":
            raise HeaderError(f"{path}:{number}: expected `-- field: text`, or `--   more of it`, got {line!r}.")
    return {name: ("\n" if name in EXAMPLES else " ").join(lines).strip("\n ") for name, lines in fields.items()}


def _check(fields: dict[str, str], path: Path, lines: dict[str, int]) -> None:
    if not _ID.fullmatch(fields["id"]):
        raise HeaderError(f"{path}:{lines['id']}: id {fields['id']!r} must be a capital letter and two digits, for example P07.")
    if not _NAME.fullmatch(fields["name"]):
        raise HeaderError(
            f"{path}:{lines['name']}: name {fields['name']!r} must be lower-case words joined by '-' that say the defect, "
            "for example slow-fanout."
        )
    for name, allowed in (CHOICES | OPTIONAL).items():
        if fields.get(name, allowed[0]) not in allowed:
            raise HeaderError(f"{path}:{lines[name]}: {name} must be one of {', '.join(allowed)}, got {fields[name]!r}.")
    unknown = [seam for seam in _seams(fields["needs"]) if seam not in SEAMS]
    if unknown:
        raise HeaderError(f"{path}:{lines['needs']}: needs {unknown[0]!r}, which is no seam. Seams: {', '.join(SEAMS)}; or `none`.")


def _seams(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(part.strip() for part in text.split(","))


def _parameters(fields: dict[str, str]) -> list[tuple[str, str]]:
    return [(name.removeprefix("parameter "), text) for name, text in fields.items() if name.startswith("parameter ")]


def _parameter(name: str, text: str, place: str) -> Parameter:
    found = _PARAMETER.fullmatch(text)
    if found is None:
        raise HeaderError(
            f"{place}: parameter {name} must read `<default> <unit>; <reason>`, "
            f"for example `100 ms; the research summary's tolerance`, got {text!r}."
        )
    value = found["value"]
    return Parameter(name, float(value) if "." in value else int(value), found["unit"], found["reason"])
