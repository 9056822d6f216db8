"""Random recordings that tell mutants from the originals which no case does: `random.traces`, made by `python -m tests.mutants.collect`."""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).parent / "random.traces"


def kept() -> list[str]:
    """The lines, in their order."""
    return [line for line in FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
