"""H4: Do cleanup handlers run?"""

from __future__ import annotations

from typing import Final

from ...model import Question

H4: Final = Question("H4", "Cleanup handlers are called on timeout")
