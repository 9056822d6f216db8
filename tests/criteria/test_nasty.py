"""Traces that no recorder writes, and some exporters do: whatever the shape, no crash, no hang, no finding that is not true."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers.judging import check
from spanproof.analyzers.tinytrace_otlp import expand

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Spans = list[dict[str, Any]]

CORRECT = (
    "m::0-500:main,w=p@0-400  p.p:m:0-400  s.a:p:0-100:hold=conn@5-90,out=ok@99  s.b:p:100-300:deps=a,w=t@110-290,out=ok@299"
    "  t:b:105-290:gen=rows@110-200/exhausted  k.k:t:110-200:d250-200  c.close:p:390-395  x:m:410-450:!440@m  %closing=500 %closed=500"
)
"""A run in which nothing is wrong: stages, a task that is awaited, a timeout that is left in time, a cleanup, a task that is cancelled."""


def of_units(spans: Spans) -> Spans:
    """The spans that stand for units of the run, without the program and the recording."""
    return [span for span in spans if not span["name"].startswith(("program", "recording"))]


def cycle(spans: Spans) -> Spans:
    a, b = (span for span in spans if span["name"] in ("stage b", "task t"))
    a["parentSpanId"], b["parentSpanId"] = b["spanId"], a["spanId"]
    return spans


def own_parent(spans: Spans) -> Spans:
    for span in of_units(spans):
        span["parentSpanId"] = span["spanId"]
    return spans


def twice(spans: Spans) -> Spans:
    return [*spans, *of_units(spans)]


def twice_and_different(spans: Spans) -> Spans:
    copies = json.loads(json.dumps(of_units(spans)))
    for span in copies:
        span["name"] += " again"
    return [*spans, *copies]


def ends_before_starts(spans: Spans) -> Spans:
    for span in of_units(spans):
        span["startTimeUnixNano"], span["endTimeUnixNano"] = span["endTimeUnixNano"], span["startTimeUnixNano"]
    return spans


def without_parents(spans: Spans) -> Spans:
    for span in of_units(spans):
        if "parentSpanId" in span:
            span["parentSpanId"] = "00000000deadbeef"
    return spans


def one_trace_one_id(spans: Spans) -> Spans:
    for span in of_units(spans):
        span["spanId"] = "0000000000000001"
    return spans


def without_times(spans: Spans) -> Spans:
    for span in of_units(spans):
        del span["startTimeUnixNano"]
    return spans


def without_attributes(spans: Spans) -> Spans:
    for span in of_units(spans):
        span["attributes"] = []
    return spans


def without_events(spans: Spans) -> Spans:
    for span in of_units(spans):
        span["events"] = []
    return spans


def in_any_order(spans: Spans) -> Spans:
    random.Random(7).shuffle(spans)
    return spans


def mangled(path: Path, change: Callable[[Spans], Spans]) -> Path:
    """The correct trace with its spans changed, as one document a line again."""
    documents = [json.loads(line) for line in expand(CORRECT).splitlines()]
    spans = change([document["resourceSpans"][0]["scopeSpans"][0]["spans"][0] for document in documents])
    resource = documents[0]["resourceSpans"][0]["resource"]
    lines = [json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}) for span in spans]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def said(path: Path) -> list[str]:
    """Findings above `info`, and criteria that could not be run."""
    report = check([path])
    broken = [str(result.reason) for result in report if "could not be run" in str(result.reason)]
    return broken + [
        f"{finding.criterion} {finding.subject}: {finding.message}" for finding in report.findings if finding.severity != "info"
    ]


@pytest.mark.parametrize(
    "change",
    [
        list[dict[str, Any]], cycle, own_parent, twice, twice_and_different, ends_before_starts, without_parents, one_trace_one_id,
        without_times, without_attributes, without_events, in_any_order,
    ],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_nothing_is_found_in_a_correct_run_however_it_was_written(change: Callable[[Spans], Spans], tmp_path: Path) -> None:
    assert said(mangled(tmp_path / "t.json", change)) == []


@pytest.mark.parametrize("asked", [False, True])
def test_ten_thousand_levels(tmp_path: Path, *, asked: bool) -> None:
    """Each awaits the next one; then all of them are cancelled from the innermost out, one nanosecond after the other."""
    levels = 10_000
    words = ["m::0-900:main,w=t1@0-800"]
    for level in range(1, levels + 1):
        end = f"{500 + (levels - level) / 1_000_000:.6f}"
        facts = [*([f"!500#{level}^{level - 1}&t{level}" if level > 1 else "!500#1@m"] if asked else [])]
        facts += [f"w=t{level + 1}@1-{end}"] if level < levels else []
        words.append(f"t{level}:{f't{level - 1}' if level > 1 else 'm'}:0-{end}" + (f":{','.join(facts)}" if facts else ""))
    path = tmp_path / "deep.json"
    path.write_text(expand(" ".join(words)), encoding="utf-8")
    assert said(path) == []
