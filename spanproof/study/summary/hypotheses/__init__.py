"""The ten hypotheses of the research summary, a module each, and the claims that decide those that this build has scenarios for."""

from __future__ import annotations

from typing import Final

from .h1 import H1
from .h2 import H2
from .h3 import H3
from .h4 import H4
from .h5 import H5
from .h6 import H6
from .h7 import H7
from .h8 import H8
from .h9 import H9
from .h10 import H10

__all__ = ["H1", "H2", "H3", "H4", "H5", "H6", "H7", "H8", "H9", "H10", "HYPOTHESES"]

HYPOTHESES: Final = (H1, H2, H3, H4, H5, H6, H7, H8, H9, H10)
"""In the order of the summary."""
