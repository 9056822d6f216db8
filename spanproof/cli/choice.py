"""Which criteria are meant by the words of `--select` and `--ignore`, and whether they and their parameters are there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..analyzers import catalogue
from ..analyzers.cataloguing import UnknownCriterionError, find, settings
from ..analyzers.verdicts import SEVERITIES
from ..config import Settings


def expand(words: Iterable[str], folders: Iterable[Path]) -> list[str]:
    """The ids that are meant: by id, name, letter of a family, or severity.

    Raises:
        UnknownCriterionError: a word means no criterion.
    """
    criteria = catalogue(folders)
    ids: list[str] = []
    for word in words:
        if word in SEVERITIES:
            alike = [criterion.id for criterion in criteria.values() if criterion.header.severity == word]
            if not alike:
                # Nothing selected would mean everything.
                raise UnknownCriterionError(f"no criterion has the severity {word!r}. `spanproof criteria` lists them all.")
            ids += alike
        else:
            ids += [criterion.id for criterion in find(word, criteria)]
    return ids


def check(chosen: Settings) -> None:
    """See that the parameters exist and can have their values.

    Raises:
        UnknownCriterionError, ParameterError: not so.
    """
    settings(catalogue(chosen.criteria), chosen.params)
