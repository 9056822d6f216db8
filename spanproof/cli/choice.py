"""Which criteria are meant by the words of `--select` and `--ignore`, and whether they and their parameters are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ..analyzers import catalogue
from ..analyzers.cataloguing import find, settings
from ..config import Settings


def expand(words: Iterable[str], folders: Iterable[Path]) -> list[str]:
    """The ids that are meant: by id, name, letter of a family, or severity.

    Raises:
        UnknownCriterionError: a word means no criterion.
    """
    criteria = catalogue(folders)
    return [criterion.id for word in words for criterion in find(word, criteria)]


def check(chosen: Settings, supposed: Mapping[str, object]) -> None:
    """See that the parameters exist and can have their values, those that are only supposed too.

    Raises:
        UnknownCriterionError, ParameterError: not so.
    """
    settings(catalogue(chosen.criteria), {**chosen.params, **supposed})
