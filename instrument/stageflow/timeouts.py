"""stageflow's own timeout of a stage: what was configured, where, and what was armed of it.

`TimeoutInterceptor` copies `ctx.data["_timeout_ms"]`, or its default, to `ctx.data["_timeout.<stage>"]`; what stands there when the
stage is run, or 30 seconds, is divided by 1000 and given to `asyncio.wait_for` if it is above zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .. import vocabulary as v
from ..callers import declare_scope
from ..deadlines import arm, attach

if TYPE_CHECKING:
    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Unit
    from .runs import Runs
    from .stages import StageRun

_ABSENT: Final = object()
COMMON: Final = "_timeout_ms"
_TEXT_SHOWN: Final = 32


def install(_recorder: Recorder, _patches: Patches, _runs: Runs) -> None:
    """Declare where the library has timeouts that are no stage's: an approval, an event sink's last flush, `run_with_cleanup`."""
    from stageflow.events.sink import BackpressureAwareEventSink
    from stageflow.pipeline.cancellation import run_with_cleanup
    from stageflow.tools.approval import ApprovalService

    for function in (ApprovalService.await_decision, BackpressureAwareEventSink.stop, run_with_cleanup):
        declare_scope(function.__code__)


def configured(stage: StageRun) -> tuple[Any, str]:
    """The configured value in ms and where it was configured.

    `stage`: for this stage alone, by an interceptor or by hand. `context`: for all stages of the run; that holds too when no
    interceptor has looked at it. `default`: nowhere.
    """
    data: Any = getattr(stage.ctx, "data", None)
    if not hasattr(data, "get"):
        return _ABSENT, "default"
    own, common = data.get(f"_timeout.{stage.name}", _ABSENT), data.get(COMMON, _ABSENT)
    if own is _ABSENT:
        return common, "default" if common is _ABSENT else "context"
    if own is common:
        return own, "context"
    return own, "default" if common is _ABSENT and own is stage.interceptor.DEFAULT_TIMEOUT_MS else "stage"


def attach_armed(stage: StageRun, unit: Unit) -> None:
    """The body has opened: the deadline that was armed for it is its unit's, or none was armed."""
    state, recorder = stage.state, stage.recorder
    value, source = configured(stage)
    deadline = state.armed
    if deadline is not None:
        state.armed = None
    elif value is _ABSENT:
        return
    else:
        # Configured, and nothing armed: a timeout of 0 or less or NaN, or a second attempt.
        deadline = arm(recorder, state, None, {v.DEADLINE_MECHANISM: "stageflow"})
    attrs = deadline.attrs
    if value is not _ABSENT:
        attrs[v.DEADLINE_CONFIGURED] = shown(value)
    attrs[v.DEADLINE_SOURCE] = source
    attach(recorder, unit, deadline)


def attach_refused(stage: StageRun, unit: Unit) -> None:
    """The body never opened and the stage failed: if the configured value is no number, that is why."""
    value, source = configured(stage)
    if value is _ABSENT or isinstance(value, (int, float)):
        return
    attrs: Any = {v.DEADLINE_MECHANISM: "stageflow", v.DEADLINE_CONFIGURED: shown(value), v.DEADLINE_SOURCE: source}
    attach(stage.recorder, unit, arm(stage.recorder, stage.state, None, attrs))


def shown(value: Any) -> str:
    """A configured value as it was written: numbers, None and short text; of anything else its type."""
    if value is None or isinstance(value, (int, float)):
        return repr(value)
    if type(value) is str and len(value) <= _TEXT_SHOWN:
        return repr(value)
    return f"<{type(value).__qualname__}>"
