"""What is noted of a step that kept its loop busy too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import vocabulary as v

if TYPE_CHECKING:
    from .records import Attributes, Step


def blocked_facts(step: Step, lasted_ns: int) -> Attributes:
    """The attributes of `loop.blocked`. Called before `step.noted_ns` moves on.

    Args:
        step: the step, settled by the watchdog.
        lasted_ns: how long the loop has stood still since what was noted last.
    """
    facts: Attributes = {v.BLOCKED_NS: lasted_ns, v.BLOCKED_STALLED: step.stalled}
    if step.cpu_ns is not None:
        facts[v.BLOCKED_CPU_NS] = step.cpu_ns
    # What is noted later is a part of the step, and the wait is known of the whole.
    if step.starved_ns is not None and step.noted_ns == step.started_ns:
        facts[v.BLOCKED_STARVED_NS] = step.starved_ns
    if step.blocked_at is not None:
        facts[v.AT_FILE], facts[v.AT_LINE], facts[v.AT_FUNCTION] = step.blocked_at
    return facts
