"""What a report says only when it is asked: margins, what another parameter would flip, and what could not have been seen.

Each as one table of texts (`Listed`), which the terminal and Markdown draw in their own way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..analyzers.verdicts import Verdict
from ..analyzers.words import quantity
from .listing import Column, listing
from .wording import count

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..analyzers import Report
    from ..analyzers.margins import Margins

SHOWN: Final = 12
"""Rows of one list of flips or files that people are shown; --format json has all."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A title, sentences, and rows below headings."""

    title: str
    columns: tuple[Column, ...] = ()
    rows: list[list[str]] = field(default_factory=list[list[str]])
    sentences: list[str] = field(default_factory=list[str])


def parts(report: Report, *, margins: bool) -> Iterator[Listed]:
    """What was asked for, in the order of the options."""
    if margins:
        yield _margins(report)
    if report.what_if is not None:
        yield from _what_if(report.what_if)
    if report.blind_spots is not None:
        yield from _blind_spots(report.blind_spots, several=len(report.files) > 1)


def draw(listed: Listed, width: int | None = None) -> Iterator[RenderableType]:
    """For a terminal."""
    from rich.padding import Padding
    from rich.text import Text

    yield Text(listed.title, style="bold")
    for sentence in listed.sentences:
        yield Padding(Text(sentence), (0, 0, 0, 2))
    if listed.rows:
        yield Padding(listing(listed.columns, listed.rows, width), (0, 0, 0, 2))
    yield Text("")


# --- margins ---------------------------------------------------------------------------------------------------------------


def _margins(report: Report) -> Listed:
    number = ("min", "median", "p99", "max", "bound")
    columns = (Column("criterion"), Column("subjects", "number"), *(Column(name, "number") for name in number), Column("nearest", "text"))
    rows = [
        [f"{each.header.id} {each.header.name}", f"{each.margins['subjects']:,}", *_numbers(each.margins), nearest(each.margins)]
        for each in report.criteria
        if each.margins is not None
    ]
    nothing = [] if rows else ["No criterion with a bound met a subject that holds."]
    return Listed("Margins", columns, rows, nothing)


def _numbers(margins: Margins) -> Iterator[str]:
    unit = margins["unit"]
    for name in ("min", "median", "p99", "max"):
        yield quantity(margins[name], unit)
    least, most = margins["least_bound"], margins["most_bound"]
    yield quantity(most, unit) if least == most else f"{quantity(least, unit)} – {quantity(most, unit)}"


def nearest(margins: Margins) -> str:
    """`held with 12 ms to spare, 88 % of the bound`."""
    share = margins["used"] * 100
    shown = f"{share:.0f}" if share >= 10 or share == 0 else f"{share:.2g}"
    # 100 is kept for what really used all of it.
    if shown == "100" and margins["spare"] > 0:
        shown = "over 99"
    return f"held with {quantity(margins['spare'], margins['unit'])} to spare, {shown} % of the bound"


# --- what if ---------------------------------------------------------------------------------------------------------------


def _what_if(entries: list[dict[str, Any]]) -> Iterator[Listed]:
    if not entries:
        yield Listed("What if", sentences=["These are the values that were used: nothing flips."])
    for each in entries:
        values = ", ".join(f"{each['id']}.{value['name']}={value['to']} (now {value['from']})" for value in each["parameters"])
        was, now = (Verdict(each["verdict"][side]).words for side in ("from", "to"))
        found = each["violations"]
        sentences = [f"{each['id']} {each['name']}: {f'{was}, would be {now}' if was != now else f'{was} either way'}"]
        if each["reason"] and was != now:
            sentences.append(each["reason"])
        appear, vanish = len(each["appear"]), len(each["vanish"])
        sentences.append(f"Findings: {found['from']:,}, would be {found['to']:,} ({appear:,} appear, {vanish:,} vanish)")
        columns = (Column("trace"), Column("now"), Column("would be"), Column("file", "text"))
        flips = each["traces"]
        rows = [
            [flip["trace_id"][:8], Verdict(flip["from"]).words, Verdict(flip["to"]).words, Path(flip["file"] or "").name]
            for flip in flips[:SHOWN]
        ]
        sentences.append(f"{count(len(flips), 'trace')} would flip" + (f", {SHOWN} of them below" if len(flips) > SHOWN else ""))
        for sign, name in (("+", "appear"), ("-", "vanish")):
            told = each[name]
            sentences += [f"{sign} {finding['message']}" for finding in told[:3]]
            if len(told) > 3:
                sentences.append(f"{sign} and {len(told) - 3:,} more; --format json has all")
        yield Listed(f"What if {values}", columns, rows, sentences)


# --- blind spots -----------------------------------------------------------------------------------------------------------


def _blind_spots(found: dict[str, Any], *, several: bool) -> Iterator[Listed]:
    recordings = [[str(spot["what"]), _files(spot["files"])] for spot in found["recordings"]]
    whole = [] if recordings else ["All seams held, to the end of the process, and nothing was lost."]
    yield Listed("Blind spots of the recordings", (Column("what", "text"), Column("files", "text", 12)), recordings, whole)
    criteria: list[list[str]] = []
    for each in found["criteria"]:
        reasons = "; ".join(_spot(spot, several=several) for spot in each["spots"])
        verdict = Verdict(each["verdict"]).words.lower()
        criteria.append(
            [f"{each['id']} {each['name']}", verdict, reasons or "nothing in these traces kept it from seeing", each["cannot_see"]]
        )
    columns = (Column("criterion"), Column("verdict"), Column("in these traces", "text"), Column("in no trace", "text"))
    yield Listed("Blind spots criterion by criterion", columns, criteria)


def _spot(spot: dict[str, Any], *, several: bool) -> str:
    """What could not be seen; of several files also in which, or in how many."""
    files: list[str] = spot["files"]
    where = f" ({len(files):,} files)" if len(files) > 1 else f" ({Path(files[0]).name})" if files and several else ""
    return f"{spot['what']}{where}"


def _files(names: list[str]) -> str:
    shown = ", ".join(Path(name).name for name in names[:3])
    return shown + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
