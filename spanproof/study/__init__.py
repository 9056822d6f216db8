"""The study: all scenarios, run, judged and answered. Part of the door: it uses all rooms.

from spanproof.study import run_study
result = run_study()
print(result.folder / "report.md")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .result import StudyResult as StudyResult
    from .study import conclude as conclude
    from .study import run_study as run_study
    from .study import write as write
    from .text import plain as plain

_BEHIND = {"StudyResult": ".result", "conclude": ".study", "plain": ".text", "run_study": ".study", "write": ".study"}

__all__ = ["StudyResult", "conclude", "plain", "run_study", "write"]


def __getattr__(name: str) -> Any:
    """Load the module behind a public name when it is first asked for."""
    try:
        home = _BEHIND[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home, __name__), name)
