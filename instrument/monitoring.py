"""See deliveries by `sys.monitoring` (Python 3.12 and later): PY_THROW fires where a CancelledError enters a frame.

The event is global only and fires once a frame, the innermost first; the exception object tells one throw from the next. A
callback that raised would replace the user's CancelledError, and one that returned DISABLE would raise: neither can happen.
"""

from __future__ import annotations

import sys
from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from .frames import site
from .taskstate import running_state

if TYPE_CHECKING:
    from types import CodeType

    from .recorder import Recorder

TOOL_NAME = "spanproof"
# Ids 0, 1, 2 and 5 are reserved for debuggers, coverage, profilers and optimizers.
_TOOL_IDS = (4, 3)


def install(recorder: Recorder) -> int | None:
    """Take a free tool id and listen; None where there is no `sys.monitoring` or no free id."""
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is None:
        return None
    for tool in _TOOL_IDS:
        if monitoring.get_tool(tool) is None:
            break
    else:
        return None
    monitoring.use_tool_id(tool, TOOL_NAME)
    monitoring.register_callback(tool, monitoring.events.PY_THROW, _listener(recorder))
    monitoring.set_events(tool, monitoring.events.PY_THROW)
    return int(tool)


def remove(tool: int) -> None:
    """Give the tool id back."""
    monitoring: Any = vars(sys)["monitoring"]
    monitoring.set_events(tool, 0)
    monitoring.register_callback(tool, monitoring.events.PY_THROW, None)
    monitoring.free_tool_id(tool)


def _listener(recorder: Recorder) -> Any:
    seam = recorder.seams.delivery

    def on_throw(code: CodeType, _offset: int, error: BaseException) -> None:
        if not isinstance(error, CancelledError) or not seam.on:
            if isinstance(error, GeneratorExit) and recorder.generators is not None and recorder.generators.steps is not None:
                recorder.generators.steps.exit_thrown(code)
            return
        with seam:
            state = running_state()
            if state is None or not state.started:
                return
            where = None
            if state.adopted:
                # No probe tells the end of this throw: only the innermost frame sees an exception without a traceback.
                if error.__traceback__ is not None:
                    return
            elif state.throwing is not error:
                # An outer frame of the same throw, or an error that the program raised or threw itself.
                return
            else:
                where, state.waiting = state.waiting, None
            state.throwing = None
            recorder.deliver(state, where or site(sys._getframe(1)))

    return on_throw
