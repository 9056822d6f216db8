"""The version of this build, from the installed package's metadata."""

from __future__ import annotations

from importlib import metadata
from typing import Final


def _find() -> str:
    try:
        return metadata.version("spanproof")
    except metadata.PackageNotFoundError:
        return "0+unknown"


VERSION: Final = _find()
