"""H6: Does a timeout leak out of an async generator?"""

from __future__ import annotations

from typing import Final

from ...model import Question

H6: Final = Question("H6", "Timeout during async generator doesn't leak to outer scope")
