"""What all attempts of a stage share: its name, what it depends on, and where its code stands."""

from __future__ import annotations

import functools
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..recorder import ORIGINS_KEPT
from ..records import Origin

if TYPE_CHECKING:
    from ..clocks import LoopState
    from ..records import Attributes

_WRAPPINGS = 20
"""Decorators that are looked through on the way to a stage's own function."""


class StageOrigins:
    """The origins of the stages that have been seen; `wrappers` are the functions that the library puts around a stage."""

    def __init__(self, wrappers: list[CodeType]) -> None:
        self._wrappers = wrappers
        self._known: dict[tuple[int, str, tuple[str, ...]], Origin] = {}

    def of(self, loop: LoopState, name: str, dependencies: tuple[str, ...], runner: Any) -> Origin:
        """The origin of a stage that is about to run."""
        code = self._code_of(runner)
        key = (loop.number, name, dependencies)
        known = self._known.get(key)
        if known is None or known.code is not code:
            if len(self._known) >= ORIGINS_KEPT:
                self._known.clear()
            known = self._known[key] = _describe(loop, name, dependencies, code)
        return known

    def _code_of(self, runner: Any) -> CodeType | None:
        """The code of the stage's own function or of its class's `execute`, below the library's wrapper and decorators."""
        code = getattr(runner, "__code__", None)
        for wrapper in self._wrappers:
            if code is wrapper:
                # `async def runner_wrapper(ctx, stage_cls=..., ...)`: what it runs is a default value.
                defaults = runner.__defaults__
                return code_below(getattr(defaults[0], "execute", None)) if defaults else code
        return code if type(runner) is FunctionType and not hasattr(runner, "__wrapped__") else code_below(runner)


def code_below(callable_: Any) -> CodeType | None:
    """The code object of a callable: through decorators that say what they wrap, partials, methods and callable objects."""
    function: Any = callable_
    for _ in range(_WRAPPINGS):
        inner: Any = getattr(function, "__wrapped__", None) or getattr(function, "__func__", None)
        if inner is None and functools.partial is type(function):
            inner = function.func
        if inner is None:
            break
        function = inner
    code = getattr(function, "__code__", None)
    if code is None:
        # A class, an object that can be called.
        code = getattr(getattr(function, "execute", None), "__code__", None)
    if code is None:
        called: Any = type(function).__dict__.get("__call__")
        code = getattr(called, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _describe(loop: LoopState, name: str, dependencies: tuple[str, ...], code: CodeType | None) -> Origin:
    attrs: Attributes = {
        v.UNIT: "stage",
        v.CLOCK: loop.clock,
        v.LOOP: loop.number,
        v.STAGE: name,
        v.STAGE_DEPENDENCIES: list(dependencies),
    }
    if code is not None:
        attrs[v.CODE_FILE], attrs[v.CODE_LINE], attrs[v.CODE_FUNCTION] = code.co_filename, code.co_firstlineno, code.co_qualname
    return Origin("stage", f"stage {name}", attrs, code=code)


def codes_inside(function: Any, name: str) -> list[CodeType]:
    """Code objects of the functions called `name` that a function defines."""
    return [each for each in function.__code__.co_consts if isinstance(each, CodeType) and each.co_name == name]
