"""Finds the claims of hypotheses that another question rests on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .hypotheses import HYPOTHESES

if TYPE_CHECKING:
    from ..model import Claim, Question


def on(*judges: str, of: Iterable[Question] = HYPOTHESES) -> tuple[Claim, ...]:
    """The claims that are judged by one of these criteria or facts, each once.

    Args:
        judges: ids of criteria and names of facts.
        of: the hypotheses whose claims are meant.
    """
    return tuple(claim for claim in all_of(*of) if {*claim.criteria, claim.fact} & {*judges})


def all_of(*questions: Question) -> tuple[Claim, ...]:
    """The claims of these hypotheses that are about the library, each once."""
    return tuple(dict.fromkeys(claim for each in questions for claim in each.claims if not claim.own))
