"""H4: Do cleanup handlers run?"""

from __future__ import annotations

from typing import Final

from ...causes import cancellation, dag
from ...model import Claim, Question

H4: Final = Question(
    "H4",
    "Cleanup handlers are called on timeout",
    (
        Claim(
            "Every `finally` and every block of a stage that is cut runs to its end.",
            where=("cleanup/context_manager_cleanup/nested", "cleanup/context_manager_cleanup/beside_one_that_raises"),
            criteria=("C01",),
        ),
        Claim(
            "A callback that a stage has registered with its run is called when the stage is timed out.",
            where=("cleanup/context_manager_cleanup/registry",),
            criteria=("C02",),
        ),
        Claim(
            "A clean-up is not cut short by the timeout that made it necessary.",
            where=("cleanup/context_manager_cleanup/nested",),
            criteria=("C04",),
        ),
        Claim(
            "A callback that does not come to its end is reported.",
            where=("cleanup/context_manager_cleanup/slow_callback",),
            criteria=("C03",),
            core=False,
            cause=(cancellation.SLOW_CALLBACK_IS_CUT,),
            hit="Callbacks that wait for a server: with ten of them and the default budget of ten seconds each has one second. What they "
            "were to give back stays as it is; the run reports success.",
            advice="Give back in a `finally` of the stage, or give the graph a larger `cleanup_timeout`.",
            shown_by="cleanup/context_manager_cleanup/registry",
        ),
        Claim(
            "Two runs of one graph object each call their own callbacks.",
            where=("cleanup/context_manager_cleanup/two_runs_of_one_graph",),
            criteria=("C02", "C07"),
            core=False,
            cause=(dag.ONE_REGISTRY_A_GRAPH,),
            hit="Servers that build a graph once and run it for every request: callbacks of one request are called while it still "
            "works, by the end of another one, and others never.",
            advice="Build a graph for each run: `Pipeline.run` does so by itself.",
            shown_by="cleanup/context_manager_cleanup/a_graph_for_each_run",
        ),
        Claim(
            "A clean-up that is slow does not keep the caller waiting.",
            where=("chaos/slow_cleanup/server_is_silent",),
            criteria=("C04",),
            core=False,
            own=True,
            hit="Stages whose `finally` waits for somebody: a timeout of 200 ms that two seconds of clean-up follow is one of 2.2 s. "
            "asyncio can only ask; the fault is the stage's.",
            advice="Bound what a `finally` waits for: `async with asyncio.timeout(0.1)`.",
            shown_by="chaos/slow_cleanup/workaround",
        ),
    ),
)
