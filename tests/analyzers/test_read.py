"""What the reader makes of files, ours and odd ones: each oddity is a row, and costs nothing else."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers import InputError, load, loading
from spanproof.analyzers.read.recognise import READABLE
from tests.analyzers.traces import RESOURCE, TRACE, document, event, line, ns, recording, rows, table, unit, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import duckdb

TWO = (unit("pipeline", 1, 0, 50), unit("stage", 2, 10, 20, event("started", 10), parent=1))


def read(path: Path, content: bytes) -> duckdb.DuckDBPyConnection:
    path.joinpath("trace.json").write_bytes(content)
    return load([path / "trace.json"])


def problems(con: duckdb.DuckDBPyConnection) -> str:
    return table(con, "select line, severity, what, done from problems order by all")


def names(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in con.execute("select name from spans order by record").fetchall()]


def test_a_recording_of_ours_fills_every_table_of_the_input(tmp_path: Path) -> None:
    linked: dict[str, Any] = unit("stage", 3, 1, 2) | {"links": [{"traceId": "B" * 32, "spanId": "C" * 16, "attributes": []}]}
    linked |= {"traceState": "a=b", "flags": 257, "status": {"code": 2, "message": "no"}, "droppedEventsCount": 0, "droppedLinksCount": 4}
    path = write(tmp_path / "t.json", *TWO, linked, recording(60))
    con = load([path])
    digest = sha256(path.read_bytes()).hexdigest()
    assert table(con, "from files") == f"1 | {path} | {digest} | {path.stat().st_size} | otlp-json | 1 | 4 | 0"
    assert table(con, "select resource_id, file_id, recording_id, pid, service_name, format, recorder from resources") == (
        "1 | 1 | rec-1 | 77 | shop | 1 | 0.1.0"
    )
    assert table(
        con, "select line, record, span_id, parent_span_id, name, span_kind, start_time, end_time, rev from spans order by record"
    ) == rows(
        """
        1 | 1 | 1 | - | pipeline 1 | internal | 1970-01-01 00:00:01 | 1970-01-01 00:00:01.050000 | 1
        2 | 2 | 2 | 1 | stage 2 | internal | 1970-01-01 00:00:01.010000 | 1970-01-01 00:00:01.020000 | 1
        3 | 3 | 3 | - | stage 3 | internal | 1970-01-01 00:00:01.001000 | 1970-01-01 00:00:01.002000 | 1
        4 | 4 | ffffffffffffffff | - | recording | internal | 1970-01-01 00:00:01 | 1970-01-01 00:00:01.060000 | 1
        """
    )
    seldom = "trace_state, flags, status_code, status_message, dropped_attributes, dropped_events, dropped_links"
    assert table(con, f"select {seldom} from spans where record = 3") == "a=b | 257 | 2 | no | - | - | 4"
    assert table(con, "select record, span_id, ordinal, seq, name, time_ns, time from events") == (
        f"2 | 2 | 0 | 105 | started | {ns(10)} | 1970-01-01 00:00:01.010000"
    )
    assert table(con, "select record, ordinal, linked_trace_id, linked_span_id from links") == f"3 | 0 | {'b' * 32} | {'c' * 16}"
    assert table(con, "select name, cast(attributes as varchar) from events") == "started | {spanproof.seq=105}"


def test_values_of_every_kind_become_text(tmp_path: Path) -> None:
    span = unit(None, 1, 0, 1, name="s")
    deep: dict[str, Any] = {"intValue": 1}
    for _ in range(40):
        deep = {"arrayValue": {"values": [deep]}}
    values: dict[str, Any] = {
        "text": {"stringValue": "Zürich\u2028\0"},
        "number": {"intValue": 5},
        "big": {"intValue": str(2**70)},
        "yes": {"boolValue": True},
        "no": {"boolValue": False},
        "float": {"doubleValue": 0.1},
        "nan": {"doubleValue": "NaN"},
        "bytes": {"bytesValue": "AAE="},
        "list": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "2"}, {"boolValue": True}, {"doubleValue": 1.5}, {}]}},
        "huge": {"arrayValue": {"values": [{"intValue": str(2**70)}]}},
        "map": {"kvlistValue": {"values": [{"key": "k", "value": {"arrayValue": {}}}, {"key": "n"}]}},
        "empty": {},
        "null": None,
        "padded": {"stringValue": None, "intValue": "7", "boolValue": None},
        "deep": deep,
    }
    span["attributes"] = [{"key": key, "value": content} for key, content in values.items()]
    con = read(tmp_path, line(span))
    ((got,),) = con.execute("select attributes from spans").fetchall()
    assert json.loads(got.pop("deep").replace('"(nested too deeply)"', "9")) != []
    assert got == {
        "text": "Zürich\u2028\0",
        "number": "5",
        "big": str(2**70),
        "yes": "true",
        "no": "false",
        "float": "0.1",
        "nan": "NaN",
        "bytes": "AAE=",
        "list": '["a",2,true,1.5,null]',
        "huge": f'["{2**70}"]',
        "map": '{"k":[],"n":null}',
        "empty": None,
        "null": None,
        "padded": "7",
    }
    assert problems(con) == ""


def test_one_bad_thing_never_costs_its_neighbours(tmp_path: Path) -> None:
    odd = unit("stage", 5, 5, 6, {"timeUnixNano": "soon", "name": "bad time"}, {"name": "no time"}, parent=1)
    odd["events"].append("no event")
    odd["links"] = [{"traceId": TRACE}]
    odd["attributes"] += [{"key": "x", "value": {"strangeValue": 1}}, {"value": {"intValue": 1}}, "no pair"]
    content = b"".join(
        [
            line(TWO[0]),
            b"2026-11-24 12:00 INFO a log line\n",
            b"\r\n",
            line(TWO[1]).replace(b'"resourceSpans":[', b'"resourceSpans":[17,null,', 1),
            line(unit("stage", 3, 1, 2), {"traceId": TRACE, "name": "no id"}, {"spanId": ""}),
            line(odd),
            b'{"resourceSpans":null}\n{"resourceSpans":[{}]}\n[]\n[1]\n"x"\n{"resourceLogs":[]}\n{"a":1,"b":2}\n',
            line(unit("stage", 4, 1, 2)),
        ]
    )
    con = read(tmp_path, content)
    assert names(con) == ["pipeline 1", "stage 2", "stage 3", "stage 5", "stage 4"]
    assert table(con, "select name, time_ns from events order by record, ordinal") == f"started | {ns(10)}\nbad time | -\nno time | -"
    assert problems(con) == rows(
        """
        2 | data_loss | a line is no JSON: Extra data: line 1 column 5 (char 4) | it was left out, the other lines were read
        4 | data_loss | an element of resourceSpans is malformed: a part of it is not of the kind that belongs there | it was left out
        4 | data_loss | an element of resourceSpans is malformed: a part of it is not of the kind that belongs there | it was left out
        5 | data_loss | a span is malformed: 'spanId' is missing | it was left out
        5 | data_loss | a span is malformed: 'traceId' is missing | it was left out
        6 | data_loss | a link is malformed: 'spanId' is missing | it was left out
        6 | data_loss | a time is no time since 1970, or beyond the year 2262: 'soon' | it counts as missing
        6 | data_loss | an attribute is malformed: 'key' is missing | it was left out
        6 | data_loss | an attribute is malformed: a part of it is not of the kind that belongs there | it was left out
        6 | data_loss | an attribute is malformed: unknown kind of value 'strangeValue' | it was left out
        6 | data_loss | an event is malformed: 'no event' is no object | it was left out
        10 | data_loss | a JSON value without resourceSpans: 1 | it was left out
        11 | data_loss | a JSON value without resourceSpans: 'x' | it was left out
        12 | info | metrics or logs in between | they were left out: only traces are read
        13 | data_loss | a JSON value without resourceSpans: an object with a, b | it was left out
        """
    )


def test_a_flood_of_one_kind_is_counted_not_listed(tmp_path: Path) -> None:
    con = read(tmp_path, line(TWO[0]) + b"garbage\n" * 1000)
    assert table(con, "select count(*), max(what) from problems") == "6 | a line is no JSON: Expecting value: line 1 column 1 (char 0)"
    assert table(con, "select what, severity from problems where line is null") == "a line is no JSON: 995 more | data_loss"
    assert table(con, "select problems from files") == "6"


@pytest.mark.parametrize(
    ("odd", "name"),
    [
        (rb"\ud800 alone", "\ufffd alone"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"tab\tinside", "tab\tinside"),
    ],
)
def test_a_line_that_strict_json_refuses_is_read_as_far_as_possible(tmp_path: Path, odd: bytes, name: str) -> None:
    con = read(tmp_path, line(unit("stage", 1, 0, 1, name="NAME")).replace(b"NAME", odd) + line(TWO[1]))
    assert names(con) == [name, "stage 2"]
    assert problems(con) == "1 | notice | a line is no strict JSON | it was read as far as that is possible"


def test_a_bare_nan_is_read(tmp_path: Path) -> None:
    span = unit(None, 1, 0, 1) | {"attributes": [{"key": "x", "value": {"doubleValue": float("nan")}}]}
    assert table(read(tmp_path, line(span)), "select attributes['x'] from spans") == "nan"


def test_ids_come_in_any_case_and_strange_ones_are_kept(tmp_path: Path) -> None:
    upper = unit(None, "ABCDEF0123456789", 0, 1, trace="A" * 32, parent="0" * 16)
    con = read(tmp_path, line(upper, unit(None, "Not an ID", 0, 1)))
    assert table(con, "select trace_id, span_id, parent_span_id from spans order by record") == (
        f"{'a' * 32} | abcdef0123456789 | -\n{TRACE} | not an id | -"
    )
    assert problems(con) == "1 | notice | an id is not 16 or 32 hex digits: 'Not an ID' | it was taken as it is"


@pytest.mark.parametrize("time", [0, "0", None, "", "-5", 2**64, "x", 1e300, [1]])
def test_a_time_that_is_none_counts_as_missing(tmp_path: Path, time: Any) -> None:
    con = read(tmp_path, line(unit("stage", 1, 0, 1) | {"endTimeUnixNano": time}, recording(9)))
    assert table(con, "select end_ns, is_open from units") == "- | yes"


def test_a_number_as_time_is_read(tmp_path: Path) -> None:
    con = read(tmp_path, line(unit("stage", 1, 0, 1) | {"startTimeUnixNano": 1_000, "kind": "SPAN_KIND_SERVER"}))
    assert table(con, "select start_ns, span_kind from spans") == "1000 | server"


def test_an_attribute_that_occurs_twice_is_said(tmp_path: Path) -> None:
    span = unit(None, 1, 0, 1) | {"attributes": [{"key": "a", "value": {"stringValue": text}} for text in "xy"]}
    con = read(tmp_path, line(span))
    assert table(con, "select attributes['a'] from spans") == "y"
    assert problems(con) == "1 | notice | an attribute key occurs twice | the last one was kept"


def pretty(*documents: Any) -> bytes:
    return "\n".join(json.dumps(item, indent=2) for item in documents).encode()


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(document(*TWO)).encode(),
        pretty(document(*TWO)),
        pretty(document(TWO[0]), document(TWO[1])),
        pretty([document(TWO[0]), document(TWO[1])]),
        pretty({}, document(TWO[0])) + b"\n" + json.dumps(document(TWO[1])).encode(),
        b"\xef\xbb\xbf\r\n" + b"".join(line(span) for span in TWO),
        b"\n\n" + pretty(document(*TWO)) + b"\n\n",
        b"\xef\xbb\xbf" + pretty(document(*TWO)),
        b"".join(line(span) for span in TWO)[:-1],
        json.dumps(document(TWO[0])).encode() + b"\r\n" + json.dumps(document(TWO[1])).encode() + b"\r\n",
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_lines_documents_and_lists_give_the_same_spans(tmp_path: Path, content: bytes, packed: bool) -> None:
    half = len(content) // 2
    con = read(tmp_path, gzip.compress(content[:half]) + gzip.compress(content[half:]) + b"\0" * 9 if packed else content)
    assert names(con) == ["pipeline 1", "stage 2"]
    assert table(con, "select severity from problems where severity <> 'data_loss'") == ""


def test_a_broken_document_costs_only_itself(tmp_path: Path) -> None:
    cut = pretty(document(unit("stage", 9, 0, 1)))[:-30]
    con = read(tmp_path, cut + b"\n" + pretty(document(TWO[0])) + b"\n\xff\n" + pretty(document(TWO[1])))
    assert names(con) == ["pipeline 1", "stage 2"]
    assert table(con, "select severity, split_part(what, ':', 1) from problems order by line nulls first") == rows(
        """
        notice | bytes that are no UTF-8
        data_loss | a document is no JSON
        data_loss | a document is no JSON
        """
    )


@pytest.mark.parametrize("content", [b'{"resourceSpans":' + b"[" * 100_000, b'{\n"resourceSpans":\n' + b"[" * 100_000])
def test_deep_nesting_is_no_crash(tmp_path: Path, content: bytes) -> None:
    con = read(tmp_path, line(TWO[0]) + content + b"\n" + line(TWO[1]) if b"\n" not in content else content)
    assert names(con) == (["pipeline 1", "stage 2"] if b"\n" not in content else [])
    assert table(con, "select count(*) from problems where severity = 'data_loss'") == "1"


def test_many_broken_documents_are_no_quadratic_work(tmp_path: Path) -> None:
    con = read(tmp_path, b'{\n "resourceSpans": x\n' * 20_000 + pretty(document(*TWO)))
    assert names(con) == ["pipeline 1", "stage 2"]


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (b"\x0a\x1c\x0a\x10\x0a\x0e\x0a\x0cservice.name\x12\x08\x12\x06\x0a\x04name", "OTLP metrics or logs as protobuf"),
        (b"PK\x03\x04....", "a zip archive"),
        (b"\x00" * 8 + b"DUCK", "a DuckDB database"),
        (b"<!DOCTYPE html>", "HTML"),
        (b'{"version":1,"exit_code":0,"findings":{}}', "a report of `spanproof check`"),
        (b'{"a":1}', "JSON without spans (it begins with '{\"a\":1}')"),
        (b"hello\nworld", "no JSON (it begins with 'hello')"),
        (b"\xff\xfe\x00", "no JSON (it begins with '\ufffd\ufffd\\x00')"),
    ],
)
def test_what_is_not_read_is_refused_by_its_name(tmp_path: Path, content: bytes, looks: str) -> None:
    path = tmp_path / "trace.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load([path])
    assert str(caught.value) == (
        f"{path}: looks like {looks}; this build reads {READABLE}. Name a trace that Spanproof recorded, or convert this one."
    )


def test_a_file_with_other_signals_only_is_refused_and_one_with_spans_far_behind_them_is_read(tmp_path: Path) -> None:
    logs = b'{"resourceLogs":[]}\n' * 10_000
    path = tmp_path / "trace.json"
    path.write_bytes(logs)
    with pytest.raises(InputError) as caught:
        load([path])
    assert str(caught.value) == (f"{path}: holds OTLP metrics or logs, and no spans; this build reads traces. Name a file with traces.")
    assert names(read(tmp_path, logs + line(TWO[0]))) == ["pipeline 1"]


def test_a_newer_format_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    newer = write(tmp_path / "newer.json", *TWO, resource=RESOURCE | {"spanproof.format": 3})
    message = "written in trace format 3; this build reads 1. Record it again, or install a newer Spanproof"
    with pytest.raises(InputError) as caught:
        load([newer])
    assert str(caught.value) == f"{newer}: {message}."
    con = load([newer, write(tmp_path / "ours.json", TWO[0])])
    assert names(con) == ["pipeline 1"]
    assert table(con, "select file_id, what, severity from problems") == f"1 | {message} | error"


@pytest.mark.parametrize("claimed", [0, "x", "٣", "9" * 30])
def test_a_format_that_is_no_version_is_refused(tmp_path: Path, claimed: Any) -> None:
    path = write(tmp_path / "t.json", *TWO, resource=RESOURCE | {"spanproof.format": claimed})
    with pytest.raises(InputError, match="written in trace format"):
        load([path])


def test_several_files_that_cannot_be_read_are_one_message(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text("text")
    with pytest.raises(InputError, match=r"a: looks like no JSON.* \(2 more files could not be read either\)$"):
        load([tmp_path / name for name in "abc"])


@pytest.mark.parametrize("content", [b"", b"\n \n", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_no_error(tmp_path: Path, content: bytes) -> None:
    con = read(tmp_path, content)
    assert names(con) == []
    assert problems(con) == "- | notice | an empty file | nothing was read"


def test_what_comes_before_a_damage_of_gzip_is_read(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(line(unit("stage", number, 0, 1)) for number in range(1, 2000)))
    cut = read(tmp_path, packed[:-200])
    assert len(names(cut)) > 1000
    assert table(cut, "select severity, what from problems order by all") == rows(
        """
        data_loss | the gzip data ends in the middle
        info | half a last line: the writer was stopped while it wrote
        """
    )
    garbled = read(tmp_path, packed[:-8] + b"\xff" * 8)
    assert len(names(garbled)) == 1999
    assert "the gzip data is damaged" in problems(garbled)
    assert "the gzip data ends in the middle" in problems(read(tmp_path, packed[:5]))


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"".join(line(span) for span in TWO))))
    con = load(["-"])
    assert names(con) == ["pipeline 1", "stage 2"]
    assert table(con, "select path, format from files") == "- | otlp-json"


def test_a_pipe_is_read(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b"".join(line(span) for span in TWO))
    try:
        assert names(load([f"/dev/fd/{reading}"])) == ["pipeline 1", "stage 2"]
    finally:
        os.close(reading)


def finds(*files: Path) -> Callable[..., list[Path]]:
    """In place of `find`: these files, whatever is asked for."""

    def find(paths: Sequence[str | Path], *, root: Path) -> list[Path]:
        return list(files)

    return find


def test_a_file_that_cannot_be_opened_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = write(tmp_path / "good.json", TWO[0])
    bad = write(tmp_path / "bad.json", TWO[0])
    bad.chmod(0)
    if os.access(bad, os.R_OK):  # root reads everything: take a folder instead, that was a file when it was found
        monkeypatch.setattr(loading, "find", finds(good, tmp_path))
    con = load([good, bad])
    assert names(con) == ["pipeline 1"]
    assert table(con, "select severity, file_id from problems where what like 'cannot be read (%'") == "error | 2"


def test_a_very_long_row_is_read(tmp_path: Path) -> None:
    con = read(tmp_path, line(unit("stage", 1, 0, 1, name="n" * 20_000_000)))
    assert table(con, "select length(name) from spans") == "20000000"
