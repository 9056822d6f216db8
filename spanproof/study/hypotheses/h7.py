"""H7: Are files and connections given back?"""

from __future__ import annotations

from typing import Final

from ..model import Hypothesis

H7: Final = Hypothesis("H7", "Resource cleanup happens on cancellation (files, network)")
