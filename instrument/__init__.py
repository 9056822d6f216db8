"""Room `instrument`: writes traces. Behind this door: attaching to a program, and what a program can declare about itself.

The room knows asyncio, stageflow and OpenTelemetry, and nothing of the analyzers. The door is lazy: `instrument.vocabulary`,
which the reader shares, loads none of the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if not __name__.startswith("spanproof."):
    raise ImportError(
        f"this package was imported as {__name__!r}; it is a room of spanproof and works only as 'spanproof.instrument'. "
        "Write: import spanproof.instrument"
    )

if TYPE_CHECKING:
    from .attach import Session as Session
    from .attach import session as session
    from .attach import start as start
    from .attach import stop as stop
    from .declare import detached as detached
    from .declare import heartbeat as heartbeat
    from .declare import resource as resource
    from .instrumentor import StageflowInstrumentor as StageflowInstrumentor
    from .interceptor import SpanproofInterceptor as SpanproofInterceptor

_BEHIND = {
    "SpanproofInterceptor": ".interceptor",
    "Session": ".attach",
    "StageflowInstrumentor": ".instrumentor",
    "detached": ".declare",
    "heartbeat": ".declare",
    "resource": ".declare",
    "session": ".attach",
    "start": ".attach",
    "stop": ".attach",
}

__all__ = [
    "Session",
    "SpanproofInterceptor",
    "StageflowInstrumentor",
    "detached",
    "heartbeat",
    "resource",
    "session",
    "start",
    "stop",
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
