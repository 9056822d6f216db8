"""Room `analyzers`: reads traces and judges them. Behind this door: loading traces into tables, and judging what was loaded.

The room knows DuckDB, and of the other rooms only `instrument.vocabulary`. The door is lazy: what is not used is not imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if not __name__.startswith("spanproof."):
    raise ImportError(
        f"this package was imported as {__name__!r}; it is a room of spanproof and works only as 'spanproof.analyzers'. "
        "Write: import spanproof.analyzers"
    )

if TYPE_CHECKING:
    from .cataloguing import catalogue as catalogue
    from .errors import AnalyzerError as AnalyzerError
    from .errors import InputError as InputError
    from .judging import check as check
    from .judging import judge as judge
    from .loading import connect as connect
    from .loading import create_schema as create_schema
    from .loading import finish as finish
    from .loading import load as load
    from .report import Report as Report
    from .sources import find as find

_BEHIND = {
    "AnalyzerError": ".errors",
    "InputError": ".errors",
    "Report": ".report",
    "catalogue": ".cataloguing",
    "check": ".judging",
    "connect": ".loading",
    "create_schema": ".loading",
    "find": ".sources",
    "finish": ".loading",
    "judge": ".judging",
    "load": ".loading",
}


def __getattr__(name: str) -> Any:
    """Load the module behind a public name when it is first asked for."""
    try:
        home = _BEHIND[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home, __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_BEHIND])
