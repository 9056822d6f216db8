"""H6: Does a timeout leak out of an async generator?"""

from __future__ import annotations

from typing import Final

from ..model import Hypothesis

H6: Final = Hypothesis("H6", "Timeout during async generator doesn't leak to outer scope")
