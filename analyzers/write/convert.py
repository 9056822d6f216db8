"""Writes loaded traces to a file or folder in the format of another program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .formats import FORMATS
from .losses import Losses
from .source import Source
from .target import placed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import duckdb


def convert(
    con: duckdb.DuckDBPyConnection, to: str, target: Path, *, force: bool = False, progress: Callable[[int, int], None] | None = None
) -> Losses:
    """Write what `con` holds to `target`. It is there whole, or not at all.

    Args:
        con: a connection from `load`.
        to: a key of `FORMATS`.
        target: a file; for Parquet a folder.
        force: replace what is there.
        progress: called with the spans written and the spans that there are to write.

    Returns:
        What the format cannot hold.

    Raises:
        InputError: the target is there already, or cannot be written.
    """
    lost = Losses()
    with placed(target, force=force) as draft:
        FORMATS[to].write(Source(con, progress), draft, lost)
    return lost
