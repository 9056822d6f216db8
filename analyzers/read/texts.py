"""Attributes as the tables hold them: texts by key, and beside them what each was before it became a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT: Final = "s"
INTEGER: Final = "i"
DOUBLE: Final = "d"
BOOLEAN: Final = "b"
BYTES: Final = "y"
NESTED: Final = "j"
"""A list or a map, which is JSON text."""


class Texts(dict[str, "str | None"]):
    """A map of attributes.

    Attributes:
        kinds: a letter for each attribute, in its order; where it is shorter, the others are text.
    """

    __slots__ = ("kinds",)

    def __init__(self, content: Mapping[str, str | None] | None = None, kinds: Mapping[str, str] | None = None) -> None:
        """`kinds`: letters by key; what is not there is text."""
        super().__init__(content or {})
        self.kinds = "".join([kinds.get(key, TEXT) for key in self]) if kinds else ""

    def put(self, key: str, text: str | None, kind: str) -> None:
        """Set an attribute of this kind."""
        if key in self:
            letters = by_key(self) | {key: kind}
            self[key] = text
            self.kinds = "".join([letters.get(each, TEXT) for each in self])
        else:
            self.kinds = self.kinds.ljust(len(self), TEXT) + kind
            self[key] = text


def by_key(attributes: Mapping[str, str | None]) -> dict[str, str]:
    """The letters of attributes by their keys; of a plain map none."""
    kinds = attributes.kinds if isinstance(attributes, Texts) else ""
    return dict(zip(attributes, kinds, strict=False)) if kinds else {}


def joined(first: Mapping[str, str | None], then: Mapping[str, str | None]) -> Texts:
    """Both, with their kinds; of a key in both the second one counts."""
    return Texts({**first, **then}, {key: TEXT for key in first if key in then} | by_key(first) | by_key(then))


def column(attributes: object) -> str | None:
    """What the column `kinds` holds for these attributes; None: all are text."""
    kinds = attributes.kinds if isinstance(attributes, Texts) else ""
    return kinds if kinds.strip(TEXT) else None
