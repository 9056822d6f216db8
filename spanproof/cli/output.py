"""Files that a command writes: new ones, which are there when they are whole."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from . import failure

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def new_file(path: Path) -> Generator[IO[bytes]]:
    """A file to be written. It gets its name when the block ends well; else nothing is left of it.

    Raises:
        Failure: there is a file already, or it cannot be written.
    """
    if os.path.lexists(path):
        raise failure.Failure(f"{path} exists, and nothing is overwritten. Name another file, or remove it first.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("xb") as file:
            yield file
        # Not `rename`, which would overwrite what somebody else has put there meanwhile.
        os.link(unfinished, path)
    except FileExistsError:
        raise failure.Failure(f"{path} exists by now, and nothing is overwritten. Name another file.") from None
    except OSError as error:
        raise failure.Failure(f"{path} cannot be written ({error.strerror}). Check the folder, its rights and the space left.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
