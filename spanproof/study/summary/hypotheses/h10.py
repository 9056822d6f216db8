"""H10: Can a stage ask for more time?"""

from __future__ import annotations

from typing import Final

from ...model import Question

H10: Final = Question("H10", "Long-running stage can extend timeout via heartbeat")
