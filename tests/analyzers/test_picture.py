"""Pictures of traces: what stands where, what is left out, and that nothing of a trace becomes markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from spanproof.analyzers import load
from spanproof.analyzers.picture import COLOURS, UNITS, svg
from spanproof.analyzers.tinytrace_otlp import write

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"


def drawn(tmp_path: Path, line: str, *focus: str) -> ET.Element:
    """The picture of the only trace of the line; units in the focus by name."""
    con = load([write(tmp_path / "1.json", line)])
    trace_id, spans = con.execute("select any_value(trace_id), map_from_entries(list((name, span_id))) from units").fetchall()[0]
    text = svg(con, trace_id, {spans[name] for name in focus})
    assert "<script" not in text
    return ET.fromstring(text)  # noqa: S314 - our own text


def labels(picture: ET.Element) -> list[str]:
    return [text.text or "" for group in picture.iter(f"{SVG}g") for text in group.iter(f"{SVG}text")]


def titles(picture: ET.Element) -> list[str]:
    return [title.text or "" for title in picture.iter(f"{SVG}title")]


def test_a_bar_for_each_unit_with_its_marks_in_words_and_in_place(tmp_path: Path) -> None:
    picture = drawn(tmp_path, "p.p::0-100=f s.a:p:0-50=t:d50!,!50>60/timer s.b:p:0-200", "stage b")

    assert titles(picture) == [
        "pipeline 'p': from 0 ms to 100 ms; failed",
        "stage 'a': from 0 ms to 50 ms; timed out; deadline at 50 ms; asked to stop at 50 ms, told at 60 ms",
        "stage 'b': from 0 ms to 200 ms; completed",
    ]
    bars = [rect for rect in picture.iter(f"{SVG}rect") if rect.get("fill") in COLOURS.values() and rect.get("rx")]
    lengths = [float(bar.get("width", 0)) for bar in bars]
    assert [round(length / lengths[2], 2) for length in lengths] == [0.5, 0.25, 1.0]
    assert [bar.get("fill") for bar in bars] == [COLOURS["failed"], COLOURS["timed_out"], COLOURS["completed"]]
    bold = [text.text for text in picture.iter(f"{SVG}text") if text.get("font-weight") == "bold"]
    assert bold == ["stage b"]


def test_what_goes_on_after_its_run_is_hatched_from_there_on(tmp_path: Path) -> None:
    picture = drawn(tmp_path, "p.p::0-100=f s.a:p:0-50 s.b:p:0-200")

    hatched = [rect for rect in picture.iter(f"{SVG}rect") if rect.get("fill") == "url(#after)"]
    whole = next(rect for rect in picture.iter(f"{SVG}rect") if rect.get("fill") == COLOURS["failed"] and rect.get("rx"))
    assert len(hatched) == 1
    assert float(hatched[0].get("x", 0)) == float(whole.get("x", 0)) + float(whole.get("width", 0))


def test_a_unit_without_an_end_says_so(tmp_path: Path) -> None:
    assert titles(drawn(tmp_path, "p.p::0-100 a:p:0- %until=300"))[1] == "task 'a': from 0 ms to 300 ms; no end was recorded"


def test_of_many_units_those_in_the_focus_are_shown_with_what_is_above_them(tmp_path: Path) -> None:
    line = "p.p::0-100 " + " ".join(f"a{n}:p:0-{n}" for n in range(10, 90)) + " deep:a89:1-80"
    picture = drawn(tmp_path, line, "task deep")

    shown = labels(picture)
    assert len(shown) == UNITS
    assert {"pipeline p", "task a89", "task deep"} <= set(shown)
    assert any(text.text == f"and {82 - UNITS} more units" for text in picture.iter(f"{SVG}text"))


def test_nothing_of_a_trace_becomes_markup(tmp_path: Path) -> None:
    con = load([write(tmp_path / "1.json", "p.p::0-100")])
    con.execute("""update units set name = '<script>alert("1")</script>''&'""")
    trace_id = con.execute("select any_value(trace_id) from units").fetchall()[0][0]

    text = svg(con, trace_id)
    assert "<script" not in text
    assert labels(ET.fromstring(text)) == ['<script>alert("1")</script>\'&']  # noqa: S314 - our own text


def test_a_trace_that_is_not_there_has_no_picture(tmp_path: Path) -> None:
    assert svg(load([write(tmp_path / "1.json", "p.p::0-100")]), "0" * 32) == ""
