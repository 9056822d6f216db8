"""What the interceptors of a stage are told and what they answer, seen from inside their own chain.

One interceptor more, the innermost of all, is told first what all are told after the stage, and first of its error. Those that may
answer in the stage's place are wrapped; what they are asked and told passes through unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import outcomes

if TYPE_CHECKING:
    from .stages import StageRun


_REPLAYS = 100
"""Results inside results that are looked through."""


class _Innermost:
    """A priority behind every other one, whatever type those have."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return True


_INNERMOST = _Innermost()


class _Done(tuple[()]):
    """Something to await that is done, for the price of no coroutine."""

    __slots__ = ()
    __await__: Any = vars(tuple)["__iter__"]


_DONE = _Done()


class Witness:
    """An interceptor that does nothing but listen."""

    __slots__ = ("_go_on", "_stage", "priority")
    name = "spanproof"

    def __init__(self, stage: StageRun, priority: Any, go_on: Any) -> None:
        self._stage = stage
        self.priority = priority
        self._go_on = go_on

    def before(self, stage_name: str, ctx: Any) -> _Done:
        """Nothing to say."""
        return _DONE

    def after(self, stage_name: str, result: Any, ctx: Any) -> _Done:
        stage = self._stage
        try:
            stage.told_after(result)
        except Exception as fault:  # noqa: BLE001 - must not reach the program
            stage.recorder.seams.stageflow.fail(fault)
        return _DONE

    async def on_error(self, stage_name: str, error: Exception, ctx: Any) -> Any:
        stage = self._stage
        try:
            stage.told_error(error)
        except Exception as fault:  # noqa: BLE001 - must not reach the program
            stage.recorder.seams.stageflow.fail(fault)
        return self._go_on


class MayAnswer:
    """Passes everything on to an interceptor, and notes when it answers in the stage's place; looks like it to stageflow."""

    __slots__ = ("_inner", "_stage", "after", "name", "priority")

    def __init__(self, inner: Any, stage: StageRun) -> None:
        self._inner = inner
        self._stage = stage
        # What is asked for each time, without a detour.
        self.name = inner.name
        self.priority = inner.priority
        self.after = inner.after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def before(self, stage_name: str, ctx: Any) -> Any:
        answer = await self._inner.before(stage_name, ctx)
        if answer is not None and not answer.stage_ran:
            stage = self._stage
            try:
                stage.short_cut = ShortCut(self._inner, answer)
            except Exception as fault:  # noqa: BLE001 - must not reach the program
                stage.recorder.seams.stageflow.fail(fault)
        return answer


def around(interceptors: Any, stage: StageRun, silent: frozenset[type], go_on: Any) -> list[Any]:
    """The interceptors of a stage with a witness among them; `silent` are types that never answer in the stage's place."""
    try:
        watched: list[Any] = [each if type(each) in silent else MayAnswer(each, stage) for each in interceptors]
        # Sorting is stable, and numbers alone sort fastest: the last of the highest is the innermost.
        highest: Any = max([each.priority for each in watched])
    except Exception:  # noqa: BLE001 - one that lacks what an interceptor needs, or cannot be compared: the library is to say so
        watched, highest = list(interceptors), _INNERMOST
    watched.append(Witness(stage, highest, go_on))
    return watched


class ShortCut:
    """An answer in the stage's place.

    Attributes:
        author: name of the interceptor.
        stage: name of the stage whose earlier result is replayed, when it is one.
        empty: that result had no data, so that it stands in whole without any.
        error: error text of the answer.
    """

    __slots__ = ("author", "empty", "error", "stage")

    def __init__(self, interceptor: Any, answer: Any) -> None:
        self.author = str(interceptor.name)
        self.stage: str | None = None
        self.empty = False
        self.error = outcomes.text_of(answer.error) if answer.error else None
        result = answer.result
        # A replay that is stored again is wrapped once more: the innermost is what a stage has worked out.
        for _ in range(_REPLAYS):
            if not (hasattr(result, "status") and hasattr(result, "data") and hasattr(result, "name")):
                break
            self.stage = str(result.name)
            result = result.data
            self.empty = not outcomes.carries(result)
