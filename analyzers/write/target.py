"""Puts what is written in its place at once: nothing half is ever there, and nothing is overwritten unasked."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import InputError
from ..parquet_layout import FORMAT

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def placed(target: Path, *, force: bool) -> Generator[Path]:
    """A name beside `target` to write to; it takes the target's place when the `with` ends well, and is gone when not.

    Args:
        target: file or folder that is to be there at the end.
        force: take the place of what is there; of a folder only when it is one that we wrote.

    Raises:
        InputError: something is there, or nothing can be written there.
    """
    refuse(target, force=force)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield draft
        refuse(target, force=force)
        if target.is_dir():
            shutil.rmtree(target)
        draft.replace(target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror or error}). Name another, or make room.") from None
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def refuse(target: Path, *, force: bool) -> None:
    """Raise InputError when nothing may be written at `target`."""
    if not target.name or not target.absolute().parent.is_dir():
        raise InputError(f"{target}: there is no folder {target.absolute().parent}. Make it first, or name another.")
    if not os.path.lexists(target):
        return
    if not force:
        raise InputError(f"{target} exists, and nothing is overwritten. Name another, or add --force.")
    if target.is_dir() and not _is_ours(target):
        raise InputError(f"{target}: a folder with other things in it, which --force does not delete. Name another.")
    if not target.is_dir() and not target.is_file():
        raise InputError(f"{target}: no file. Name one.")


def _is_ours(folder: Path) -> bool:
    """Whether a folder has nothing in it, or nothing but what `--to parquet` writes."""
    return {entry.name for entry in folder.iterdir()} <= {f"format={FORMAT}"}
