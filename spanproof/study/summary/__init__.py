"""What the research summary asks and says, list by list.

A hypothesis has claims of its own. What stands in another list is mostly the same question in other words: it rests on the claims of the
hypotheses that are judged by the criteria of its subject (`resting.on`), and so follows whatever scenarios add there.
"""

from __future__ import annotations

from typing import Final

from .failure_modes import FAILURE_MODES
from .hypotheses import HYPOTHESES
from .limitations import LIMITATIONS
from .statements import STATEMENTS
from .success import SUCCESS

__all__ = ["HYPOTHESES", "QUESTIONS"]

QUESTIONS: Final = (*HYPOTHESES, *FAILURE_MODES, *SUCCESS, *LIMITATIONS, *STATEMENTS)
"""All of them, in the order in which a report answers them."""
