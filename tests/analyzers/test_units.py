"""Units and recordings: a small trace in, the table out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers import load
from tests.analyzers.traces import RESOURCE, TRACE, delivered, event, line, loaded, ns, recording, requested, rows, sid, table, unit, write

if TYPE_CHECKING:
    from pathlib import Path


def test_every_fact_of_a_unit_has_its_column(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit(
            "stage",
            2,
            10,
            30,
            event("started", 11),
            requested(1, 20),
            delivered(21, 1),
            parent=1,
            outcome="cancelled",
            reported_outcome="timed_out",
            reported_by="caller",
            attempt=2,
            stage="fetch",
            stage__dependencies=["a", "b"],
            deadline_ns=ns(20),
            timeout_ns=10_000_000,
            deadline_state="expired",
            creator_span_id=sid(1),
            group_owner_span_id=sid(7),
            group_id=3,
            main=True,
            detached=True,
            user_done_callback=True,
            code__file__path="shop.py",
            code__line__number=12,
            code__function__name="fetch",
            error__type="builtins.ValueError",
            exception__message="no",
            run_uuid="u",
            events_dropped=4,
        ),
        unit(
            "pipeline",
            1,
            0,
            40,
            pipeline="buy",
            pipeline__stages=["fetch"],
            pipeline__edges=["a>fetch"],
            origin__trace_id="c" * 32,
            origin__span_id=sid(9),
        ),
        unit("cleanup", 3, 31, 32, parent=1, cleanup__id=5, cleanup__registry=6, cleanup__registrar_span_id=sid(2)),
        recording(50),
    )
    assert table(
        con,
        """
        select recording_id, resource_id, file_id, parent_span_id, unit, name, subject, run_id, root_id, depth
        from units where unit = 'stage'
        """,
    ) == ("rec-1 | 1 | 1 | 1 | stage | stage 2 | stage 2 | 1 | 1 | 1")
    assert table(
        con,
        """
        select ms(start_ns), ms(end_ns), start_seq, end_seq, ms(started_ns), started_seq, ms(known_until_ns), ms(until_ns), until_seq,
            is_open, torn, ended_by, clock, loop_id
        from units where unit = 'stage'
        """,
    ) == ("10 | 30 | 101 | 309 | 11 | 115 | 50 | 30 | 309 | no | no | process | monotonic | 1")
    assert table(
        con,
        """
        select outcome, error_type, error_message, reported_outcome, reported_by, attempt, stage, dependencies, run_uuid,
            ms(deadline_ns), timeout_ns, deadline_state
        from units where unit = 'stage'
        """,
    ) == ("cancelled | builtins.ValueError | no | timed_out | caller | 2 | fetch | ['a', 'b'] | u | 20 | 10000000 | expired")
    assert table(
        con,
        """
        select creator_span_id, group_owner_span_id, group_id, detached, is_main, user_done_callback, code_file, code_line, code_function,
            ms(first_request_ns), first_request_seq, ms(first_delivery_ns), first_delivery_seq, grace_ns, events_dropped, status_code
        from units where unit = 'stage'
        """,
    ) == ("1 | 7 | 3 | yes | yes | yes | shop.py | 12 | fetch | 20 | 205 | 21 | 215 | 10000000 | 4 | 0")
    assert table(
        con, "select pipeline, pipeline_stages, pipeline_edges, origin_trace_id, origin_span_id from units where unit = 'pipeline'"
    ) == (f"buy | ['fetch'] | ['a>fetch'] | {'c' * 32} | 9")
    assert table(con, "select cleanup_id, cleanup_registry_id, cleanup_registrar_span_id from units where unit = 'cleanup'") == "5 | 6 | 2"


def test_an_open_unit_lives_until_the_last_tick_on_its_own_clock(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit("task", 1, 0, None, outcome="unfinished"),
        unit("task", 2, 0, None, outcome="unfinished", clock="virtual"),
        unit("task", 3, 70, None, outcome="unfinished"),
        unit(None, 4, 10, None, trace="d" * 32),
        recording(20, ended_by=None),
        recording(60, ended_by=None, rev=2, virtual_tick_ns=ns(5000)),
        unit("task", 5, 0, 65),
    )
    assert table(con, "select name, is_open, torn, ms(known_until_ns), ms(until_ns), until_seq from units order by name") == rows(
        f"""
        None 4 | yes | yes | 60 | 60 | {2**62}
        task 1 | yes | yes | 60 | 60 | {2**62}
        task 2 | yes | yes | 5000 | 5000 | {2**62}
        task 3 | yes | yes | 60 | 70 | {2**62}
        task 5 | no | yes | 60 | 65 | 659
        """
    )
    assert table(
        con, "select ms(tick_ns), ms(virtual_tick_ns), tick_seq, ended_by, torn, dropped, ms(end_ns), ms(virtual_end_ns) from recordings"
    ) == ("60 | 5000 | 600 | - | yes | 0 | 60 | 5000")


def test_without_a_tick_the_latest_time_is_the_end_of_knowledge(tmp_path: Path) -> None:
    con = loaded(tmp_path, unit("task", 1, 0, 30), unit("task", 2, 10, 900, clock="virtual"))
    assert table(con, "select torn, tick_ns, ms(end_ns), ms(virtual_end_ns) from recordings") == "yes | - | 30 | 900"
    assert table(con, "select name, torn, ms(known_until_ns) from units order by name") == "task 1 | yes | 30\ntask 2 | yes | 900"


def test_spans_of_other_programs_are_units_of_no_kind(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", unit(None, 1, 0, 50), unit(None, 2, 10, None, parent=1), resource={"service.name": "web"})
    con = load([path])
    con.execute("create macro ms(at_ns) as (at_ns - 1000000000) // 1000000")
    assert table(
        con,
        "select name, unit, recording_id, torn, ended_by, is_open, ms(known_until_ns), ms(until_ns), depth from units order by name",
    ) == rows(
        """
        None 1 | - | - | no | - | no | 50 | 50 | 0
        None 2 | - | - | no | - | yes | 50 | 50 | 1
        """
    )
    assert table(con, "from recordings") == ""


def test_the_highest_revision_counts_whole(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit("stage", 1, 0, 30, event("started", 1), requested(1, 20), rev=3, outcome="cancelled"),
        unit("stage", 1, 0, None, event("started", 1), rev=1, outcome="unfinished"),
        unit("stage", 1, 0, None, event("started", 1), event("reported", 2), rev=2, outcome="unfinished"),
        recording(40),
    )
    assert table(con, "select outcome, ms(end_ns) from units") == "cancelled | 30"
    assert table(con, "select name from events order by seq") == "started\ncancel.requested"
    assert table(con, "select spans, problems from files") == "4 | 0"


def test_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    spans = (unit("stage", 1, 0, 30, event("started", 1)), recording(40))
    con = load([write(tmp_path / "a.json", *spans), write(tmp_path / "copy.json", *spans)])
    assert table(con, "select count(*) from units") == "1"
    assert table(con, "select count(*) from events") == "1"
    assert table(con, "from problems") == ""


def test_records_that_contradict_each_other_are_said(tmp_path: Path) -> None:
    con = loaded(tmp_path, unit("stage", 1, 0, 30), unit("stage", 1, 0, 31), recording(40))
    assert table(con, "select ms(end_ns) from units") == "31"
    assert table(con, "select severity, what, done from problems") == (
        "notice | 1 records have the revision of another record of their span, and say something else; for example span "
        f"{sid(1)} of trace {TRACE} | of each span the last record was kept"
    )


def test_repeated_spans_of_others_are_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", unit(None, 1, 0, 50), unit(None, 1, 0, 50), resource={"service.name": "web"})
    con = load([path])
    assert table(con, "select count(*) from spans") == "1"
    assert (
        table(con, "select severity, what from problems") == f"info | 1 records repeat a span, for example span {sid(1)} of trace {TRACE}"
    )


def test_the_files_of_one_process_are_one_resource_with_its_worst_seams(tmp_path: Path) -> None:
    first = RESOURCE | {"spanproof.part": 0, "spanproof.seams": ["task=held", "cancel=lost: it raised", "anyio=absent: later"]}
    second = RESOURCE | {
        "spanproof.part": 1,
        "spanproof.seams": ["task=lost: it raised", "cancel=held", "anyio=held", "new=held"],
        "spanproof.scenario": "x/y",
    }
    other = RESOURCE | {"process.pid": 78, "spanproof.libraries": ["stageflow-core==1.2.0"], "spanproof.expect": ['{"id": "P02"}']}
    con = load(
        [
            write(tmp_path / "1.json", unit("stage", 1, 0, 30), resource=first),
            write(tmp_path / "2.json", unit("stage", 2, 0, 30), recording(40), resource=second),
            write(tmp_path / "3.json", unit("stage", 3, 0, 30), resource=other),
        ]
    )
    assert table(con, "select resource_id, file_id, pid, scenario, seams, libraries, expect from resources order by all") == rows(
        """
        1 | 1 | 77 | x/y | ['task=lost: it raised', 'cancel=lost: it raised', 'anyio=held', 'new=held'] | - | -
        2 | 3 | 78 | - | - | ['stageflow-core==1.2.0'] | ['{"id": "P02"}']
        """
    )
    assert table(con, "select name, resource_id, file_id, torn, scenario from units order by name") == rows(
        """
        stage 1 | 1 | 1 | no | x/y
        stage 2 | 1 | 2 | no | x/y
        stage 3 | 2 | 3 | yes | -
        """
    )
    assert (
        table(con, "select recording_id, resource_id, pid, torn from recordings order by all")
        == "rec-1 | 1 | 77 | no\nrec-1 | 2 | 78 | yes"
    )


def test_an_applications_span_between_two_units_does_not_hide_the_parent(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit("pipeline", 1, 0, 50),
        unit("stage", 2, 10, 20, parent=99, parent_unit=sid(1)),
        recording(60),
    )
    assert table(con, "select parent_span_id, depth, run_id from units where unit = 'stage'") == "1 | 1 | 1"
    assert table(con, "from problems") == ""


@pytest.mark.parametrize(
    ("stalls", "grace_ms"),
    [
        ([], 10),
        ([(15, 4)], 10),
        ([(15, 6)], 12),
        ([(15, 6), (35, 20)], 40),
        ([(15, 6), (35, 20), (90, 40), (99, 50)], 80),  # ends after the unit, began before its end
        ([(9, 8), (70, 15), (99, 50)], 10),  # all before its start or after its end
        ([(10, 8)], 16),
    ],
)
def test_grace_is_two_turns_of_the_longest_stall_in_the_units_life(tmp_path: Path, stalls: list[tuple[int, int]], grace_ms: int) -> None:
    blocked = [event("loop.blocked", end, blocked__duration_ns=length * 1_000_000) for end, length in stalls]
    con = loaded(
        tmp_path, unit("stage", 1, 10, 51), unit("task", 2, 0, 100, *blocked), unit("task", 3, 0, 100) | {"name": "x"}, recording(120)
    )
    assert table(con, "select grace_ns // 1000000 from units where unit = 'stage'") == str(grace_ms)
    assert table(con, "select count(*), max(loop_id), max(resource_id) from blocked") == (
        f"{len(stalls)} | 1 | 1" if stalls else "0 | - | -"
    )


def test_a_stall_of_another_loop_gives_no_grace(tmp_path: Path) -> None:
    stall = event(
        "loop.blocked", 20, blocked__duration_ns=50_000_000, blocked__cpu_ns=1, blocked__machine_stalled=True, code__file__path="f"
    )
    con = loaded(tmp_path, unit("stage", 1, 0, 50), unit("task", 2, 0, 100, stall, loop=2), recording(120))
    assert table(con, "select name, grace_ns // 1000000 from units order by name") == "stage 1 | 10\ntask 2 | 100"
    assert table(con, "select span_id, loop_id, ms(time_ns), seq, duration_ns, cpu_ns, machine_stalled, file, line from blocked") == (
        "2 | 2 | 20 | 205 | 50000000 | 1 | yes | f | -"
    )


def test_what_the_recorder_lost_is_a_problem(tmp_path: Path) -> None:
    fault = event("probe.fault", 5, fault__probe="delivery", exception__type="KeyError", exception__message="x")
    lost = [
        event("records.lost", 6, lost__why="disk full", lost__records=3),
        event("records.lost", 7, lost__why="too many", lost__records=2),
    ]
    con = loaded(tmp_path, recording(60, fault, *lost, dropped=5, parts_deleted=2), unit("task", 1, 0, 1, events_dropped=1))
    assert table(con, "select severity, what from problems order by what") == rows(
        f"""
        data_loss | 1 spans had more events than their writer keeps; for example span {sid(1)} of trace {TRACE}
        data_loss | probe delivery raised KeyError (x)
        data_loss | the recorder deleted 2 parts of the recording to stay below its limit of size
        data_loss | the recorder lost 5 records (disk full: 3; too many: 2)
        """
    )
    assert table(con, "select dropped, parts_deleted from recordings") == "5 | 2"
    assert (
        table(con, "select resource_id, ms(time_ns), seq, probe, error_type, error from faults") == "1 | 5 | 55 | delivery | KeyError | x"
    )


def test_a_span_that_ends_before_it_starts_or_never_starts_is_said_and_kept(tmp_path: Path) -> None:
    never = unit("stage", 2, 0, 5)
    del never["startTimeUnixNano"]
    con = loaded(tmp_path, unit("stage", 1, 40, 12), never, recording(60))
    assert (
        table(con, "select name, ms(start_ns), ms(end_ns), ms(until_ns) from units order by name")
        == "stage 1 | 40 | 12 | 12\nstage 2 | - | 5 | 5"
    )
    assert table(con, "select severity, what from problems order by what") == rows(
        f"""
        notice | 1 spans end before they start: the clock went backwards; for example span {sid(1)} of trace {TRACE}
        data_loss | 1 spans have no start time; for example span {sid(2)} of trace {TRACE}
        """
    )


def test_garbage_in_attributes_of_ours_is_null_not_a_crash(tmp_path: Path) -> None:
    odd = unit(
        "stage",
        1,
        0,
        10,
        event("awaits", 1, await__targets="no list"),
        event("cancel.delivered", 2, delivery__requests='{"a":'),
        requested(1, 3),
    )
    for pair in odd["attributes"]:
        if pair["key"] not in {"spanproof.unit", "spanproof.rev"}:
            pair["value"] = {"stringValue": "garbage"}
    odd["attributes"] += [
        {"key": f"spanproof.{key}", "value": {"stringValue": "{x"}} for key in ("stage.dependencies", "pipeline.stages", "deadline_ns")
    ]
    con = loaded(tmp_path, odd, recording(60))
    assert table(con, "select outcome, start_seq, dependencies, deadline_ns from units") == "garbage | - | - | -"
    assert table(con, "select target_span_id from awaits") == ""
    assert table(con, "select requests from deliveries") == "[]"


def test_a_line_of_another_recording_is_told_from_ours(tmp_path: Path) -> None:
    # The resource is taken over from the line before only when its bytes are the same.
    path = tmp_path / "t.json"
    path.write_bytes(
        line(unit("task", 1, 0, 1)) + line(unit("task", 2, 0, 1), resource=RESOURCE | {"process.pid": 78}) + line(unit("task", 3, 0, 1))
    )
    assert table(load([path]), "select name, resource_id from units order by name") == "task 1 | 1\ntask 2 | 2\ntask 3 | 1"
