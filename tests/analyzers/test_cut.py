"""A recorder can be killed at any moment: whatever is left of a file of ours is read, up to its last whole line."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanproof.analyzers import InputError, load
from spanproof.analyzers.read.documents import documents
from spanproof.analyzers.read.notes import Notes
from spanproof.analyzers.read.recognise import look
from tests.analyzers.traces import delivered, event, line, recording, requested, table, unit

if TYPE_CHECKING:
    from pathlib import Path

LINES = [
    line(unit("pipeline", 1, 0, None, requested(1, 5), outcome="unfinished"), recording(6, ended_by=None)),
    line(unit("stage", 2, 1, 5, event("started", 1), delivered(5, 1), parent=1, outcome="cancelled", name='a "quoted\\" näme\u2028')),
    line(unit("pipeline", 1, 0, 6, requested(1, 5), delivered(5, 1), outcome="cancelled", rev=2)),
    line(recording(9, rev=2)),
]
FILE = b"".join(LINES)


def whole_lines(content: bytes) -> int:
    """Lines that are there up to their last brace; the line end itself is no part of a record."""
    return sum(content.startswith(b"".join(LINES[: n + 1])[:-1]) for n in range(len(LINES)))


def check_cut(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    con = load([path])
    whole = whole_lines(content)
    assert table(con, "select spans from files") == str([0, 2, 3, 4, 5][whole])
    half = len(content) - len(b"".join(LINES[:whole]))
    wanted = (
        ""
        if half <= 0
        else f"{whole + 1} | info | half a last line: the writer was stopped while it wrote | "
        "it was left out; every line before it was read"
    )
    if not content:
        wanted = "- | notice | an empty file | nothing was read"
    assert table(con, "select line, severity, what, done from problems where severity <> 'notice' or what = 'an empty file'") == wanted
    if whole:
        assert table(con, "select torn, ended_by from recordings") == ("no | process" if whole == len(LINES) else "yes | -")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.integers(0, len(FILE)))
def test_a_file_that_is_cut_anywhere_is_read_up_to_its_last_whole_line(tmp_path: Path, at: int) -> None:
    check_cut(tmp_path / "trace.json", FILE[:at])


def test_at_each_byte_the_lines_before_the_cut_are_whole() -> None:
    for at in range(1, len(FILE) + 1):
        notes = Notes()
        values = [document.value for document in documents(io.BytesIO(FILE[:at]), notes)]
        assert len(values) == whole_lines(FILE[:at]), at
        assert [problem.severity for problem in notes.rows()] in ([], ["info"]), at
        assert look(FILE[:at]).format is not None, at


def test_a_cut_near_every_line_end_is_read(tmp_path: Path) -> None:
    ends = [len(b"".join(LINES[:n])) for n in range(len(LINES) + 1)]
    for at in sorted({min(max(end + by, 0), len(FILE)) for end in ends for by in (-2, -1, 0, 1, 2, 16)}):
        check_cut(tmp_path / "trace.json", FILE[:at])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.integers(0, len(LINES[1]) - 2), st.binary(max_size=20))
def test_damage_in_one_line_costs_no_other_line(tmp_path: Path, at: int, junk: bytes) -> None:
    damaged = LINES[1][:at] + junk.replace(b"\n", b" ") + b"\n"
    path = tmp_path / "trace.json"
    path.write_bytes(LINES[0] + damaged + LINES[2] + LINES[3])
    con = load([path])
    assert table(con, "select count(*) from spans where line in (1, 3, 4)") == "2"
    assert table(con, "select outcome, is_open, ended_by from units where unit = 'pipeline'") == "cancelled | no | process"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"{", b'{"resourceSpans":', b'{"resourceSpans":[{"resource":null,"scopeSpans":[{"spans":[']),
)
def test_any_bytes_are_read_or_refused(tmp_path: Path, junk: bytes, start: bytes) -> None:
    path = tmp_path / "trace.json"
    path.write_bytes(start + junk)
    said = ""
    try:
        load([path])
    except InputError as error:
        said = str(error)
    assert said == "" or said.startswith(str(path))


def test_any_damage_of_a_document_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    for seed in range(25):
        chance = random.Random(seed)
        content = bytearray(FILE)
        for _ in range(chance.randrange(1, 20)):
            content[chance.randrange(len(content))] = chance.choice(b'{}[]",:0x\n\\')
        path.write_bytes(bytes(content))
        load([path])
