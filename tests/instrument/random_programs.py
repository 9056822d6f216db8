"""Small asyncio programs, each a tree of statements, that keep a book of their own about what happens to them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from .random_books import INNER_TASK, WITHDRAWS, Books, Driver, TaskBook, Token, UnitBook

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

Statement = tuple[Any, ...]
Body = list[Any]


class Noted(Exception):
    """What programs raise."""


def eager_task_factory() -> Any:
    """Python 3.12 and later: tasks make their first step where they are created."""
    return vars(asyncio)["eager_task_factory"]


class Program(Books):
    """Runs a tree of statements and keeps the books."""

    def __init__(self, body: Body, *, eager: bool = False) -> None:
        self.body = body
        self.eager = eager
        self.handles: dict[int, asyncio.Task[Any]] = {}
        self.tasks: list[UnitBook] = []
        self.scopes: list[UnitBook] = []

    async def main(self) -> None:
        if self.eager:
            asyncio.get_running_loop().set_task_factory(eager_task_factory())
        self.spawn(self.body)
        while any(not task.done() for task in self.handles.values()):
            await asyncio.wait(self.handles.values())
        await asyncio.sleep(0)
        for task in self.handles.values():
            if not task.cancelled():
                task.exception()

    def make(self, body: Body) -> tuple[Any, TaskBook]:
        unit = UnitBook(f"n{len(self.tasks)}")
        book = TaskBook(unit, index=len(self.tasks))
        self.tasks.append(unit)
        coro: Any = self.task(body, book)
        coro.__qualname__ = unit.name
        unit.outcome = "cancelled"
        return coro, book

    def spawn(self, body: Body, create: Any = asyncio.create_task) -> None:
        coro, book = self.make(body)
        # An eager task makes its first step in here.
        try:
            task: asyncio.Task[Any] = create(coro)
        except RuntimeError:
            # Its group is shutting down: an eager member failed at once.
            coro.close()
            book.unit.created = False
            raise
        self.handles[book.index] = task

    async def task(self, body: Body, book: TaskBook) -> None:
        book.unit.started = True
        error: BaseException | None = None
        try:
            await Driver(self.run(body, book), book, self)
        except BaseException as caught:
            error = caught
            raise
        finally:
            self.ended(book, book.unit, error)

    async def run(self, body: Body, book: TaskBook) -> None:
        for statement in body:
            await getattr(self, f"do_{statement[0]}")(book, *statement[1:])

    async def do_sleep(self, book: TaskBook, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def do_spawn(self, book: TaskBook, body: Body) -> None:
        self.spawn(body)

    def pick(self, number: int, book: TaskBook | None = None) -> Any:
        """A task; with `book` one that was made after it, so that waits never form a ring."""
        later = [index for index in sorted(self.handles) if book is None or index > book.index]
        return self.handles[later[number % len(later)]] if later else None

    async def do_await(self, book: TaskBook, number: int, how: str) -> None:
        task = self.pick(number, book)
        if task is None:
            return
        with contextlib.suppress(Noted):
            if how == "plain":
                await task
            elif how == "shield":
                await asyncio.shield(task)
            elif how == "wait":
                await asyncio.wait({task}, timeout=2)
            else:
                await asyncio.gather(task, return_exceptions=how == "quiet")

    async def do_cancel(self, book: TaskBook, number: int) -> None:
        task = self.pick(number)
        if task is not None:
            task.cancel()

    async def do_cancel_self(self, book: TaskBook) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async def do_cancel_later(self, book: TaskBook, number: int, seconds: float) -> None:
        task = self.pick(number)
        if task is not None:
            asyncio.get_running_loop().call_later(seconds, task.cancel)

    async def do_uncancel(self, book: TaskBook) -> None:
        task: Any = asyncio.current_task()
        if not task.cancelling() or book.level > 1 or book.groups:
            # Inside wait_for or a group it would be that one's own count.
            return
        undelivered = task.cancelling() > book.answered.get(task, 0)
        left = task.uncancel()
        if undelivered and (not WITHDRAWS or left):
            # It stays where it is: what is taken off the count is one that was delivered before, if there is one.
            book.answered[task] = book.answered.get(task, 0) - 1
        elif not undelivered:
            book.answered[task] = left
        if not (undelivered and WITHDRAWS and left == 0):
            units = [unit for unit in (*reversed(book.stack), book.unit) if unit.owed]
            if units:
                self.consume(book, [units[0].owed[-1]])

    async def do_raise(self, book: TaskBook) -> None:
        raise Noted

    async def do_raise_cancelled(self, book: TaskBook) -> None:
        raise asyncio.CancelledError

    async def do_finally(self, book: TaskBook, body: Body, last: Body) -> None:
        try:
            await self.run(body, book)
        finally:
            await self.run(last, book)

    async def do_except(self, book: TaskBook, body: Body, handler: Body, end: str) -> None:
        try:
            await self.run(body, book)
        except asyncio.CancelledError:
            await self.run(handler, book)
            if end == "again":
                raise
            if end == "other":
                raise Noted from None

    async def do_catch(self, book: TaskBook, body: Body) -> None:
        with contextlib.suppress(Noted, TimeoutError):
            await self.run(body, book)

    async def do_generator(self, book: TaskBook, body: Body, last: Body) -> None:
        async def numbers() -> AsyncGenerator[int]:
            await self.run(body, book)
            yield 1
            await self.run(last, book)

        async with contextlib.aclosing(numbers()) as source:
            async for _ in source:
                await asyncio.sleep(1)

    def open(self, book: TaskBook) -> UnitBook:
        scope = UnitBook(f"s{len(self.scopes)}", started=True)
        self.scopes.append(scope)
        return scope

    async def do_timeout(self, book: TaskBook, seconds: float | None, body: Body) -> None:
        scope = self.open(book)
        reached: BaseException | None = None
        out: BaseException | None = None
        task: Any = asyncio.current_task()
        before = 0
        try:
            async with asyncio.timeout(seconds) as scope.timeout:
                book.stack.append(scope)
                try:
                    await self.run(body, book)
                except BaseException as error:
                    reached = error
                    raise
                finally:
                    before = task.cancelling()
        except BaseException as error:
            out = error
        self.left(book, task, before)
        own = [token for token in scope.owed if token.scope is scope]
        cancelled = isinstance(reached, asyncio.CancelledError)
        if cancelled:
            self.consume(book, own)
        self.ended(book, scope, out, "timed_out" if cancelled and isinstance(out, TimeoutError) else None)
        # Whatever becomes of it: it was asked of nobody further out.
        self.consume(book, own)
        if out is not None and not isinstance(out, TimeoutError):
            raise out

    def left(self, book: TaskBook, task: Any, before: int) -> None:
        """A scope or a group was left, which takes back what it asked itself; not delivered before 3.13, it comes all the same."""
        after = task.cancelling()
        answered = book.answered.get(task, 0)
        undelivered = before > answered
        dropped = before - after
        if not undelivered:
            book.answered[task] = after
        elif WITHDRAWS and after == 0:
            book.answered[task] = 0
        else:
            book.answered[task] = answered - dropped

    async def do_group(self, book: TaskBook, members: list[Body], body: Body, catch: bool) -> None:
        task: Any = asyncio.current_task()
        group: Any = asyncio.TaskGroup()
        out: BaseException | None = None
        book.groups.append(group)
        undelivered = steps = 0
        try:
            async with group:
                try:
                    for each in members:
                        self.spawn(each, group.create_task)
                    await self.run(body, book)
                finally:
                    undelivered, steps = self.group_ends(book, task, group), book.steps
        except BaseException as error:
            out = error
        book.groups.remove(group)
        raised = isinstance(out, BaseExceptionGroup)
        former = [token for unit in (book.unit, *book.stack) for token in unit.owed if token.group is not group]
        if WITHDRAWS and raised and former:
            # 3.13 asks anew for whoever had asked.
            book.again = [Token(scope=former[-1].scope, group=former[-1].group)]
        self.consume(book, [token for unit in (book.unit, *book.stack) for token in unit.owed if raised or token.group is group])
        count = task.cancelling()
        # Still to come: what had not come when the group waited for nobody, and what 3.13 asks anew when it raises.
        new = undelivered if book.steps == steps else 0
        new += bool(WITHDRAWS and raised and count)
        book.answered[task] = count - new if task._must_cancel else count
        if out is not None and not (catch and isinstance(out, Exception)):
            raise out

    def group_ends(self, book: TaskBook, task: Any, group: Any) -> int:
        """How many requests have not come yet when a group's end is reached; it takes back its own first of all."""
        count, answered = task.cancelling(), book.answered.get(task, 0)
        undelivered = int(count - answered)
        if not group._parent_cancel_requested:
            return undelivered
        if not WITHDRAWS:
            book.answered[task] = answered - 1
        elif id(group) not in book.asked_by_group:
            # An eager member failed at once: what it asked is undone, if it has not come by then.
            undelivered -= 1
        return undelivered

    async def do_wait_for(self, book: TaskBook, seconds: float | None, body: Body) -> None:
        if seconds is None:
            await asyncio.wait_for(self.run(body, book), None)
            return
        scope = self.open(book)
        if INNER_TASK:
            # Two tasks count the requests there: what comes in the same moment could not be told apart here.
            seconds += len(self.scopes) / 1000
        task: Any = asyncio.current_task()
        scope.due = self.now() + seconds
        scope.before = task.cancelling()
        book.waits.append(scope)
        out: BaseException | None = None
        level = book.level
        book.stack.append(scope)
        try:
            await asyncio.wait_for(self.inner(body, book, scope), seconds)
        except BaseException as error:
            out = error
        if book.level != level:
            # 3.11, asked twice: wait_for has left its inner task behind.
            self.undecided, book.level = True, level
        book.waits.remove(scope)
        own = isinstance(out, TimeoutError)
        # The timer asked if wait_for took a request back (3.11: if it was due when somebody did).
        if INNER_TASK:
            fired = own or any(abs(at - scope.due) < 1e-6 for at, _count in scope.deliveries)
            scope.before = task.cancelling()
        else:
            fired = own or task.cancelling() < scope.before
        self.left(book, task, scope.before)
        theirs = [scope.own] if fired and scope.own is not None else []
        if own or isinstance(out, asyncio.CancelledError):
            self.consume(book, theirs)
        self.ended(book, scope, out, "timed_out" if own else None)
        self.consume(book, theirs)
        if out is not None and not own:
            raise out

    async def inner(self, body: Body, book: TaskBook, scope: UnitBook) -> None:
        task: Any = asyncio.current_task()
        try:
            await Driver(self.run(body, book), book, self)
        finally:
            scope.before = task.cancelling()
            if INNER_TASK:
                # Asked, and over before it came: whoever awaits the inner task gets it.
                book.carried += max(0, task.cancelling() - book.answered.get(task, 0))
