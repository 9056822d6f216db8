"""H6: Does a timeout leak out of an async generator?"""

from __future__ import annotations

from typing import Final

from ...causes import dag
from ...model import Claim, Question

H6: Final = Question(
    "H6",
    "Timeout during async generator doesn't leak to outer scope",
    (
        Claim(
            "An async generator that is being read when its stage is timed out is closed with it.",
            where=("cleanup/async_generator_cleanup/cut_in_a_page", "cleanup/async_generator_cleanup/cut_between_pages"),
            criteria=("C05",),
        ),
        Claim(
            "A timeout inside a generator ends what the generator does, and the stage goes on.",
            where=("cleanup/async_generator_cleanup/timeout_inside",),
            fact="one_outcome",
        ),
        Claim(
            "A cancellation by that timeout does not leave the scope that it belongs to.",
            where=("cleanup/async_generator_cleanup/timeout_inside",),
            fact="scopes_keep_their_timeouts",
        ),
        Claim(
            "A generator that is left open is closed when its stage ends.",
            where=("cleanup/async_generator_cleanup/left_open",),
            criteria=("C05",),
            core=False,
            own=True,
            hit="Stages that leave an `async for` by `break`, `return` or an error: the generator, and whatever it has open, stays until "
            "the garbage collector or the loop's end comes by. That is how Python works; the fault is the stage's.",
            advice="Read it inside `async with contextlib.aclosing(generator)`.",
            shown_by="cleanup/async_generator_cleanup/cut_between_pages",
        ),
        Claim(
            "The timeout of a generator that yields inside of it stays its own.",
            where=("chaos/forced_timeout_leakage/yields_inside",),
            criteria=("P07",),
            core=False,
            own=True,
            cause=(dag.EXCEPTION_CANCELS,),
            hit="Stages that read from such a generator: its timer cancels the stage while that works on a row, and the cancellation goes "
            "through the run to its caller, whom nobody has cancelled. That is how Python's generators are (PEP 789).",
            advice="Leave the timeout before the `yield`.",
            shown_by="chaos/forced_timeout_leakage/yields_outside",
        ),
    ),
)
