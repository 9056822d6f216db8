"""Writes loaded traces in the formats of other programs. `convert` does everything; a format is a module in `formats`."""

from .convert import convert
from .formats import FORMATS, Format
from .losses import Losses
from .target import refuse

__all__ = ["FORMATS", "Format", "Losses", "convert", "refuse"]
