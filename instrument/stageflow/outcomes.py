"""stageflow's own words for how a stage went, as outcomes of our vocabulary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..texts import TEXT_LIMIT

if TYPE_CHECKING:
    from ..vocabulary import Outcome

_PLAIN = (dict, list, tuple, set, frozenset, str, bytes, int, float)

# The text that run_with_interceptors gives a stage whose wait_for raised TimeoutError.
_TIMED_OUT = re.compile(r"Stage timed out after .*ms")

_OUTPUTS: dict[str, Outcome] = {
    "ok": "completed",
    "skip": "skipped",
    "cancel": "cancelled",
    "fail": "failed",
    "failed": "failed",
    "retry": "failed",
}


def word(status: object) -> str:
    """The library's word for the kind of output, as plain text."""
    return str(getattr(status, "value", status))


def of_output(output: Any) -> Outcome:
    """Outcome that a stage's return value stands for: a StageOutput, a dict or None."""
    status = getattr(output, "status", None)
    if status is None:
        return "completed"
    outcome = _OUTPUTS.get(word(status), "completed")
    if outcome == "failed" and says_timed_out(getattr(output, "error", None)):
        return "timed_out"
    return outcome


def of_body(output: Any) -> tuple[Outcome, str, bool]:
    """(outcome, status, carries data) of what a stage's body returned."""
    status = getattr(output, "status", None)
    if status is None:
        # The graph takes a dict or None for "ok" and refuses all else, which is no matter of the body's own outcome.
        return "completed", "ok" if output is None or is_dict(output) else type(output).__name__, carries(output)
    text = word(status)
    # "timed out" in the text of an output that the body itself returned: its own deadline did not cut it.
    return _OUTPUTS.get(text, "completed"), text, carries(getattr(output, "data", None))


def of_result(result: Any) -> Outcome:
    """Outcome that a StageResult tells."""
    if result.status == "failed":
        return "timed_out" if says_timed_out(result.error) else "failed"
    return "completed"


def carries(data: object) -> bool:
    """Whether there are data: not None and not an empty container. No code of the user's is asked."""
    return bool(data) if dict is type(data) or data is None or _is_plain(data) else True


def is_dict(value: object) -> bool:
    """Whether it is a dictionary."""
    return isinstance(value, dict)


def _is_plain(value: object) -> bool:
    return isinstance(value, _PLAIN)


def text_of(value: object) -> str:
    """An error's text, cut; a `__str__` that raises must not become our fault."""
    try:
        return str(value)[:TEXT_LIMIT]
    except Exception:  # noqa: BLE001 - any user's __str__ may raise anything
        return "<its __str__ raised>"


def says_timed_out(text: object) -> bool:
    """Whether an error text is stageflow's report of a timeout."""
    return isinstance(text, str) and _TIMED_OUT.fullmatch(text) is not None
