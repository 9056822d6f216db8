"""Maps: what they make of other programs' spans, what criteria say of that, and what is wrong with a map."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers import check, load
from spanproof.analyzers.cataloguing import catalogue
from spanproof.analyzers.lift import MapError, find_map, shipped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

S = 1_000_000_000
TRACE = "5b8efff798038103d269b633813fc60c"


def attributes(given: Mapping[str, str | int]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in given.items()
    ]


def span(
    number: int,
    start_s: float,
    end_s: float,
    parent: int = 0,
    *,
    name: str = "",
    kind: int = 1,
    error: bool = False,
    events: Sequence[tuple[float, str, Mapping[str, str]]] = (),
    said: Mapping[str, str | int] | None = None,
) -> dict[str, Any]:
    """A span of OTLP; times in seconds, `said` are its attributes."""
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": name or f"span {number}",
        "kind": kind,
        "startTimeUnixNano": str(int(start_s * S)),
        "endTimeUnixNano": str(int(end_s * S)),
        "status": {"code": 2} if error else {},
        "attributes": attributes(said or {}),
        "events": [{"timeUnixNano": str(int(at * S)), "name": what, "attributes": attributes(more)} for at, what, more in events],
    }


def written(folder: Path, *spans: dict[str, Any], service: str = "shop") -> Path:
    """A file of another program."""
    resource = {"attributes": attributes({"service.name": service})}
    file = folder / f"{service}.json"
    file.write_text(json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}))
    return file


def own_map(folder: Path, text: str, judged_by: str = '["P02"]') -> str:
    file = folder / "own.toml"
    file.write_text(f'says = "ours"\njudged_by = {judged_by}\n{text}')
    return str(file)


JUDGES = ("D01", "D03", "L01", "O02", "P01", "P02", "P03", "P07", "P08", "R01", "R05", "R08")
"""Criteria that look at tasks, their deadlines and their outcomes; to ask all of them each time would take long."""


def verdicts(file: Path, *maps: str) -> dict[str, str]:
    """What is said of it by whom, without those that say nothing."""
    report = check([file], maps=maps, select=JUDGES)
    return {result.header.id: str(result.verdict.value) for result in report.criteria if result.verdict.value != "not_exercised"}


def request_with_a_query(folder: Path, until_s: float, said: Mapping[str, str | int]) -> Path:
    """A request that is served in a second, and a query below it, through a span that says nothing."""
    return written(
        folder,
        span(1, 10.0, 11.0, kind=2, error=bool(said), said=said),
        span(2, 10.1, 10.9, 1, said={"http.request.method": "GET"}),
        span(3, 10.2, until_s, 2, kind=3, said={"db.system.name": "postgresql"}),
    )


@pytest.mark.parametrize(
    "said",
    [
        {"error.type": "timeout"},
        {"error.type": "asyncio.TimeoutError"},
        {"error.type": "httpx.ReadTimeout"},
        {"error.type": "java.net.SocketTimeoutException"},
        {"error.type": "asyncio.exceptions.CancelledError"},
        {"rpc.grpc.status_code": 4},
        {"rpc.grpc.status_code": 1},
        {"rpc.response.status_code": "DEADLINE_EXCEEDED"},
        {"rpc.status_code": "CANCELLED"},
        {"db.response.status_code": "57014"},
    ],
)
def test_a_query_that_outlives_the_request_that_was_given_up(tmp_path: Path, said: Mapping[str, str | int]) -> None:
    assert verdicts(request_with_a_query(tmp_path, 13.0, said), "opentelemetry") == {"P02": "violated", "R05": "holds"}


@pytest.mark.parametrize(
    ("until_s", "said", "told"),
    [
        (10.8, {"error.type": "timeout"}, {"R05": "holds"}),
        (11.005, {"error.type": "timeout"}, {"P02": "holds", "R05": "holds"}),
        (13.0, {}, {"R05": "holds"}),
        (13.0, {"error.type": "500"}, {"R05": "holds"}),
        (13.0, {"http.response.status_code": 504}, {"R05": "holds"}),
        (13.0, {"rpc.grpc.status_code": 14}, {"R05": "holds"}),
    ],
)
def test_a_query_that_ends_in_time_or_whose_request_was_not_given_up(
    tmp_path: Path, until_s: float, said: Mapping[str, str | int], told: dict[str, str]
) -> None:
    assert verdicts(request_with_a_query(tmp_path, until_s, said), "opentelemetry") == told


def test_all_criteria_are_silent_about_what_a_map_does_not_tell(tmp_path: Path) -> None:
    report = check([request_with_a_query(tmp_path, 11.005, {"error.type": "asyncio.CancelledError"})], maps=["opentelemetry"])
    assert {result.header.id for result in report.criteria if result.verdict.value != "not_exercised"} == {"P02", "R05"}


def test_an_exception_event_tells_of_a_cancellation_too(tmp_path: Path) -> None:
    cancelled = (11.0, "exception", {"exception.type": "asyncio.exceptions.CancelledError"})
    file = written(tmp_path, span(1, 10, 11, kind=2, events=[cancelled]), span(2, 10.5, 14, 1))
    con = load([file], maps=["opentelemetry"])
    assert con.execute("select unit, outcome from units order by span_id").fetchall() == [("task", "cancelled"), ("task", None)]
    con.close()
    assert verdicts(file, "opentelemetry")["P02"] == "violated"


def test_what_a_message_sets_off_may_outlive_its_sender(tmp_path: Path) -> None:
    file = written(tmp_path, span(1, 10, 11, kind=2, said={"error.type": "timeout"}), span(2, 10.5, 14, 1, kind=5), span(3, 10.6, 13, 2))
    assert verdicts(file, "opentelemetry") == {"R05": "holds"}
    con = load([file], maps=["opentelemetry"])
    assert con.execute("select detached, depth, origin_span_id from units order by span_id").fetchall() == [
        (False, 0, None),
        (True, 0, f"{1:016x}"),
        (False, 1, None),
    ]
    con.close()


def test_without_a_map_a_span_that_outlives_its_parent_is_told_and_fails_nothing(tmp_path: Path) -> None:
    file = written(tmp_path, span(1, 10, 11), span(2, 10.5, 14, 1))
    report = check([file], select=JUDGES)
    (found,) = [each for result in report.criteria for each in result.violations]
    assert (found.criterion, found.severity, found.subject) == ("P03", "info", "span 2")
    assert report.exit_code("warning", frozenset()) == 0
    assert "whether somebody awaits it is not told" in str(found.message) + str(found.note)
    for other in (span(2, 10.5, 11.005, 1), span(2, 10.5, 14, 1, kind=5)):
        assert "violated" not in verdicts(written(tmp_path, span(1, 10, 11), other)).values()


def test_nested_programs_are_held_to_it(tmp_path: Path) -> None:
    file = written(tmp_path, span(1, 10, 11), span(2, 10.5, 14, 1))
    assert verdicts(file, "nested") == {"P03": "violated", "R05": "holds"}
    assert verdicts(written(tmp_path, span(1, 10, 15), span(2, 10.5, 14, 1)), "nested") == {"P03": "holds", "R05": "holds"}
    # What touches ends in order: one child ends in the moment in which the next one begins, and the parent with the last.
    touching = written(tmp_path, span(1, 10, 12), span(2, 10, 11, 1), span(3, 11, 12, 1), span(4, 12, 12, 1))
    assert verdicts(touching, "nested") == {"P03": "holds", "R05": "holds"}


def test_an_activity_that_outlives_its_cancelled_workflow(tmp_path: Path) -> None:
    cancelled = (11.0, "exception", {"exception.type": "temporalio.exceptions.CancelledError"})
    workflow = span(1, 10, 11, name="RunWorkflow:Order", events=[cancelled], said={"temporalWorkflowID": "w"})
    for until, verdict in ((15, "violated"), (10.9, "holds")):
        file = written(tmp_path, workflow, span(2, 10.5, until, 1, name="RunActivity:charge", said={"temporalWorkflowID": "w"}))
        assert verdicts(file, "temporal").get("P02", "holds") == verdict


TIMED = """
[[rules]]
says = "a job"
when.name = "job *"
when.service = "sh?p"
set.unit = "task"
set.timeout = { attribute = "limit", unit = "s" }
"""


def test_a_timeout_of_others_is_a_deadline_of_ours(tmp_path: Path) -> None:
    chosen = own_map(tmp_path, TIMED, '["D01"]')
    for until, verdict in ((13.0, "holds"), (14.0, "unknown")):
        file = written(
            tmp_path,
            span(1, 10, until, name="job a", said={"limit": 3}),
            span(2, 10, 20, name="job b"),
            span(3, 10, 20, name="other", said={"limit": 1}),
        )
        con = load([file], maps=[chosen])
        told = con.execute("select name, timeout_ns, deadline_ns, deadline_state from units order by span_id").fetchall()
        con.close()
        state = "disarmed" if verdict == "holds" else None
        assert told == [("job a", 3 * S, 13 * S, state), ("job b", None, None, None), ("other", None, None, None)]
        # Late, but no watchdog says whether the machine stood still: that is no certain violation.
        assert verdicts(file, chosen).get("D01", "holds") == verdict


def test_events_of_others_are_requests_and_deliveries(tmp_path: Path) -> None:
    rules = """
