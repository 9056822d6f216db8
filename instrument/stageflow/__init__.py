"""The seams of stageflow: runs, stage attempts, child pipelines, events, stored results, cleanup callbacks, cooperative flags.

All of them replace functions of the library for the length of a session; a pipeline's own code does not change.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..patching import Patches
    from ..recorder import Recorder

KNOWN_VERSIONS = ("1.2.0",)
"""Versions whose internals these seams were written against and tested with."""


def install(recorder: Recorder, patches: Patches) -> None:
    """Attach to stageflow if it is installed; a seam that finds other internals than it knows says so."""
    if importlib.util.find_spec("stageflow") is None:
        for seam in (recorder.seams.stageflow, recorder.seams.cleanup, recorder.seams.flag):
            seam.absent("stageflow is not installed")
        return
    from . import cleanups, events, flags, graphs, stages, stores, subpipelines, timeouts
    from .runs import Runs

    runs = Runs(recorder)
    for seam, modules in (
        (recorder.seams.stageflow, (graphs, stages, subpipelines, events, stores, timeouts)),
        (recorder.seams.cleanup, (cleanups,)),
        (recorder.seams.flag, (flags,)),
    ):
        try:
            for module in modules:
                module.install(recorder, patches, runs)
        except (AttributeError, ImportError, KeyError) as error:
            seam.absent(f"this stageflow has other internals ({error})")
        else:
            seam.install()
