"""Child processes of a recorded program: each writes a file of its own, joined to the parent's by the recording's id.

A child records from the moment when it first uses an event loop, so that one that has none, or runs another program right after
the fork, costs nothing and leaves no file. Forked children are met by a hook of the interpreter; those of `multiprocessing` that
start afresh (`spawn`, `forkserver`) find what they need in the data that their parent sends them. Other programs that the program
starts are not followed.

Imports as little as possible: a child loads this module before it knows whether it will need the rest.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .patching import Patches

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType

Plan = dict[str, Any]
"""Arguments of `attach.start_child`, plain values only: they are sent to children as text."""

_HOME: Final = str(Path(sys.modules["spanproof"].__file__ or __file__).resolve().parents[1])
"""Where the package `spanproof` is found when the child's own path does not lead to it."""

# Runs in the child before anything of the program's. It must not be able to fail, whatever interpreter the child has.
_BEGIN: Final = """
try:
    import sys
    try:
        from spanproof.instrument.children import spawned
    except ImportError:
        sys.path.append({home!r})
        try:
            from spanproof.instrument.children import spawned
        finally:
            sys.path.pop()
    spawned({plan!r})
except Exception:
    pass
"""


class _Here:
    """What this process knows: how its children are to record, and what is put where for it."""

    plan: Plan | None = None
    patches = Patches()
    triggers = Patches()
    watchers: Final[list[_ImportWatcher]] = []


def follow(plan: Plan | None) -> None:
    """A session has begun: children record as `plan` says; None: they do not record."""
    unfollow()
    _Here.plan = plan
    if plan is not None:
        _when_imported("multiprocessing.spawn", _watch_spawning)


def unfollow() -> None:
    """The session has ended, or one of the program's own begins in a child that was waiting for its first loop."""
    _Here.plan = None
    _Here.patches.restore()
    _Here.triggers.restore()
    for watcher in _Here.watchers:
        with suppress(ValueError):
            sys.meta_path.remove(watcher)
    _Here.watchers.clear()


# --- children that start afresh ----------------------------------------------------------------------------------------


class _Beginning:
    """Unpickled in a child, it lets the child record."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (_BEGIN.format(home=_HOME, plan=self._plan), {})


def _watch_spawning(spawn: Any) -> None:
    prepare = spawn.get_preparation_data

    def get_preparation_data(name: Any) -> Any:
        data = prepare(name)
        plan = _Here.plan
        if plan is not None and isinstance(data, dict):
            data["spanproof"] = _Beginning(plan)
        return data  # pyright: ignore[reportUnknownVariableType]

    _Here.patches.set(spawn, "get_preparation_data", get_preparation_data)


def spawned(plan: Plan) -> None:
    """This process is such a child."""
    follow(plan)
    _when_imported("asyncio", lambda _asyncio: _wait_for_a_loop())


# --- children of a fork ------------------------------------------------------------------------------------------------


def _after_fork() -> None:
    # Nothing may come out of here, and nothing be written: the child may run another program next.
    with suppress(BaseException):
        attach: Any = sys.modules.get(f"{__package__}.attach")
        if attach is not None and attach.abandon() and _Here.plan is not None:
            _wait_for_a_loop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# --- the first loop ----------------------------------------------------------------------------------------------------


def _wait_for_a_loop() -> None:
    """Begin to record when a loop is first used: run, given a task, or its class defined (a library's)."""
    asyncio: Any = sys.modules["asyncio"]
    base, runner = asyncio.AbstractEventLoop, asyncio.Runner
    for cls in (asyncio.BaseEventLoop, *base.__subclasses__()):
        for name in ("create_task", "run_forever"):
            if name in vars(cls) or cls is not asyncio.BaseEventLoop:
                _trigger(cls, name)
    _trigger(runner, "run")

    def __init_subclass__(_cls: Any, **options: Any) -> None:
        _begin()

    hook: Any = __init_subclass__
    _Here.triggers.set(base, "__init_subclass__", classmethod(hook))


def _trigger(owner: Any, name: str) -> None:
    original = getattr(owner, name, None)
    if original is None:
        return

    def first_use(self: Any, *arguments: Any, **options: Any) -> Any:
        _begin()
        return getattr(owner, name)(self, *arguments, **options)

    first_use.__name__ = name
    _Here.triggers.set(owner, name, first_use)


def _begin() -> None:
    plan = _Here.plan
    _Here.triggers.restore()
    if plan is None:
        return
    with suppress(Exception):
        from . import attach

        attach.start_child(plan)
        util: Any = sys.modules.get("multiprocessing.util")
        if util is not None:
            # Children of a fork leave by `os._exit`; multiprocessing runs this before.
            util.Finalize(None, attach.stop, args=("process",), exitpriority=-100)


# --- imports to come ---------------------------------------------------------------------------------------------------


class _ImportWatcher:
    """Calls a function with a module that is imported later, right after its code has run."""

    def __init__(self, name: str, then: Callable[[Any], None]) -> None:
        self._name = name
        self._then = then

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        """As of a finder on `sys.meta_path`."""
        if name != self._name:
            return None
        with suppress(ValueError):
            sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            watched: Any = _Loader(spec.loader, self._then)
            spec.loader = watched
        return spec


class _Loader:
    def __init__(self, loader: Any, then: Callable[[Any], None]) -> None:
        self._loader = loader
        self._then = then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        with suppress(Exception):
            self._then(module)


def _when_imported(name: str, then: Callable[[Any], None]) -> None:
    module = sys.modules.get(name)
    if module is not None:
        then(module)
        return
    watcher = _ImportWatcher(name, then)
    _Here.watchers.append(watcher)
    sys.meta_path.insert(0, watcher)
