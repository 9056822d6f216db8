"""What can go wrong for the user of this room. Each message shows the value, what was expected and the next step."""

from __future__ import annotations


class AnalyzerError(Exception):
    """Base of the errors that this room raises on purpose; the command line prints their text and no traceback."""


class InputError(AnalyzerError):
    """A path, or what it holds, cannot be read as traces. Unlike a row in `problems`, nothing at all could be loaded."""
