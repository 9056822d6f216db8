"""Says what a file is, by its content, never by its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from .formats import FORMATS

if TYPE_CHECKING:
    from .formats import Format

READABLE: Final = (
    "OTLP JSON and protobuf, Jaeger JSON, Zipkin JSON, Chrome's trace JSON, what OpenTelemetry's console exporter prints, and Parquet of "
    "`spanproof convert`, "
    "plain, gzip or zstd"
)
"""What this build reads, for messages."""

_BOM: Final = b"\xef\xbb\xbf"
_BLANKS: Final = b" \t\r\n\v\f\x1e"
"""The last one begins each text of a JSON text sequence."""
_JSON_LINE: Final = re.compile(rb"\n[{\[]")

# Trace formats of others: enough of each to call it by its name. Tried in this order, on the first 64 KiB.
_FOREIGN: Final[tuple[tuple[str, re.Pattern[bytes]], ...]] = (
    ("OTLP metrics or logs as protobuf", re.compile(rb"\A(\0.{3})?\x0a.{1,5}\x0a.{1,400}service\.name", re.DOTALL)),
)

# What is certainly no trace; a folder is walked past these without a word.
_OTHER: Final[tuple[tuple[str, re.Pattern[bytes]], ...]] = (
    ("a report of `spanproof check`", re.compile(rb'\A\s*\{.*"exit_code"\s*:.*"findings"\s*:', re.DOTALL)),
    ("a DuckDB database", re.compile(rb"\A.{8}DUCK", re.DOTALL)),
    ("a zip archive", re.compile(rb"\APK\x03\x04")),
    ("HTML", re.compile(rb"\A\s*<(!doctype|html)", re.IGNORECASE)),
)


class Look(NamedTuple):
    """What a file looks like.

    Attributes:
        format: who reads it; None: nobody.
        what: what it looks like, for a message; empty for what is readable or empty.
        candidate: a folder that is walked should mention it: a trace, or perhaps a damaged one.
    """

    format: Format | None
    what: str
    candidate: bool


def _format(body: bytes) -> Format | None:
    return next((form for form in FORMATS if form.recognises(body)), None)


def _behind_text(body: bytes) -> Format | None:
    """The format of what begins with lines of text: a program that prints its spans prints other things too."""
    found = None if body[:1] in (b"{", b"[") or b"\0" in body else _JSON_LINE.search(body)
    return _format(body[found.end() - 1 :]) if found else None


def look(head: bytes, *, named_json: bool = False) -> Look:
    """Recognise the file that begins with `head` (decompressed).

    An empty head is a candidate without format and without `what`. `named_json`: its name says JSON, so that unreadable
    content is worth a word.
    """
    body = head.removeprefix(_BOM).lstrip(_BLANKS)
    if not body:
        return Look(None, "", named_json)
    if form := _format(body) or _format(head):
        return Look(form, "", True)
    for what, pattern in _FOREIGN:
        if pattern.search(head):
            return Look(None, what, True)
    for what, pattern in _OTHER:
        if pattern.search(head):
            return Look(None, what, False)
    if named_json and (form := _behind_text(body)):
        return Look(form, "", True)
    begin = body[:24].split(b"\n", 1)[0].decode("utf-8", "replace")
    if body[:1] in (b"{", b"["):
        return Look(None, f"JSON without spans (it begins with {begin!r})", False)
    return Look(None, f"no JSON (it begins with {begin!r})", named_json)