[[rules]]
says = "all"
set.unit = "task"
[[events]]
says = "asked"
when = { name = "sigterm" }
becomes = "cancel.requested"
[[events]]
says = "reached"
when = { name = "stopping", attributes = { "by" = "signal" } }
becomes = "cancel.delivered"
"""
    nothing: dict[str, str] = {}
    asked, reached, other = (10.5, "sigterm", nothing), (10.6, "stopping", {"by": "signal"}), (10.7, "stopping", {"by": "itself"})
    chosen = own_map(tmp_path, rules, '["P01"]')
    file = written(tmp_path, span(1, 10, 12, events=[asked, reached, other]))
    con = load([file], maps=[chosen])
    ((request,),) = con.execute("select request_id from requests").fetchall()
    assert con.execute("select requests, borrowed from deliveries").fetchall() == [([request], False)]
    assert con.execute("select name from events order by time_ns").fetchall() == [
        ("cancel.requested",),
        ("cancel.delivered",),
        ("stopping",),
    ]
    con.close()
    assert verdicts(file, chosen)["P01"] == "holds"
    assert verdicts(written(tmp_path, span(1, 10, 12, events=[asked])), chosen)["P01"] == "violated"
    assert verdicts(written(tmp_path, span(1, 10, 10.55, events=[asked])), chosen)["P01"] == "holds"


def test_the_first_rule_and_the_first_map_count_and_what_a_span_says_itself_stays(tmp_path: Path) -> None:
    rules = '[[rules]]\nsays = "a"\nset = { unit = "task", outcome = "failed" }\n[[rules]]\nsays = "b"\nset.outcome = "completed"\n'
    chosen = own_map(tmp_path, rules)
    file = written(tmp_path, span(1, 10, 11, said={"error.type": "timeout"}), span(2, 10, 11, said={"spanproof.outcome": "cancelled"}))
    con = load([file], maps=[chosen, "opentelemetry"])
    assert con.execute("select outcome from units order by span_id").fetchall() == [("failed",), ("cancelled",)]
    told = [what for (what,) in con.execute("select what from problems where what like 'the map%'").fetchall()]
    assert told == [f"the map {chosen} fits 2 of 2 spans of other programs", "the map opentelemetry fits 2 of 2 spans of other programs"]
    con.close()


def test_our_own_recordings_are_left_alone(tmp_path: Path, checkout: Path) -> None:
    golden = next((checkout / "traces" / "golden").rglob("*.json"))
    plain, mapped = load([golden]), load([golden], maps=["nested"])
    for con in (plain, mapped):
        con.execute("delete from problems")
    asked = "select * from units order by all"
    assert plain.execute(asked).fetchall() == mapped.execute(asked).fetchall()
    plain.close()
    mapped.close()


def test_texts_of_a_map_are_never_code(tmp_path: Path) -> None:
    rules = """[[rules]]\nsays = "quote"\nwhen.name = "it's'); drop table spans; --"\nset = { unit = "task", stage = "it's" }\n"""
    con = load([written(tmp_path, span(1, 10, 11, name="it's'); drop table spans; --"))], maps=[own_map(tmp_path, rules)])
    assert con.execute("select unit, stage from units").fetchall() == [("task", "it's")]
    con.close()


def test_maps_that_ship_are_sound() -> None:
    known = set(catalogue())
    assert set(shipped()) == {"nested", "opentelemetry", "temporal"}
    for name in shipped():
        assert set(find_map(name).judged_by) <= known


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("says = ", "is no TOML"),
        ('says = "x"', "has no rules"),
        ('says = "x"\nrules = 3', "rules must be a list of tables"),
        ('says = "x"\nwhat = 3\n[[rules]]\n', "has the unknown key 'what'"),
        ('says = "x"\n[[rules]]\nsays = "a"\nset.unit = "task"', "judged_by is missing"),
        ('says = "x"\njudged_by = ["P2"]\n[[rules]]\nsays = "a"\nset.unit = "task"', "got 'P2'"),
        ('says = "x"\njudged_by = ["P02"]\n[[rules]]\nsays = "a"', "rule 1 needs `set`"),
        ('says = "x"\njudged_by = ["P02"]\n[[rules]]\nsays = "a"\nset.unit = "thread"', "rule 1: set.unit must be one of task"),
        ('says = "x"\njudged_by = ["P02"]\n[[rules]]\nsays = "a"\nset.kind = "task"', "unknown key 'kind'"),
        ('says = "x"\njudged_by = ["P02"]\n[[rules]]\nsays = "a"\nset.timeout = 3', "set.timeout must be a table, got 3"),
        (
            'says = "x"\njudged_by = ["P02"]\n[[rules]]\nsays = "a"\nset.timeout = {attribute="a", unit="h"}',
            "one of ns, us, ms, s, min; got 'h'",
        ),
        ('says = "x"\njudged_by = ["P02"]\n[[rules]]\nsays = "a"\nset.unit = "task"\nwhen.kind = "rpc"', "when.kind must be one of"),
        ('says = "x"\njudged_by = ["P02"]\n[[rules]]\nsays = "a"\nset.unit = "task"\nwhen.status = "bad"', "when.status must be one of"),
        ('says = "x"\njudged_by = ["P02"]\n[[rules]]\nsays = "a"\nset.unit = "task"\nwhen.event = {}', "when.event needs name"),
        ('says = "x"\njudged_by = ["P02"]\n[[rules]]\nsays = "a"\nset.detached = 1', "set.detached must be true or false, got 1"),
        (
            'says = "x"\njudged_by = ["P02"]\n[[rules]]\nsays = "a"\nset.unit = "task"\nwhen.name = [[]]',
            "a text or a list of texts, got []",
        ),
    ],
)
def test_a_map_that_cannot_be_used_says_where_and_what(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(MapError) as caught:
        find_map(str(file))
    assert told in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_map_that_is_not_there_names_those_that_ship() -> None:
    with pytest.raises(MapError, match=r"there is no map 'otel'.*nested, opentelemetry, temporal"):
        find_map("otel")
