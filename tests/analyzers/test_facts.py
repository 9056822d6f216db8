"""What happened to units: a small trace in, the table of each subject out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.analyzers.traces import PROGRAM_TRACE, delivered, event, loaded, ns, recording, requested, rows, sid, table, unit

if TYPE_CHECKING:
    from pathlib import Path


def test_requests_deliveries_and_what_became_of_each(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit(
            "stage",
            1,
            0,
            60,
            requested(
                1,
                20,
                "timer",
                by_span_id=sid(8),
                via=3,
                addressee_span_id=sid(1),
                message="late",
                count=1,
                live=True,
                member_span_id=sid(9),
                before_first_step=True,
                code__file__path="a.py",
                code__line__number=7,
                code__function__name="f",
            ),
            requested(2, 25, "stageflow"),
            requested(3, 26),
            requested(4, 40, live=False),
            event("cancel.withdrawn", 27, request__id=3),
            delivered(30, 1, 2, code__file__path="w.py", code__line__number=3, code__function__name="g"),
            delivered(35, 2),
            delivered(36),
            event("cancel.consumed", 41, delivery__requests=[1], consumed__by="timeout"),
            event("cancel.swallowed", 42, delivery__requests=[2], swallowed__how="went_on"),
            outcome="failed",
        ),
        recording(99),
    )
    assert table(
        con,
        """
        select request_id, ms(time_ns), seq, mechanism, by_span_id, via, addressee_span_id, message, count, live, member_span_id,
            before_first_step, file, line, function
        from requests order by request_id
        """,
    ) == rows(
        """
        1 | 20 | 205 | timer | 8 | 3 | 1 | late | 1 | yes | 9 | yes | a.py | 7 | f
        2 | 25 | 255 | stageflow | - | - | - | - | - | yes | - | no | - | - | -
        3 | 26 | 265 | task_cancel | - | - | - | - | - | yes | - | no | - | - | -
        4 | 40 | 405 | task_cancel | - | - | - | - | - | no | - | no | - | - | -
        """
    )
    assert table(con, "select span_id, ms(time_ns), seq, borrowed, requests, file, line, function from deliveries order by seq") == rows(
        """
        1 | 30 | 305 | no | [1, 2] | w.py | 3 | g
        1 | 35 | 355 | no | [2] | - | - | -
        1 | 36 | 365 | yes | [] | - | - | -
        """
    )
    assert table(
        con,
        """
        select request_id, mechanism, ms(delivered_ns), delivered_seq, ms(withdrawn_ns), withdrawn_seq, ms(consumed_ns), consumed_seq,
            consumed_by, ms(swallowed_ns), swallowed_seq, swallowed_how, ms(end_ns), end_seq, outcome
        from cancellations order by request_id
        """,
    ) == rows(
        """
        1 | timer | 30 | 305 | - | - | 41 | 415 | timeout | - | - | - | 60 | 609 | failed
        2 | stageflow | 30 | 305 | - | - | - | - | - | 42 | 425 | went_on | 60 | 609 | failed
        3 | task_cancel | - | - | 27 | 275 | - | - | - | - | - | - | 60 | 609 | failed
        4 | task_cancel | - | - | - | - | - | - | - | - | - | - | 60 | 609 | failed
        """
    )


def test_one_request_stands_on_each_unit_of_its_task(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit("task", 1, 0, 60, requested(1, 20, addressee_span_id=sid(1)), delivered(31, 1), outcome="cancelled"),
        unit("scope", 2, 5, 30, requested(1, 20, addressee_span_id=sid(1)), delivered(21, 1), parent=1, outcome="cancelled"),
        recording(99),
    )
    assert (
        table(con, "select span_id, request_id, addressee_span_id, ms(delivered_ns) from cancellations order by span_id")
        == "1 | 1 | 1 | 31\n2 | 1 | 1 | 21"
    )


def test_deadlines_moved_taken_off_expired_and_left(tmp_path: Path) -> None:
    more: dict[str, Any] = {
        "deadline__configured": "10ms",
        "deadline__source": "config",
        "deadline__mechanism": "timeout",
        "code__file__path": "a.py",
    }
    con = loaded(
        tmp_path,
        unit(
            "scope",
            1,
            0,
            60,
            event("deadline.set", 1, deadline__id=1, deadline__at_ns=ns(11), deadline__timeout_ns=10_000_000, code__line__number=4, **more),
            event("deadline.extended", 5, deadline__id=1, deadline__at_ns=ns(20), deadline__timeout_ns=15_000_000),
            event("deadline.expired", 21, deadline__id=1, deadline__at_ns=ns(20)),
            event("deadline.disarmed", 22, deadline__id=1, deadline__state="expired"),
        ),
        unit(
            "scope",
            2,
            0,
            60,
            event("deadline.set", 1, deadline__id=2, deadline__at_ns=ns(11)),
            event("deadline.extended", 5, deadline__id=2),
            event("deadline.set", 6, deadline__id=3, deadline__configured="0"),
            deadline_state="disarmed",
        ),
        unit(
            "stage",
            3,
            0,
            60,
            deadline_ns=ns(30),
            timeout_ns=30_000_000,
            deadline_state="armed",
            code__file__path="s.py",
            code__line__number=9,
        ),
        unit("scope", 4, 0, 60, event("deadline.expired", 21, deadline__id=5, deadline__at_ns=ns(20))),
        recording(99),
    )
    assert table(
        con,
        """
        select span_id, deadline_id, ms(set_ns), set_seq, ms(first_at_ns), ms(at_ns), timeout_ns, configured, source, mechanism, extended,
            ms(expired_ns), expired_seq, ms(disarmed_ns), disarmed_seq, state, file, line
        from deadlines order by span_id, deadline_id
        """,
    ) == rows(
        """
        1 | 1 | 1 | 15 | 11 | 20 | 15000000 | 10ms | config | timeout | 1 | 21 | 215 | 22 | 225 | expired | a.py | 4
        2 | 2 | 1 | 15 | 11 | - | - | - | - | - | 1 | - | - | - | - | disarmed | - | -
        2 | 3 | 6 | 65 | - | - | - | 0 | - | - | 0 | - | - | - | - | disarmed | - | -
        3 | - | - | - | 30 | 30 | 30000000 | - | - | - | 0 | - | - | - | - | armed | s.py | 9
        4 | 5 | - | - | - | 20 | - | - | - | - | 0 | 21 | 215 | - | - | - | - | -
        """
    )


def test_awaits_are_one_row_a_target(tmp_path: Path) -> None:
    over = event("awaits", 5, await__targets=[sid(2), sid(3)], await__how="gather", await__group=4, await__end_seq=99, await__end_ns=ns(9))
    still = event("awaits", 20, await__targets=[sid(2)], await__how="await", code__file__path="a.py", code__line__number=1)
    con = loaded(tmp_path, unit("task", 1, 0, 60, over, still, event("awaits", 30, await__targets=[])), recording(99))
    assert table(
        con,
        "select span_id, target_span_id, how, group_id, ms(start_ns), start_seq, ms(end_ns), end_seq, file, line from awaits order by all",
    ) == rows(
        """
        1 | 2 | await | - | 20 | 205 | - | - | a.py | 1
        1 | 2 | gather | 4 | 5 | 55 | 9 | 99 | - | -
        1 | 3 | gather | 4 | 5 | 55 | 9 | 99 | - | -
        """
    )


def test_cleanups_from_registration_to_end(tmp_path: Path) -> None:
    def registered(number: int, at: float) -> dict[str, Any]:
        given: dict[str, Any] = {
            "cleanup__registry": 9,
            "cleanup__name": f"close-{number}",
            "cleanup__run_span_id": sid(1),
            "cleanup__registrar_span_id": sid(2),
        }
        return event("cleanup.registered", at, cleanup__id=number, code__file__path="a.py", code__line__number=number, **given)

    def started(number: int, at: float) -> dict[str, Any]:
        given: dict[str, Any] = {
            "cleanup__registry": 9,
            "cleanup__name": f"close-{number}",
            "cleanup__run_span_id": sid(1),
            "cleanup__runner_span_id": sid(1),
        }
        return event("cleanup.started", at, cleanup__id=number, cleanup__budget_ns=5, **given)

    failed = event("cleanup.failed", 32, cleanup__id=2, cleanup__failure="raised", report__error_type="OSError", report__error="gone")
    dropped = event("cleanup.dropped", 7, cleanup__name="lost", cleanup__run_span_id=sid(1), cleanup__registrar_span_id=sid(2))
    con = loaded(
        tmp_path,
        unit("pipeline", 1, 0, 60),
        unit(
            "task", 2, 1, 20, *(registered(n, n) for n in (1, 2, 3, 4)), event("cleanup.unregistered", 6, cleanup__id=3), dropped,
            trace="c" * 32,
        ),
        unit("cleanup", 3, 30, 31, started(1, 30), event("cleanup.finished", 31, cleanup__id=1), parent=1, cleanup__id=1),
        unit("cleanup", 4, 31, 32, started(2, 31), failed, parent=1, cleanup__id=2),
        unit("cleanup", 5, 33, 34, parent=1, cleanup__id=5, cleanup__registry=8, cleanup__registrar_span_id=sid(2)),
        recording(99),
    )  # fmt: skip
    assert table(
        con,
        """
        select trace_id[1], cleanup_id, registry_id, name, run_span_id, registrar_span_id, runner_span_id, ms(registered_ns),
            registered_seq, ms(unregistered_ns), dropped, ms(started_ns), started_seq, ms(finished_ns), ms(failed_ns), failure, error_type,
            error, budget_ns, cleanup_span_id, line
        from cleanups order by cleanup_id
        """,
    ) == rows(
        """
        a | 1 | 9 | close-1 | 1 | 2 | 1 | 1 | 15 | - | no | 30 | 305 | 31 | - | - | - | - | 5 | 3 | 1
        a | 2 | 9 | close-2 | 1 | 2 | 1 | 2 | 25 | - | no | 31 | 315 | - | 32 | raised | OSError | gone | 5 | 4 | 2
        a | 3 | 9 | close-3 | 1 | 2 | - | 3 | 35 | 6 | no | - | - | - | - | - | - | - | - | - | 3
        a | 4 | 9 | close-4 | 1 | 2 | - | 4 | 45 | - | no | - | - | - | - | - | - | - | - | - | 4
        a | 5 | 8 | - | - | 2 | - | - | - | - | no | 33 | 331 | - | - | - | - | - | - | 5 | -
        a | - | - | lost | 1 | 2 | - | - | - | - | yes | - | - | - | - | - | - | - | - | - | -
        """
    )


def test_reports_flags_and_loops(tmp_path: Path) -> None:
    said = event(
        "reported",
        40,
        report__channel="caller",
        report__outcome="timed_out",
        report__status="failed",
        report__error_type="T",
        report__error="boom",
        report__stage="fetch",
        report__results=["a", "b"],
        report__short_cut_by="Cache",
        report__has_data=True,
    )
    flag = event(
        "cancel.flagged",
        10,
        flag__id=1,
        flag__run_span_id=sid(1),
        flag__by_span_id=sid(7),
        flag__mechanism="token",
        code__file__path="a.py",
    )
    con = loaded(
        tmp_path,
        unit("pipeline", 1, 0, 60, said, flag, event("cancel.flagged", 11, flag__id=2)),
        unit("stage", 2, 0, 60, event("reported", 50), *(event("cancel.flag_read", at, flag__id=1) for at in (15, 14))),
        unit(
            "program", 3, 0, None, event("loop.opened", 1, loop=1), event("loop.closing", 70, loop=1), event("loop.closed", 80, loop=1),
            event("loop.opened", 90, loop=2), trace=PROGRAM_TRACE, outcome="unfinished",
        ),
        recording(99),
    )  # fmt: skip
    assert table(
        con,
        """
        select span_id, ms(time_ns), seq, channel, outcome, status, error_type, error, stage, results, short_cut_by, has_data
        from reports order by seq
        """,
    ) == rows(
        """
        1 | 40 | 405 | caller | timed_out | failed | T | boom | fetch | ['a', 'b'] | Cache | yes
        2 | 50 | 505 | - | - | - | - | - | - | - | - | -
        """
    )
    assert table(
        con,
        """
        select span_id, flag_id, run_span_id, by_span_id, mechanism, ms(time_ns), seq, ms(first_read_ns), first_read_seq, file
        from flags order by seq
        """,
    ) == ("1 | 1 | 1 | 7 | token | 10 | 105 | 14 | 145 | a.py\n1 | 2 | - | - | - | 11 | 115 | - | - | -")
    assert table(con, "from loops order by loop_id") == (
        f"rec-1 | 1 | 1 | {ns(1)} | 15 | {ns(70)} | 705 | - | - | {ns(80)} | 805\nrec-1 | 1 | 2 | {ns(90)} | 905 | - | - | - | - | - | -"
    )
