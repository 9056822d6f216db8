"""A trace that goes through two processes: neither their clocks nor their orders compare, and a cancellation does not travel by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers.judging import judge
from spanproof.analyzers.loading import load
from spanproof.analyzers.tinytrace_otlp import expand, write

if TYPE_CHECKING:
    from pathlib import Path

    from spanproof.analyzers.report import Report

CLIENT = "a::0-100=x:!90  k.k:a:0-100=x:d5000,!90&a  %n=1 %rec=client"
"""Cancelled at 100 ms, in a scope whose deadline is far away."""

SERVER = "h::{start}-{end}  b:h:{start}-{end}:d{deadline}-{end}  %n=2 %rec=server %until=9000"
"""A request that it had sent, and a task below it, on another machine. They go on, which is the server's own affair."""


def judged(folder: Path, start: int, end: int, deadline: int) -> Report:
    """The server's root becomes a child of the client's scope, in the client's trace."""
    client = write(folder / "client.json", CLIENT)
    text = expand(SERVER.format(start=start, end=end, deadline=deadline))
    # Span ids are numbered in each line: those of the server get another beginning.
    text = text.replace(f'"{2:016x}{1:016x}"', f'"{1:016x}{1:016x}"')
    text = re.sub(r'"00(0{13}\d)"', r'"bb\1"', text)
    text = text.replace('"spanId":"bb00000000000001"', '"spanId":"bb00000000000001","parentSpanId":"0000000000000002"')
    server = folder / "server.json"
    server.write_text(text, encoding="utf-8")
    con = load([client, server])
    try:
        depths = dict(con.execute("select name, depth from units").fetchall())
        assert (depths["task h"], depths["task b"]) == (2, 3), "the trace is one tree"
        return judge(con)
    finally:
        con.close()


@pytest.mark.parametrize(
    ("start", "end", "deadline"),
    [
        pytest.param(10, 800, 900, id="goes on after its client was cancelled"),
        pytest.param(5000, 5800, 9000, id="a clock that is seconds ahead"),
        pytest.param(1, 95, 9000, id="a deadline behind that of its client"),
    ],
)
def test_nothing_is_found_across_two_processes(tmp_path: Path, start: int, end: int, deadline: int) -> None:
    report = judged(tmp_path, start, end, deadline)
    assert [(finding.criterion, finding.subject, finding.message) for finding in report.findings] == []


def test_the_same_within_one_process_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "one.json", "a::0-100=x:!90  k.k:a:0-100=x:d5000,!90&a  h:k:10-800:creator=k")
    con = load([path])
    found = {finding.criterion for finding in judge(con).findings}
    con.close()
    assert found >= {"P02", "P03"}
