"""Spanproof proves from recorded traces whether timeouts and cancellations in async Python programs really work.

The public names live here, and are loaded when they are first used: recording needs neither DuckDB nor the criteria, judging
needs neither OpenTelemetry nor stageflow.

    import spanproof

    with spanproof.session():            # record everything that asyncio and stageflow do in here
        asyncio.run(main())

    report = spanproof.check([])         # judge the newest recording
    print(report.to_json())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .analyzers import check as check
    from .analyzers import load as load
    from .instrument import detached as detached
    from .instrument import heartbeat as heartbeat
    from .instrument import resource as resource
    from .instrument import session as session
    from .instrument import start as start
    from .instrument import stop as stop

__version__: Final = "0.1.0"

_ROOM_OF: Final = {
    "session": "instrument",
    "start": "instrument",
    "stop": "instrument",
    "detached": "instrument",
    "resource": "instrument",
    "heartbeat": "instrument",
    "load": "analyzers",
    "check": "analyzers",
}
"""The room behind each public name; a name is imported from it when it is first asked for."""


def load_ipython_extension(_shell: object) -> None:
    """`%load_ext spanproof`: record from here on, what runs in the notebook's loop already included."""
    from .instrument import notebook

    notebook.begin()


def unload_ipython_extension(_shell: object) -> None:
    """`%unload_ext spanproof`: end the recording that `%load_ext` began."""
    from .instrument import notebook

    notebook.end()


def __getattr__(name: str) -> object:
    room = _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module 'spanproof' has no attribute {name!r}; it has {', '.join(sorted(_ROOM_OF))}")
    value = getattr(import_module(f".{room}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOM_OF})
