"""The end of a process by its own hand: a server that was asked to stop raises the signal again when it has shut down.

`signal.raise_signal` with the system's own action leaves no time for anything; so the recording is finished before.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .patching import Patches

_DEADLY = frozenset(
    number for name in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGABRT", "SIGTERM") if (number := getattr(signal, name, None)) is not None
)


def install(patches: Patches, finish: Callable[[], Any]) -> None:
    """Call `finish` before a signal that ends this process."""
    original = signal.raise_signal

    def raise_signal(signalnum: Any, /) -> None:
        if _ends_us(signalnum):
            finish()
        original(signalnum)

    patches.set(signal, "raise_signal", raise_signal)


def _ends_us(number: Any) -> bool:
    if number not in _DEADLY or signal.getsignal(number) is not signal.SIG_DFL:
        return False
    blocked: set[Any] = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if hasattr(signal, "pthread_sigmask") else set()
    return number not in blocked and threading.main_thread().is_alive()
