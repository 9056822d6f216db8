"""What units held, opened and handed over: a small trace in, the table of each subject out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.analyzers.traces import event, loaded, rows, sid, table, unit

if TYPE_CHECKING:
    from pathlib import Path

HERE: dict[str, Any] = {"code__file__path": "a.py", "code__line__number": 7, "code__function__name": "f"}


def test_a_resource_from_taking_to_giving_back(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit(
            "task",
            1,
            0,
            50,
            event("resource.acquired", 10, resource__id=4, resource__name="lock", resource__kind="declared", **HERE),
            event("resource.transferred", 20, resource__id=4, resource__name="lock", resource__to_span_id=sid(2)),
            event("resource.acquired", 30, resource__id=5, resource__name="file 5", resource__kind="file"),
        ),
        unit("task", 2, 5, 60, event("resource.released", 40, resource__id=4, resource__name="lock", resource__kind="declared")),
        unit(
            "task",
            3,
            5,
            60,
            event("resource.released", 55, resource__id=5, resource__name="file 5", resource__kind="file", resource__how="collected"),
            event("resource.acquired", 56, resource__name="without a number"),
        ),
    )
    assert table(
        con,
        """
        select span_id, holding_id, name, kind, acquired_seq, to_span_id, transferred_seq, released_seq, how, file, line, function
        from holdings order by holding_id
        """,
    ) == rows(
        """
        1 | 4 | lock | declared | 105 | 2 | 205 | 405 | - | a.py | 7 | f
        1 | 5 | file 5 | file | 305 | - | - | 555 | collected | - | - | -
        """
    )


def test_a_generator_and_who_iterated_and_closed_it(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit(
            "task",
            1,
            0,
            50,
            event("generator.opened", 10, generator__id=4, generator__name="lines", generator__by_span_id=sid(1), **HERE),
            event("generator.closed", 40, generator__id=4, generator__name="lines", generator__by_span_id=sid(3), generator__how="hook"),
            event("generator.opened", 12, generator__id=5, generator__name="left"),
        ),
        unit("task", 2, 5, 60, event("generator.iterated", 20, generator__id=4, generator__name="lines", generator__by_span_id=sid(2))),
    )
    assert table(
        con,
        """
        select span_id, generator_id, name, opened_seq, last_span_id, last_seq, closed_seq, closed_by_span_id, how, line
        from generators order by generator_id
        """,
    ) == rows(
        """
        1 | 4 | lines | 105 | 2 | 205 | 405 | 3 | hook | 7
        1 | 5 | left | 125 | 1 | 125 | - | - | - | -
        """
    )


def test_work_in_threads(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit(
            "task",
            1,
            0,
            50,
            event("thread.started", 10, thread__id=4, thread__name="work", thread__executor="to_thread", clock="monotonic", **HERE),
            event("thread.started", 11, thread__id=5, thread__name="work", thread__executor="executor"),
            event("thread.finished", 90, thread__id=4, thread__name="work", thread__outcome="failed", clock="monotonic"),
            event("thread.finished", 91, thread__id=6, thread__name="cut", thread__outcome="completed"),
            clock="virtual",
        ),
    )
    assert table(
        con, "select thread_id, name, executor, clock, started_seq, finished_seq, outcome, line from threads order by thread_id"
    ) == rows(
        """
        4 | work | to_thread | monotonic | 105 | 905 | failed | 7
        5 | work | executor | monotonic | 115 | - | - | -
        6 | cut | - | monotonic | - | 915 | completed | -
        """
    )


def test_checkpoints_and_outputs(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit(
            "stage",
            1,
            0,
            50,
            event("checkpoint.saved", 10, checkpoint__key="k", checkpoint__store="Memory", **HERE),
            event("checkpoint.missed", 20, checkpoint__key="k"),
            event("checkpoint.loaded", 30, checkpoint__key="j"),
            event("output.produced", 40, output__status="ok", output__has_data=True),
        ),
    )
    assert table(con, "select seq, what, key, store, line from checkpoints order by seq") == rows(
        """
        105 | saved | k | Memory | 7
        205 | missed | k | - | -
        305 | loaded | j | - | -
        """
    )
    assert table(con, "select span_id, seq, status, has_data from outputs") == "1 | 405 | ok | yes"


def test_a_flag_names_its_first_reader_and_a_loop_its_stop(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        unit("pipeline", 1, 0, 50, event("cancel.flagged", 10, flag__id=3, flag__run_span_id=sid(1))),
        unit("stage", 2, 0, 50, event("cancel.flag_read", 30, flag__id=3, flag__reader_span_id=sid(2)), parent=1),
        unit(
            "stage", 3, 0, 50, event("cancel.flag_read", 20, flag__id=3, flag__reader_span_id=sid(3)), event("loop.stopped", 40), parent=1
        ),
        unit("scope", 4, 0, 50, parent=1, shielded=True),
    )
    assert table(con, "select first_read_seq, first_read_by_span_id from flags") == "205 | 3"
    assert table(con, "select loop_id, stopped_seq, closed_seq from loops") == "1 | 405 | -"
    assert table(con, "select string_agg(span_id, ',') from units where shielded") == "4"
