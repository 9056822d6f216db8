"""Room `scenarios`: runs pipelines. Behind this door: the catalogue, and running it, each run in a process and a recording of its own.

The room knows stageflow and `instrument`. The door is lazy: importing it loads neither; looking at the catalogue loads stageflow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if not __name__.startswith("spanproof."):
    raise ImportError(
        f"this package was imported as {__name__!r}; it is a room of spanproof and works only as 'spanproof.scenarios'. "
        "Write: import spanproof.scenarios"
    )

if TYPE_CHECKING:
    from .discovery import UnknownScenarioError as UnknownScenarioError
    from .discovery import catalogue as catalogue
    from .discovery import find as find
    from .discovery import select as select
    from .result import RunResult as RunResult
    from .runner import run as run
    from .runner import run_many as run_many
    from .scenario import Expected as Expected
    from .scenario import Scenario as Scenario
    from .scenario import Variant as Variant

_BEHIND = {
    "Expected": ".scenario",
    "RunResult": ".result",
    "Scenario": ".scenario",
    "UnknownScenarioError": ".discovery",
    "Variant": ".scenario",
    "catalogue": ".discovery",
    "find": ".discovery",
    "run": ".runner",
    "run_many": ".runner",
    "select": ".discovery",
}

__all__ = [
    "Expected",
    "RunResult",
    "Scenario",
    "UnknownScenarioError",
    "Variant",
    "catalogue",
    "find",
    "run",
    "run_many",
    "select",
]


def __getattr__(name: str) -> Any:
    """Load the module behind a public name when it is first asked for."""
    try:
        home = _BEHIND[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home, __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_BEHIND])
