"""The known limitations (section 3.2): yes means that the library has it."""

from __future__ import annotations

from typing import Final

from ..model import Question

LIMITATIONS: Final = (
    Question("K1", "DX-020: StageOutput.cancel() cancels entire pipeline (not just branch)", kind="limitation"),
    Question("K2", "No built-in timeout per stagekind (all stages share same timeout config)", kind="limitation"),
    Question("K3", "Limited control over timeout behavior (hard timeout vs soft timeout)", kind="limitation"),
    Question("K4", "No heartbeat mechanism to prevent premature timeout", kind="limitation"),
    Question("K5", "No partial result return on timeout", kind="limitation"),
)
