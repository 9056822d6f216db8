"""H8: What is left of a run that failed?"""

from __future__ import annotations

from typing import Final

from ...model import Question

H8: Final = Question("H8", "Partial results are accessible after timeout")
