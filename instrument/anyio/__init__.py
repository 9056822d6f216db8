"""The seam of anyio on asyncio: cancel scopes, their deadlines, what they ask of which task, task groups, names of tasks.

anyio is never imported from here: a program that does not use it must not pay for it. Where it has been imported when a
session begins, the seam is in place at once; else it is put in place right after the program has imported anyio's backend,
or where a loop begins to run, should somebody's import hook have kept the moment from us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arrival import Arrival, loaded
from .internals import Internals, UnknownInternalsError

if TYPE_CHECKING:
    from types import ModuleType

    from ..loops import Loops
    from ..patching import Patches
    from ..recorder import Recorder


def install(recorder: Recorder, patches: Patches, loops: Loops) -> None:
    """Attach to anyio's backend for asyncio, now or when the program has imported it."""
    module = loaded()
    if module is not None:
        _attach(recorder, patches, module)
        return
    seam = recorder.seams.anyio
    seam.absent("anyio's backend for asyncio was not imported")

    def arrived(module: ModuleType) -> None:
        loops.beginning.remove(look)
        if not recorder.alive:
            return
        try:
            _attach(recorder, patches, module)
        except Exception as error:  # noqa: BLE001 - this runs inside the program's own import statement
            seam.install()
            seam.fail(error)
        # The seam's word has changed, and the trace says so.
        if recorder.on_fault is not None:
            recorder.on_fault()

    arrival = Arrival(arrived)
    look = arrival.look
    arrival.listen()
    patches.undo(arrival.leave)
    loops.beginning.append(look)


def _attach(recorder: Recorder, patches: Patches, module: ModuleType) -> None:
    from .. import threads

    # Here, because a program without anyio does not load them.
    from . import groups, naming, requests, scopes
    from .known import Scopes

    seam = recorder.seams.anyio
    try:
        internals = Internals(module)
    except UnknownInternalsError as unknown:
        seam.absent(f"this anyio has other internals ({unknown})")
        return
    known = Scopes()
    naming.install(internals)
    requests.install(recorder, patches, internals, known)
    scopes.install(recorder, patches, internals, known)
    groups.install(recorder, patches, internals, known)
    threads.watch_anyio(recorder, patches, module)
    seam.install()
