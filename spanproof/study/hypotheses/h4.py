"""H4: Do cleanup handlers run?"""

from __future__ import annotations

from typing import Final

from ..model import Hypothesis

H4: Final = Hypothesis("H4", "Cleanup handlers are called on timeout")
