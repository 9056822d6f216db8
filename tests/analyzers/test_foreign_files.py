"""Real files of other programs, where they lie beside the checkout: what each holds, and what was odd about it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from spanproof.analyzers import load
from tests.analyzers.traces import table

FILES = Path(__file__).resolve().parents[3] / "shared" / "foreign-traces"


class Holds(NamedTuple):
    """What a file holds."""

    format: str
    spans: int
    traces: int
    events: int
    links: int
    services: int
    problems: tuple[str, ...] = ()
    """Severity and beginning of each, without those that are there again and again."""


KNOWN = {
    "chrome__viztracer__async_simple.json": Holds("chrome", 656, 1, 0, 0, 1, ("info: a member beside the events: file_info",)),
    "jaeger__deathstarbench__socialnetwork-20-traces.json": Holds("jaeger-json", 660, 20, 0, 0, 12),
    "jaeger__jaeger__ui_01.json": Holds(
        *("jaeger-json", 4, 1, 0, 2, 2),
        (
            "data_loss: 1 records repeat a span and say something else of it",
            "notice: Jaeger warned about a span: some span warning",
            "notice: Jaeger warned about a trace: some trace warning",
        ),
    ),
    "otlp-concat__thoth__observe_subprocesses.json": Holds("otlp-json", 305, 1, 0, 0, 1),
    "otlp-jsonl__otel-tui__test_data.jsonl": Holds(
        "otlp-json", 547, 141, 139, 53, 8, ("info: metrics or logs in between", "notice: 1 spans whose parent was not read")
    ),
    "otlp__opentelemetry-proto__trace.json": Holds("otlp-json", 1, 1, 0, 0, 1, ("notice: 1 spans whose parent was not read",)),
    "zipkin-v2__zipkin__messaging-kafka.json": Holds("zipkin-v2", 28, 1, 0, 0, 2),
}


@pytest.mark.skipif(not FILES.is_dir(), reason="the files of others are not beside the checkout")
@pytest.mark.parametrize("name", KNOWN)
def test_a_real_file_is_read_whole(name: str) -> None:
    con = load([FILES / name])
    counts = "count(*), count(distinct trace_id), (select count(*) from events), (select count(*) from links)"
    services = "(select count(distinct service_name) from resources)"
    found = table(con, f"select (select format from files), {counts}, {services} from spans")
    whats = con.execute("select severity, what from problems").fetchall()
    problems = {
        f"{severity}: {what}".split(", for example")[0].split("; for example")[0] for severity, what in whats if " more" not in what
    }
    assert found == " | ".join(str(value) for value in KNOWN[name][:6])
    assert sorted(problems) == sorted(KNOWN[name].problems)
