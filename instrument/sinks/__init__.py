"""Sinks: where the recorder's units go. `Writer` into a `TraceFile`, `MemorySink` for tests."""

from __future__ import annotations

from .base import Sink as Sink
from .base import Tick as Tick
from .file import TraceFile as TraceFile
from .memory import MemorySink as MemorySink
from .placement import root_for as root_for
from .tee import Tee as Tee
from .writer import Writer as Writer
