"""What the recorder knows of each cancel scope. Kept beside the scopes, which have no room for it, and gone with them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..awaiting import Wait
    from ..callers import Group
    from ..records import Attributes, Deadline, Request, Unit
    from ..taskstate import TaskState


class Scope:
    """One cancel scope.

    Attributes:
        state: the task that has entered it; None: it is not entered.
        deadline: its deadline and, through that, its unit; None for a scope that anyio keeps for itself.
        request: what it asks of its own task since it was cancelled.
        former: the request on its own task that it was cancelled for: a group that is left by a cancellation passes that on.
        asked: what is told of that request wherever it is passed on.
        group: the task group whose scope it is.
        wait: the group's wait for its members.
    """

    __slots__ = ("asked", "deadline", "former", "group", "request", "state", "wait")

    def __init__(self) -> None:
        self.state: TaskState | None = None
        self.deadline: Deadline | None = None
        self.request: Request | None = None
        self.former: Request | None = None
        self.asked: Attributes | None = None
        self.group: Group | None = None
        self.wait: Wait | None = None

    @property
    def unit(self) -> Unit | None:
        """Its unit; None for a scope of anyio's own."""
        return self.deadline.unit if self.deadline is not None else None


class Scopes:
    """All scopes of one recording that something is known of."""

    def __init__(self) -> None:
        self._known: weakref.WeakKeyDictionary[Any, Scope] = weakref.WeakKeyDictionary()

    def get(self, scope: Any) -> Scope | None:
        """What is known of a scope; None: nothing."""
        return self._known.get(scope)

    def of(self, scope: Any) -> Scope:
        """What is known of a scope, from now on something."""
        known = self._known.get(scope)
        if known is None:
            known = self._known[scope] = Scope()
        return known

    def forget(self, scope: Any) -> None:
        """The scope has been left."""
        self._known.pop(scope, None)
