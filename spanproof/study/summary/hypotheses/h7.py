"""H7: Are files and connections given back?"""

from __future__ import annotations

from typing import Final

from ...model import Question

H7: Final = Question("H7", "Resource cleanup happens on cancellation (files, network)")
