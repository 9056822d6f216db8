"""H9: Do timeouts at the same time race?"""

from __future__ import annotations

from typing import Final

from ...model import Question

H9: Final = Question("H9", "Concurrent timeouts don't cause race conditions")
