"""Replace attributes of other modules for the length of a session, and put the originals back, by identity."""

from __future__ import annotations

from typing import Any

_ABSENT = object()


class Patches:
    """A stack of replaced attributes. `restore` is idempotent.

    An attribute that somebody else replaced after us is left alone: our wrapper below it passes everything through
    once the session has ended.
    """

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []

    def set(self, owner: Any, name: str, value: Any) -> Any:
        """Replace `owner.name` (a class, a module or a function) and return the original (None when there was none)."""
        # What the owner itself holds: an inherited attribute must be deleted again, and a method not bound to anything.
        original: Any = owner.__dict__.get(name, _ABSENT)
        if name == "__code__":
            original = owner.__code__
        setattr(owner, name, value)
        self._done.append((owner, name, original, value))
        return None if original is _ABSENT else original

    def restore(self) -> None:
        """Put every original back, the last replaced first."""
        while self._done:
            owner, name, original, value = self._done.pop()
            if getattr(owner, name, _ABSENT) is not value and vars(owner).get(name) is not value:
                continue
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
