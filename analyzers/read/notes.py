"""Collects the oddities of one file as rows for `problems`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Severity = Literal["info", "notice", "data_loss", "error"]

EXAMPLES: Final = 5
"""Rows of one kind and file; what comes later is only counted, or a broken file of 1 GB would give a report of 1 GB."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One row of `problems`, without its file."""

    what: str
    done: str
    severity: Severity
    line: int | None = None
    byte_offset: int | None = None


@dataclass(slots=True)
class Notes:
    """The problems of one file."""

    found: list[Problem] = field(default_factory=list[Problem])
    refused: str | None = None
    """Why nothing of the file could be read; None: it could."""
    _counts: dict[tuple[str, str, Severity], int] = field(default_factory=dict[tuple[str, str, Severity], int])

    def add(
        self,
        kind: str,
        done: str,
        severity: Severity,
        *,
        line: int | None = None,
        byte_offset: int | None = None,
        detail: str = "",
    ) -> None:
        """Note an oddity. Of one kind only the first few keep their place and detail."""
        key = (kind, done, severity)
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if count <= EXAMPLES:
            # A detail comes out of the file, where a text may hold what no UTF-8 has.
            what = f"{kind}: {detail.encode('utf-8', 'replace').decode()}" if detail else kind
            self.found.append(Problem(what, done, severity, line, byte_offset))

    def refuse(self, why: str) -> None:
        """Say that nothing of the file was read. `why` names what it is, what was expected and the next step."""
        if self.refused is None:
            self.refused = why
            self.found.append(Problem(why, "the file was not read", "error"))

    def rows(self) -> list[Problem]:
        """All of them, with one row for what exceeded the examples of a kind."""
        more = [
            Problem(f"{kind}: {count - EXAMPLES} more", done, severity)
            for (kind, done, severity), count in self._counts.items()
            if count > EXAMPLES
        ]
        return self.found + more
