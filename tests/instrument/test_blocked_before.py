"""What kept the loop busy before a unit opened is not that unit's doing."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.instrument import vocabulary as v

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.realtime
def test_a_scope_that_opens_late_in_a_step_has_not_blocked_the_loop(record: Callable[..., Any]) -> None:
    async def main() -> None:
        time.sleep(0.03)  # noqa: ASYNC251 - the fault on trial
        async with asyncio.timeout(5):
            time.sleep(0.06)  # noqa: ASYNC251 - the fault on trial
            await asyncio.sleep(0)

    with record() as trace:
        asyncio.run(main())
    before, inside = trace.one("task main").first(v.LOOP_BLOCKED), trace.one("timeout main").first(v.LOOP_BLOCKED)
    assert before["blocked.duration_ns"] < inside["blocked.duration_ns"]
    assert before.seq < inside.seq
    assert len(trace.one("task main").of(v.LOOP_BLOCKED)) == 1
