"""Makes JSON text that parsers refuse into text that they take: trailing commas, and nesting that would exhaust the stack."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

DEEPEST: Final = 200
"""Nesting of lists and objects that is kept. Parsers differ in what they bear, on every Python another; this is below all of them."""

# A text that never ends reaches to the end, or each quote in it would be tried again.
_TOKEN: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{]|,\s*+[\]}]|[\]}]', re.DOTALL)
_INK: Final = re.compile(r"[^\n]")


class Repaired(NamedTuple):
    """Text of the same length, with the same line breaks, so that places in it are places in the file.

    Attributes:
        text: the text.
        commas: trailing commas that became blanks.
        cut: lists and objects nested too deeply that became empty texts.
    """

    text: str
    commas: int
    cut: int


def repair(text: str) -> Repaired:
    """Go through `text` once. What is nested too deeply and never ends stays as it is: no parser takes it anyway."""
    pieces: list[str] = []
    done = depth = commas = cut = deep_from = 0
    for token in _TOKEN.finditer(text):
        what = token.group()
        if what[0] == '"':
            continue
        if what in {"{", "["}:
            depth += 1
            if depth == DEEPEST + 1:
                deep_from = token.start()
            continue
        if depth > DEEPEST + 1:
            depth -= 1
        elif depth == DEEPEST + 1:
            depth -= 1
            cut += 1
            pieces += (text[done:deep_from], '""', _INK.sub(" ", text[deep_from + 2 : token.end()]))
            done = token.end()
        else:
            # A bracket that closes nothing is of another document, or of a damaged one.
            depth = max(depth - 1, 0)
            if what[0] == ",":
                commas += 1
                pieces += (text[done : token.start()], " ")
                done = token.start() + 1
    pieces.append(text[done:])
    return Repaired("".join(pieces), commas, cut)
