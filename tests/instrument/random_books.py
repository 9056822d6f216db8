"""What a random program notes of itself: by hand, with nothing of the recorder.

A CancelledError is seen where it is thrown into the coroutine; how many requests were new by then comes from `cancelling()` alone.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import Any

WITHDRAWS = sys.version_info >= (3, 13)
"""`uncancel()` down to 0 takes back what is not delivered yet, and a TaskGroup that raises asks its parent anew."""

INNER_TASK = sys.version_info < (3, 12)
"""`wait_for` runs what it is given in a task of its own."""


@dataclass(eq=False)
class Token:
    """One request that was delivered; `scope`: the scope whose timer asked, else anybody from outside."""

    scope: UnitBook | None = None
    group: object | None = None


@dataclass(eq=False)
class UnitBook:
    """What a unit notes of itself.

    Attributes:
        deliveries: for each CancelledError that entered it: the loop's time, and how many requests it answered (0: borrowed).
        owed: requests that were delivered and that nothing has ended yet.
        swallowed: how it ended instead, with requests still owed.
    """

    name: str
    created: bool = True
    started: bool = False
    outcome: str = ""
    deliveries: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    owed: list[Token] = field(default_factory=list[Token])
    swallowed: str | None = None
    step: int = -1
    timeout: Any = None
    fired: bool = False
    before: int = 0
    due: float = 0
    own: Token | None = None
    handed_on: bool = False


@dataclass(eq=False)
class TaskBook:
    """One task: its own unit and the scopes that are open in it, innermost last.

    Attributes:
        answered: how much of `cancelling()` has been delivered, by asyncio task (3.11: the inner tasks of wait_for too).
        groups: TaskGroups that are open.
        steps: how often something was sent or thrown into it.
        level: how many drivers stand inside each other.
    """

    unit: UnitBook
    stack: list[UnitBook] = field(default_factory=list[UnitBook])
    answered: dict[Any, int] = field(default_factory=dict[Any, int])
    groups: list[Any] = field(default_factory=list[Any])
    asked_by_group: set[int] = field(default_factory=set[int])
    waits: list[UnitBook] = field(default_factory=list[UnitBook])
    steps: int = 0
    carried: int = 0
    again: list[Token] = field(default_factory=list[Token])
    level: int = 0
    index: int = 0


class Driver:
    """Awaits a coroutine and notes each CancelledError that is thrown into it; of nested ones the innermost does."""

    def __init__(self, coro: Any, book: TaskBook, program: Books) -> None:
        self.coro, self.book, self.program = coro, book, program
        book.level += 1
        self.level = book.level
        # Whether each thing that is sent is a step of a task.
        self.steps = self.level == 1 or INNER_TASK

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        self.book.steps += self.steps
        self._nothing_thrown()
        return self._drive(self.coro.send, value)

    def _nothing_thrown(self) -> None:
        if self.steps:
            # What was asked before it and is not thrown now was kept by what was awaited.
            task: Any = asyncio.current_task()
            lost = task.cancelling() - self.book.answered.get(task, 0)
            self.book.answered[task] = task.cancelling()
            self.program.new_tokens(self.book)
            self.program.whose(self.book, [Token() for _ in range(lost)])

    def throw(self, *error: Any) -> Any:
        self.book.steps += self.steps
        if not isinstance(error[0] if len(error) == 1 else error[1], asyncio.CancelledError):
            self._nothing_thrown()
            return self._drive(self.coro.throw, *error)
        if INNER_TASK and len(self.book.waits) >= self.level:
            # wait_for hands it on to its inner task; asked again meanwhile, it leaves that behind.
            scope = self.book.waits[self.level - 1]
            self.program.undecided |= scope.handed_on
            scope.handed_on = True
        if self.level == self.book.level:
            self.program.delivered(self.book)
        elif INNER_TASK:
            # By one cancel(), however often it was asked itself.
            task: Any = asyncio.current_task()
            count = task.cancelling()
            self.book.carried += max(0, count - self.book.answered.get(task, 0) - 1)
            self.book.answered[task] = count
        return self._drive(self.coro.throw, *error)

    def _drive(self, resume: Any, *arguments: Any) -> Any:
        try:
            return resume(*arguments)
        except BaseException:
            if self.level == self.book.level:
                self.book.level -= 1
            raise

    def close(self) -> None:
        self.coro.close()


class Books:
    """The rules of the book: what is delivered, what it answers, how a unit ended."""

    undecided = False

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def delivered(self, book: TaskBook) -> None:
        task: Any = asyncio.current_task()
        count = task.cancelling()
        new = max(0, count - book.answered.get(task, 0)) + book.carried
        book.answered[task] = count
        book.carried = 0
        tokens = self.new_tokens(book) + book.again
        book.again = []
        # What was asked twice before a step (3.11 and 3.12: a request of a scope that has been left) is still one of those counted.
        tokens = tokens[:new] + [Token() for _ in range(new - len(tokens))]
        self.whose(book, [token for token in tokens if token.scope is None and token.group is None])
        self.enters(book, book.stack[-1] if book.stack else book.unit, tokens)

    def whose(self, book: TaskBook, unknown: list[Token]) -> None:
        """A wait_for does not say whether its timer ran: if one of these is its, then the first that came when it was due."""
        for scope in sorted(book.waits, key=lambda each: abs(self.now() - each.due)):
            if unknown and scope.own is None and self.now() >= scope.due - 1e-6:
                scope.own = unknown.pop()

    def new_tokens(self, book: TaskBook) -> list[Token]:
        """Scopes and groups of this task that have asked since the last time."""
        tokens: list[Token] = []
        for scope in book.stack:
            if scope.timeout is not None and scope.timeout.expired() and not scope.fired:
                scope.fired = True
                tokens.append(Token(scope=scope))
        for group in book.groups:
            if group._parent_cancel_requested and id(group) not in book.asked_by_group:
                book.asked_by_group.add(id(group))
                tokens.append(Token(group=group))
        return tokens

    def enters(self, book: TaskBook, unit: UnitBook, tokens: list[Token]) -> None:
        unit.deliveries.append((self.now(), len(tokens)))
        if tokens:
            unit.owed.extend(tokens)
            unit.step = book.steps

    def ended(self, book: TaskBook, unit: UnitBook, error: BaseException | None, outcome: str | None = None) -> None:
        """A unit is over: by return, or by an exception; a CancelledError goes on to the next outer unit."""
        if unit in book.stack:
            book.stack.remove(unit)
        if isinstance(error, asyncio.CancelledError):
            unit.outcome = outcome or "cancelled"
            if unit is not book.unit:
                outer = book.stack[-1] if book.stack else book.unit
                inside = [*book.stack[: book.stack.index(outer) + 1]] if book.stack else []
                self.enters(book, outer, [token for token in unit.owed if token.scope is None or token.scope in inside])
            return
        unit.outcome = outcome or ("completed" if error is None else "failed")
        if unit.owed:
            unit.swallowed = "raised" if error is not None else "returned" if book.steps == unit.step else "went_on"

    def consume(self, book: TaskBook, ended: list[Token]) -> None:
        for unit in (book.unit, *book.stack):
            unit.owed = [token for token in unit.owed if token not in ended]
