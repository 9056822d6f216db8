"""Stored results, stageflow's only checkpoints: what its idempotency store keeps of one run and gives to a later one.

`cancellation_checkpoint()` of its contexts is a place to notice a cooperative flag and stores nothing.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from .. import vocabulary as v
from ..frames import owner_of, site
from ..taskstate import running_state

if TYPE_CHECKING:
    from types import FrameType

    from ..patching import Patches
    from ..recorder import Recorder
    from ..records import Attributes
    from .runs import Runs


def install(recorder: Recorder, patches: Patches, _runs: Runs) -> None:
    """Watch the library's own store."""
    from stageflow.pipeline.idempotency import InMemoryIdempotencyStore

    cls: Any = InMemoryIdempotencyStore
    get, set_, delete = cls.get, cls.set, cls.delete
    seam = recorder.seams.stageflow

    @functools.wraps(get)
    async def get_(self: Any, key: str) -> Any:
        kept = _keeps(self, key)
        found = await get(self, key)
        if recorder.alive and seam.on:
            with seam:
                if kept and found is None and not _keeps(self, key):  # its time was over
                    _note(recorder, v.CHECKPOINT_DROPPED, self, key, sys._getframe(1))
                _note(recorder, v.CHECKPOINT_MISSED if found is None else v.CHECKPOINT_LOADED, self, key, sys._getframe(1))
        return found

    @functools.wraps(set_)
    async def set__(self: Any, key: str, entry: Any, **options: Any) -> None:
        await set_(self, key, entry, **options)
        if recorder.alive and seam.on:
            with seam:
                _note(recorder, v.CHECKPOINT_SAVED, self, key, sys._getframe(1))

    @functools.wraps(delete)
    async def delete_(self: Any, key: str) -> None:
        await delete(self, key)
        if recorder.alive and seam.on:
            with seam:
                _note(recorder, v.CHECKPOINT_DROPPED, self, key, sys._getframe(1))

    patches.set(cls, "get", get_)
    patches.set(cls, "set", set__)
    patches.set(cls, "delete", delete_)


def _keeps(store: Any, key: object) -> bool:
    """Whether the store has something under the key, which may be over its time."""
    return key in getattr(store, "_entries", ())


def _note(recorder: Recorder, event: str, store: Any, key: object, frame: FrameType) -> None:
    state = running_state()
    if state is None:
        return
    # While a stage is decided its unit is not open yet, or not any more: the run is told.
    unit = state.innermost
    if unit is None or unit.end_ns is not None:
        return
    attrs: Attributes = {v.CHECKPOINT_KEY: str(key)[:256], v.CHECKPOINT_STORE: type(store).__qualname__}
    where = site(frame)
    if where is not None and owner_of(frame.f_code) != "stageflow":
        attrs[v.AT_FILE], attrs[v.AT_LINE], attrs[v.AT_FUNCTION] = where
    recorder.event(unit, event, state.loop.now_ns(), attrs)
