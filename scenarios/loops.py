"""The two clocks on which a scenario can run: the machine's, and a virtual one that jumps from timer to timer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, get_args

from .virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable

Clock = Literal["virtual", "real"]
CLOCKS: tuple[Clock, ...] = get_args(Clock)


def loop_factory(clock: Clock) -> Callable[[], asyncio.AbstractEventLoop]:
    """What `asyncio.Runner` needs to run on a clock.

    On the virtual clock a sleep takes no time, every timer fires exactly when it is due, and two runs are alike. It says nothing
    about lateness: a virtual loop is never late. That is why answers about timing come from the real clock.
    """
    return VirtualLoop if clock == "virtual" else asyncio.new_event_loop
