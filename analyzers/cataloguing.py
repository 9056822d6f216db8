"""The catalogue of criteria: every `.sql` file of `criteria/` and of the user's own folders, by id.

A criterion is found by its id (`P02`), its name (`child-outlives-cancel`) or, for all of a family, its letter (`P`).
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import AnalyzerError
from .header import Header, Parameter, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOME: Final = Path(__file__).parent / "criteria"
SHARED: Final = HOME / "shared"
"""Relations that several criteria need; the judge builds them first, in the order of their file names. No criteria."""

Number = int | float


class UnknownCriterionError(AnalyzerError):
    """No criterion has that id or name; the message names the closest one."""


class ParameterError(AnalyzerError):
    """A parameter does not exist, or its value is not a number of the kind that it must be."""


class CatalogueError(AnalyzerError):
    """Two criteria have one id, or a folder of criteria cannot be read."""


@dataclass(frozen=True)
class Criterion:
    """One criterion: its header and where its query is."""

    header: Header
    path: Path

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

    @cached_property
    def sql(self) -> str:
        """The whole file; its header is a comment."""
        return self.path.read_text(encoding="utf-8")


def catalogue(criteria_dirs: Iterable[str | Path] = ()) -> dict[str, Criterion]:
    """All criteria by id, in the order of ids: ours and those in `criteria_dirs`.

    Raises:
        HeaderError: the header of a file cannot be used.
        CatalogueError: an id is taken twice, or a folder does not exist.
    """
    found: dict[str, Criterion] = {}
    for folder in (HOME, *(Path(folder) for folder in criteria_dirs)):
        if not folder.is_dir():
            raise CatalogueError(f"{folder}: no such folder. `--criteria` takes a folder that holds .sql files.")
        for path in sorted(folder.rglob("*.sql")):
            if path.parent == SHARED:
                continue
            criterion = Criterion(parse(path.read_text(encoding="utf-8"), path), path)
            if criterion.id in found:
                raise CatalogueError(
                    f"{path}: id {criterion.id} is taken by {found[criterion.id].path}. Give yours a letter of its own, for example X01."
                )
            found[criterion.id] = criterion
    return dict(sorted(found.items()))


def find(word: str, criteria: Mapping[str, Criterion]) -> list[Criterion]:
    """The criteria that an id, a name or a family's letter means.

    Raises:
        UnknownCriterionError: none.
    """
    wanted = word.strip().casefold()
    hits = [c for c in criteria.values() if wanted in {c.id.casefold(), c.header.name, c.title.casefold(), c.id[0].casefold()}]
    if not hits:
        raise UnknownCriterionError(f"no criterion {word!r}.{_closest(wanted, criteria)} `spanproof criteria` lists them all.")
    return hits


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
