"""Advice that several claims have in common."""

from __future__ import annotations

from typing import Final

STOP_THEM: Final = (
    "Run pipelines by a helper that notes the tasks of the stages at work and cancels them when the run ends in any way; "
    "`spanproof/scenarios/workaround.py` has one to copy, of 30 lines."
)
