"""The catalogue of criteria: every `.sql` file of `criteria/` and of the user's own folders, by id.

A criterion is found by its id (`P02`) or its name (`child-outlives-cancel`); all of a family by its letter (`P`), all of a severity
by its word (`warning`).
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import AnalyzerError
from .header import TEXTS, Header, HeaderError, Parameter, parse
from .verdicts import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOME: Final = Path(__file__).parent / "criteria"
SHARED: Final = HOME / "shared"
"""Relations that several criteria need; the judge builds them first, in the order of their file names. No criteria."""

Number = int | float

_SAID_ID: Final = re.compile(r"^-- id: ([A-Z][0-9]{2})\s*$", re.MULTILINE)
_NAMED_ID: Final = re.compile(r"([A-Z][0-9]{2})(?![0-9A-Za-z])")


class UnknownCriterionError(AnalyzerError):
    """No criterion has that id or name; the message names the closest one."""


class ParameterError(AnalyzerError):
    """A parameter does not exist, or its value is not a number of the kind that it must be."""


class CatalogueError(AnalyzerError):
    """A folder of criteria does not exist."""


@dataclass(frozen=True)
class Criterion:
    """One criterion: its header and where its query is. `broken` says why it cannot be judged; its header is a stand-in then."""

    header: Header
    path: Path
    broken: str | None = None

    @property
    def id(self) -> str:
        """The id, for example `P02`: for ever the same."""
        return self.header.id

    @property
    def title(self) -> str:
        """Id and name: `P02 child-outlives-cancel`."""
        return f"{self.header.id} {self.header.name}"

    @property
    def family(self) -> str:
        """Name of its folder: deadline, propagation, ..."""
        return self.path.parent.name

    @property
    def ours(self) -> bool:
        """It belongs to the catalogue that ships."""
        return self.path.is_relative_to(HOME)

    @cached_property
    def sql(self) -> str:
        """The whole file; its header is a comment."""
        return self.path.read_text(encoding="utf-8")

    @property
    def query_line(self) -> int:
        """The line on which the query begins, from 1."""
        lines = enumerate(self.sql.splitlines(), 1)
        return next((number for number, line in lines if line.strip() and not line.startswith("--")), 1)


def catalogue(criteria_dirs: Iterable[str | Path] = ()) -> dict[str, Criterion]:
    """All criteria by id, in the order of ids: ours and those in `criteria_dirs`.

    A file of the user's that cannot be used is in it too, as `broken`, so that it stops nobody: by its id where one can be read that is
    not taken, else by its name.

    Raises:
        CatalogueError: a folder does not exist.
    """
    found: dict[str, Criterion] = {}
    for path in sorted(HOME.rglob("*.sql")):
        if path.parent != SHARED:
            criterion = Criterion(parse(path.read_text(encoding="utf-8"), path), path)
            found[criterion.id] = criterion
    broken: list[tuple[Path, str, str]] = []
    # A folder that was named twice is read once.
    for folder in dict.fromkeys(Path(folder) for folder in criteria_dirs):
        if not folder.is_dir():
            raise CatalogueError(f"{folder}: no such folder. `--criteria` takes a folder that holds .sql files.")
        for path in sorted(folder.rglob("*.sql")):
            text, why = _of_the_user(path, found)
            if why is not None:
                broken.append((path, text, why))
    # Last, so that a file that cannot be used takes no id from one that can.
    for path, text, why in broken:
        words = (_SAID_ID.search(text), _NAMED_ID.match(path.name))
        names = [*(word[1] for word in words if word), path.name, str(path)]
        id_ = next(name for name in names if name not in found)
        found[id_] = Criterion(_stand_in(id_, path), path, why)
    return dict(sorted(found.items()))


def _of_the_user(path: Path, found: dict[str, Criterion]) -> tuple[str, str | None]:
    """Add a criterion of the user's to `found`. Returns its text, and why it cannot be used; None: it can."""
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        criterion = Criterion(parse(text, path), path)
    except HeaderError as error:
        return text, str(error)
    except UnicodeDecodeError as error:
        return text, f"{path}: not UTF-8 (byte {error.start}). Save it as UTF-8."
    except OSError as error:
        return text, f"{path}: cannot be read ({error.strerror}). Check its rights."
    if criterion.id in found:
        line = next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith("-- id:"))
        taken = found[criterion.id].path
        return text, f"{path}:{line}: id {criterion.id} is taken by {taken}. Give yours a letter of its own, for example X01."
    found[criterion.id] = criterion
    return text, None


def _stand_in(id_: str, path: Path) -> Header:
    """The header of a file whose own cannot be used."""
    name = re.sub(r"[^a-z]+", "-", _NAMED_ID.sub("", path.stem).casefold()).strip("-") or "broken"
    texts: dict[str, str] = dict.fromkeys(TEXTS, "not known: the criterion cannot be used")
    return Header(id_, name, "error", "unknown", "any", "trace", (), texts)


