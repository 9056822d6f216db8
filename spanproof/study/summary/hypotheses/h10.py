"""H10: Can a stage ask for more time?"""

from __future__ import annotations

from typing import Final

from ...causes import interceptors
from ...model import Claim, Question

H10: Final = Question(
    "H10",
    "Long-running stage can extend timeout via heartbeat",
    (
        Claim(
            "A stage that says in time that it is alive is not cut.",
            where=("interface/heartbeat/unheard",),
            criteria=("D07",),
            cause=(interceptors.WAIT_FOR_TAKES_THE_RESULT,),
            hit="Stages whose length depends on their input: the limit has to be that of the longest one, and a hang is noticed no sooner.",
            advice="Set `_timeout_ms` to 0, and move a timeout of the stage's own on: `asyncio.timeout()` and `reschedule()`.",
            shown_by="interface/heartbeat/workaround",
        ),
        Claim(
            "A stage that sets its run's timeout anew while it runs is given that time.",
            where=("interface/heartbeat/configured_anew",),
            criteria=("D07",),
            core=False,
            cause=(interceptors.LIMIT_IS_READ_ONCE,),
            hit="Whoever takes `_timeout_ms` for something that counts while a stage runs: it is read before the stage begins.",
            advice="As above.",
            shown_by="interface/heartbeat/workaround",
        ),
    ),
)
