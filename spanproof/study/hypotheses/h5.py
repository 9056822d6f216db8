"""H5: Do nested timeouts race?"""

from __future__ import annotations

from typing import Final

from ..model import Hypothesis

H5: Final = Hypothesis("H5", "Nested timeouts don't cause race conditions")