def find(word: str, criteria: Mapping[str, Criterion]) -> list[Criterion]:
    """The criteria that an id, a name, a family's letter or a severity means.

    Raises:
        UnknownCriterionError: none.
    """
    wanted = word.strip().casefold()
    if wanted in SEVERITIES:
        alike = [c for c in criteria.values() if c.header.severity == wanted]
        if not alike:
            # Nothing selected would mean everything.
            raise UnknownCriterionError(f"no criterion has the severity {word!r}. `spanproof criteria` lists them all.")
        return alike
    hits = [c for c in criteria.values() if wanted in {c.id.casefold(), c.header.name, c.title.casefold(), _letter(c)}]
    if not hits:
        raise UnknownCriterionError(f"no criterion {word!r}.{_closest(wanted, criteria)} `spanproof criteria` lists them all.")
    return hits


def _letter(criterion: Criterion) -> str:
    """The family's letter; a file that has no id belongs to no family."""
    return criterion.id[0].casefold() if _NAMED_ID.fullmatch(criterion.id) else criterion.id.casefold()


def choose(criteria: Mapping[str, Criterion], select: Iterable[str] = (), ignore: Iterable[str] = ()) -> list[Criterion]:
    """Those that are selected (all, when nothing is) and not ignored, in the order of ids."""
    ids = {c.id for word in select for c in find(word, criteria)} or set(criteria)
    ids -= {c.id for word in ignore for c in find(word, criteria)}
    return [criteria[id_] for id_ in sorted(ids)]


def settings(criteria: Mapping[str, Criterion], params: Mapping[str, object]) -> dict[str, dict[str, Number]]:
    """Values of the parameters of every criterion, by id and name: defaults, and what `params` says instead.

    Args:
        criteria: the catalogue.
        params: by `ID.parameter`, for example `{"D01.tolerance_ms": 50}`; a text that is a number will do.

    Raises:
        UnknownCriterionError: there is no criterion of that id.
        ParameterError: it has no such parameter, or the value is not what it must be.
    """
    values: dict[str, dict[str, Number]] = {
        id_: {name: parameter.default for name, parameter in criterion.header.parameters.items()} for id_, criterion in criteria.items()
    }
    for key, value in params.items():
        word, dot, name = key.partition(".")
        if not dot:
            raise ParameterError(f"parameter {key!r} must be written ID.name, for example D01.tolerance_ms.")
        for criterion in find(word, criteria):
            if criterion.broken is not None:
                continue
            values[criterion.id][name] = _value(criterion, name, value)
    return values


def _value(criterion: Criterion, name: str, value: object) -> Number:
    known = criterion.header.parameters
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.3)
        hint = f" Closest: {near[0]}." if near else ""
        has = f"It has {', '.join(known)}." if known else "It has none."
        raise ParameterError(f"{criterion.id} has no parameter {name!r}.{hint} {has}")
    parameter = known[name]
    number = _number(value)
    whole = isinstance(parameter.default, int)
    if number is None or number < 0 or (whole and number != int(number)):
        raise ParameterError(
            f"{criterion.id}: parameter {name} must be {parameter.expects}, got {value!r} ({_kind(value)}).{_suggestion(parameter, value)}"
        )
    return int(number) if whole else float(number)


def _number(value: object) -> Number | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None
    try:
        return int(str(value)) if isinstance(value, str) else None
    except ValueError:
        pass
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _kind(value: object) -> str:
    return "text" if isinstance(value, str) else type(value).__name__


def _suggestion(parameter: Parameter, value: object) -> str:
    """For a text such as `100ms` the number that was probably meant."""
    factors = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
    if not isinstance(value, str) or parameter.unit not in factors:
        return ""
    text = value.strip().casefold()
    unit = next((unit for unit in ("ns", "us", "ms", "s") if text.endswith(unit)), None)
    number = _number(text.removesuffix(unit).strip()) if unit else None
    if number is None or number < 0:
        return ""
    meant = number * factors[unit or "ns"] / factors[parameter.unit]
    return f" Did you mean {meant:g}?"


def _closest(wanted: str, criteria: Mapping[str, Criterion]) -> str:
    # The letter and the number weigh more than the looks of the text: 'P2' means P02, not P12.
    digits = "".join(ch for ch in wanted if ch.isdigit())
    if digits and (exact := f"{wanted[0].upper()}{int(digits):02}") in criteria:
        return f" Closest: {criteria[exact].title}."
    names = {name: c for c in criteria.values() for name in (c.id.casefold(), c.header.name)}
    near = difflib.get_close_matches(wanted, names, 1, 0.4)
    return f" Closest: {names[near[0]].title}." if near else ""
