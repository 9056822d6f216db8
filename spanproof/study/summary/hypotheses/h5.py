"""H5: Do nested timeouts race?"""

from __future__ import annotations

from typing import Final

from ...model import Question

H5: Final = Question("H5", "Nested timeouts don't cause race conditions")
