"""H9: Do timeouts at the same time race?"""

from __future__ import annotations

from typing import Final

from ..model import Hypothesis

H9: Final = Hypothesis("H9", "Concurrent timeouts don't cause race conditions")
