"""Traces that go to a real Jaeger and come back: nothing is lost that both sides can hold, and a person finds them there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import urllib3

from spanproof.analyzers import check, load
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython
    from tests.servers.running import RunningJaeger

pytestmark = pytest.mark.xdist_group("jaeger")

GOLDEN = sorted((ROOT / "traces" / "golden").glob("*.json"))
WAYS = ("http", "grpc")

_SORTED = "list_sort(map_entries(attributes))"
HELD = (
    # Zero-length spans come back one nanosecond long, unfinished ones have an end that we take away again. The trace state, flags
    # and dropped counts of ours say nothing.
    (
        "select trace_id, span_id, parent_span_id, name, span_kind, start_ns, greatest(end_ns, start_ns + 1), status_code, "
        f"status_message, {_SORTED} from spans order by all"
    ),
    f"select trace_id, span_id, time_ns, seq, name, {_SORTED} from events order by trace_id, span_id, time_ns, seq",
    "select trace_id, span_id, linked_trace_id, linked_span_id from links order by all",
    f"select {_SORTED} from resources order by all",
)


@pytest.fixture(params=WAYS)
def endpoint(request: pytest.FixtureRequest, jaeger: RunningJaeger) -> tuple[str, ...]:
    """The options of a push."""
    if request.param == "grpc":
        return ("--otlp", jaeger.otlp_grpc, "--otlp-protocol", "grpc")
    return ("--otlp", jaeger.otlp_http)


def spanproof(run_python: RunPython, *arguments: object, code: int = 0) -> str:
    done = run_python("-m", "spanproof", *map(str, arguments))
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def held(*files: Path | str) -> tuple[list[tuple[Any, ...]], ...]:
    """What the files hold, of what both sides can hold."""
    con = load(files)
    try:
        return tuple(con.execute(sql).fetchall() for sql in HELD)
    finally:
        con.close()


def findings(*files: Path | str) -> set[tuple[str, str, str]]:
    return {(each.criterion, each.fingerprint, each.state) for each in check(files).findings}


def traces(file: Path) -> list[str]:
    con = load([file])
    ids = [str(row[0]) for row in con.execute("select distinct trace_id from spans order by all").fetchall()]
    con.close()
    return ids


def api(jaeger: RunningJaeger, path: str, **asked: str) -> Any:
    return json.loads(urllib3.request("GET", f"{jaeger.query}{path}", fields=asked).data)


@pytest.mark.parametrize("file", GOLDEN, ids=[file.stem for file in GOLDEN])
def test_what_is_pushed_is_pulled_the_same(
    file: Path, endpoint: tuple[str, ...], jaeger: RunningJaeger, run_python: RunPython, tmp_path: Path
) -> None:
    ids = traces(file)
    said = spanproof(run_python, "push", file, *endpoint)
    assert "spans" in said
    back = tmp_path / "back.json"
    spanproof(run_python, "pull", *ids, "--jaeger", jaeger.query, "-o", back)
    assert held(back) == held(file)
    assert findings(back) == findings(file)


@pytest.fixture
def pushed(jaeger: RunningJaeger, run_python: RunPython) -> Path:
    """The first golden trace, in Jaeger; perhaps more than once, which the reader takes for repeated records."""
    spanproof(run_python, "push", GOLDEN[0], "--otlp", jaeger.otlp_http)
    return GOLDEN[0]


def test_a_trace_is_judged_where_it_lies_and_findings_are_linked(
    pushed: Path, jaeger: RunningJaeger, run_python: RunPython, tmp_path: Path
) -> None:
    server = urlsplit(jaeger.query).netloc
    sources = [f"jaeger://{server}/{trace}" for trace in traces(pushed)]
    report = tmp_path / "report.json"
    spanproof(run_python, "check", *sources, "--strict", "--format", f"json={report}", code=1)
    violations = [each for criterion in json.loads(report.read_text())["criteria"] for each in criterion["violations"]]
    assert violations
    for each in violations:
        assert each["link"] == f"{jaeger.query}/trace/{each['trace_id']}?uiFind={each['span_id']}"
        # The span of the link is there, by the API that the pages read. A read of this kind reorders events, so it comes last.
        (found,) = api(jaeger, f"/api/traces/{each['trace_id']}", raw="true")["data"]
        assert each["span_id"] in {span["spanID"] for span in found["spans"]}


def test_a_person_finds_what_timed_out(pushed: Path, jaeger: RunningJaeger, run_python: RunPython, tmp_path: Path) -> None:
    con = load([pushed])
    row = con.execute("select service_name from resources").fetchone()
    late = {str(each[0]) for each in con.execute("select distinct trace_id from units where outcome = 'timed_out'").fetchall()}
    con.close()
    assert row is not None
    assert late
    back = tmp_path / "late.json"
    search = ("--service", row[0], "--since", "2000-01-01", "--tag", "spanproof.outcome=timed_out")
    spanproof(run_python, "pull", *search, "--jaeger", jaeger.query, "-o", back)
    assert set(traces(back)) == late
    nothing = tmp_path / "nothing.json"
    said = spanproof(run_python, "pull", *search[:-1], "spanproof.outcome=never", "--jaeger", jaeger.query, "-o", nothing, code=2)
    assert row[0] in said
    assert not nothing.exists()


def test_each_span_is_there_once_and_the_unfinished_are_marked(jaeger: RunningJaeger, run_python: RunPython, tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text(
        "import asyncio, os\n"
        "async def slow():\n    await asyncio.sleep(60)\n"
        "async def main():\n"
        "    task = asyncio.create_task(slow())\n    await asyncio.sleep(1.6)  # open units are written each second\n    os._exit(0)\n"
        "asyncio.run(main())\n"
    )
    run_python("-m", "spanproof", "trace", "--out", str(tmp_path / "traces"), str(script))
    (file,) = (tmp_path / "traces").glob("app-*.json")
    spanproof(run_python, "push", file, "--otlp", jaeger.otlp_http)
    seen: list[str] = []
    marked: dict[str, str | None] = {}
    for trace in traces(file):
        for span in api(jaeger, f"/api/traces/{trace}", raw="true")["data"][0]["spans"]:
            seen.append(span["spanID"])
            tags = {tag["key"]: tag["value"] for tag in span["tags"]}
            marked[span["operationName"]] = tags.get("spanproof.outcome")
    assert len(seen) == len(set(seen)) > 0
    assert marked["task slow"] == "unfinished"


def test_what_cannot_be_had_is_told(jaeger: RunningJaeger, run_python: RunPython, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    assert "has no trace" in spanproof(run_python, "pull", "ab", "--jaeger", jaeger.query, "-o", file, code=2)
    assert "has no trace" in spanproof(run_python, "check", f"jaeger://{urlsplit(jaeger.query).netloc}/ab", code=2)
    assert "no OTLP endpoint" in spanproof(run_python, "push", GOLDEN[0], "--otlp", jaeger.query, code=2)
    assert "Connection refused" in spanproof(run_python, "push", GOLDEN[0], "--otlp", "http://127.0.0.1:1", code=2)
    assert not file.exists()
    file.write_text("mine")
    assert "nothing is overwritten" in spanproof(run_python, "pull", *traces(GOLDEN[0]), "--jaeger", jaeger.query, "-o", file, code=2)
    assert file.read_text() == "mine"


def test_a_push_goes_on_where_it_ended(jaeger: RunningJaeger, run_python: RunPython) -> None:
    con = load([GOLDEN[0]])
    (number,) = con.execute("select count(*) from spans").fetchall()[0]
    con.close()
    assert f"took {number - 3} spans" in spanproof(run_python, "push", GOLDEN[0], "--skip", 3, "--otlp", jaeger.otlp_http)


def large(file: Path, sizes: list[int]) -> Path:
    """One trace, of a span for each size."""
    spans = [
        {
            "traceId": f"{len(sizes):032x}",
            "spanId": f"{number:016x}",
            "name": "load",
            "startTimeUnixNano": str(10**18 + number),
            "endTimeUnixNano": str(10**18 + 1_000),
            "attributes": [{"key": "text", "value": {"stringValue": "é" * (size // 2)}}],
        }
        for number, size in enumerate(sizes, 1)
    ]
    file.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}))
    return file


def test_requests_are_bounded_in_bytes(endpoint: tuple[str, ...], run_python: RunPython, tmp_path: Path) -> None:
    file = large(tmp_path / "large.json", [200_000] * 110)  # beyond what either protocol's server takes in one request
    assert "took 110 spans" in spanproof(run_python, "push", file, *endpoint)


def test_a_span_that_no_server_takes_is_named_and_can_be_left_out(
    jaeger: RunningJaeger, run_python: RunPython, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")  # seconds in which the exporter tries again
    file = large(tmp_path / "large.json", [10, 22_000_000, 10])
    said = " ".join(spanproof(run_python, "push", file, "--otlp", jaeger.otlp_http, code=2).split())
    assert "took 1 of 3 spans" in said
    assert "one span of some 22,000," in said
    assert "add --skip 2" in said
    assert "took 1 span" in spanproof(run_python, "push", file, "--otlp", jaeger.otlp_http, "--skip", 2)
