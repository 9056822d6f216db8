"""Takes a resource, unless Spanproof wrote it in a format that this build does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...instrument import vocabulary as v
from .resources import version

if TYPE_CHECKING:
    from .notes import Notes
    from .staging import Staging


def resource_id(attributes: dict[str, str | None], staging: Staging, notes: Notes) -> int | None:
    """The number of a resource; None: what it has was written in a format that this build does not read, which is said."""
    claimed = version(attributes)
    if claimed is not None and not (isinstance(claimed, int) and 1 <= claimed <= v.FORMAT):
        reads = "1" if v.FORMAT == 1 else f"1-{v.FORMAT}"
        notes.refuse(f"written in trace format {claimed}; this build reads {reads}. Record it again, or install a newer Spanproof")
        return None
    return staging.resource(attributes, claimed)
