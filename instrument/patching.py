"""Replace attributes of other modules for the length of a session, and put the originals back, by identity."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_ABSENT = object()


class Patches:
    """A stack of replaced attributes. `restore` is idempotent.

    An attribute that somebody else replaced after us is left alone: our wrapper below it passes everything through
    once the session has ended.
    """

    def __init__(self) -> None:
        self._done: list[Callable[[], None]] = []

    def set(self, owner: Any, name: str, value: Any) -> Any:
        """Replace `owner.name` (a class, a module or a function) and return the original (None when there was none)."""
        # What the owner itself holds: an inherited attribute must be deleted again, and a method not bound to anything.
        original: Any = owner.__dict__.get(name, _ABSENT)
        if name == "__code__":
            original = owner.__code__
        setattr(owner, name, value)
        self._done.append(partial(_put_back, owner, name, original, value))
        return None if original is _ABSENT else original

    def undo(self, step: Callable[[], None]) -> None:
        """Something else was changed: `step` takes it back in its turn."""
        self._done.append(step)

    def restore(self) -> None:
        """Put every original back, the last replaced first."""
        while self._done:
            self._done.pop()()


def _put_back(owner: Any, name: str, original: Any, value: Any) -> None:
    if getattr(owner, name, _ABSENT) is not value and vars(owner).get(name) is not value:
        return
    if original is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, original)
