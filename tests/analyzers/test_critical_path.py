"""The critical path: of the shapes that people write, by hand; against an oracle in plain Python on random trees; and on long chains."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers import connect, create_schema, load
from spanproof.analyzers.tinytrace_otlp import write
from tests.analyzers.traces import event, loaded, ns, recording, rows, sid, table, unit

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb


def path_of(tmp_path: Path, line: str, top: str = "m") -> str:
    """The critical path of the unit called `top`, without what takes no time."""
    con = load([write(tmp_path / "t.json", line)])
    con.execute(f"create macro ms(at_ns) as (at_ns - {con.execute('select min(start_ns) from units').fetchall()[0][0]}) // 1000000")
    exact(con)
    return table(
        con,
        "select p.name, ms(p.start_ns), ms(p.end_ns), why from critical_path p join units t on t.trace_id = p.trace_id "
        f"and t.span_id = p.of_span_id where split_part(t.name, ' ', 2) = '{top}' and took_ns > 0 order by step",
    )


def exact(con: duckdb.DuckDBPyConnection) -> None:
    """The stretches of every path follow each other, and add up to the whole."""
    wrong = con.execute(
        "with p as (select *, lag(end_ns) over w as before_ns, lead(span_id) over w as after_id from critical_path "
        "window w as (partition by trace_id, of_span_id order by step)) "
        "select * from p where took_ns <> end_ns - start_ns or took_ns < 0 or start_ns <> before_ns "
        "or next_span_id is distinct from after_id"
    ).fetchall()
    assert wrong == []
    sums = con.execute(
        "select p.of_span_id from critical_path p join units u on u.trace_id = p.trace_id and u.span_id = p.of_span_id "
        "group by p.trace_id, p.of_span_id having sum(took_ns) <> any_value(greatest(until_ns - u.start_ns, 0))"
    ).fetchall()
    assert sums == []


def test_awaits_one_after_another(tmp_path: Path) -> None:
    assert path_of(tmp_path, "m::0-100:w=a@10-40,w=b@60-90 a:m:10-40 b:m:50-90") == rows("""
        task m | 0 | 10 | start
        task a | 10 | 40 | await
        task m | 40 | 50 | start
        task b | 50 | 90 | await
        task m | 90 | 100 | end""")


def test_what_was_done_before_it_was_awaited_is_not_on_the_path(tmp_path: Path) -> None:
    # b is longer than a and began before it was awaited: a had time left.
    assert path_of(tmp_path, "m::0-100:w=a@10-40,w=b@40-90 a:m:10-40 b:m:10-90 c:m:10-20") == rows("""
        task m | 0 | 10 | start
        task b | 10 | 90 | await
        task m | 90 | 100 | end""")


@pytest.mark.parametrize("how", ["gather", "taskgroup", "wait"])
def test_of_a_group_the_member_that_ended_last(tmp_path: Path, how: str) -> None:
    line = f"m::0-100:w=a@10-90/{how}#7,w=b@10-90/{how}#7,w=c@10-90/{how}#7 a:m:10-40 b:m:10-90 c:m:10-60"
    assert path_of(tmp_path, line) == rows(f"""
        task m | 0 | 10 | start
        task b | 10 | 90 | {how}
        task m | 90 | 100 | end""")


def test_of_a_wait_for_the_first_the_one_that_ended_it(tmp_path: Path) -> None:
    assert path_of(tmp_path, "m::0-100:w=a@10-40/wait#7,w=b@10-40/wait#7 a:m:10-40 b:m:10-99") == rows("""
        task m | 0 | 10 | start
        task a | 10 | 40 | wait
        task m | 40 | 100 | end""")


def test_a_wait_that_was_cut_short_is_the_waiters_own_time(tmp_path: Path) -> None:
    assert path_of(tmp_path, "m::0-100:w=a@10-50 a:m:10-80") == "task m | 0 | 100 | end"


def test_as_completed_has_no_end_of_its_own(tmp_path: Path) -> None:
    assert path_of(tmp_path, "m::0-100:w=a@10/as_completed,w=b@10/as_completed a:m:10-40 b:m:10-70") == rows("""
        task m | 0 | 10 | start
        task b | 10 | 70 | as_completed
        task m | 70 | 100 | end""")


def test_a_member_that_another_member_put_into_the_group(tmp_path: Path) -> None:
    assert path_of(tmp_path, "m::0-100:w=a@10-90/taskgroup#7 a:m:10-40:group=m b:a:30-90:group=m") == rows("""
        task m | 0 | 10 | start
        task a | 10 | 30 | start
        task b | 30 | 90 | taskgroup
        task m | 90 | 100 | end""")


def test_code_inside_of_a_scope_and_a_run_inside_of_a_task(tmp_path: Path) -> None:
    assert path_of(tmp_path, "m::0-100 k.k:m:10-80:w=a@20-60 a:k:20-60 p.p:m:80-95 s.s:p:85-95") == rows("""
        task m | 0 | 10 | start
        timeout k | 10 | 20 | start
        task a | 20 | 60 | await
        timeout k | 60 | 80 | inside
        pipeline p | 80 | 85 | start
        stage s | 85 | 95 | inside
        task m | 95 | 100 | end""")


def test_a_stage_waits_for_the_dependency_that_ended_last_and_for_its_attempt_before(tmp_path: Path) -> None:
    line = "p.p::0-200 s.a:p:0-50 s.b:p:0-70 s.slow:p:0-150 s.c#1:p:72-90=f:deps=a+b s.c#2:p:120-160:deps=a+b s.d:p:160-190:deps=c"
    assert path_of(tmp_path, line, "p") == rows("""
        stage b | 0 | 70 | dependency
        pipeline p | 70 | 72 | start
        stage c | 72 | 90 | attempt
        pipeline p | 90 | 120 | start
        stage c | 120 | 160 | dependency
        stage d | 160 | 190 | inside
        pipeline p | 190 | 200 | end""")


def test_a_run_has_a_path_of_its_own_and_so_has_what_is_open(tmp_path: Path) -> None:
    line = "m::0- p.p:m:10-80 s.a:p:20-60 p.q:a:30-50 %until=100"
    assert path_of(tmp_path, line, "p") == rows("""
        pipeline p | 10 | 20 | start
        stage a | 20 | 30 | start
        pipeline q | 30 | 50 | inside
        stage a | 50 | 60 | inside
        pipeline p | 60 | 80 | end""")
    assert path_of(tmp_path, line).endswith("task m | 80 | 100 | end")
    assert path_of(tmp_path, line, "q") == ""


def test_damaged_order_ends_the_walk_and_the_sum_stays_exact(tmp_path: Path) -> None:
    con = loaded(
        tmp_path,
        recording(60),
        unit("task", 1, 0, 50, event("awaits", 5, await__targets=[sid(2)], await__how="await", await__end_ns=ns(40), await__end_seq=410)),
        unit("task", 2, 45, 30, parent=1, start_seq=900, end_seq=390),
        unit("pipeline", 3, 20, 10),
        unit("pipeline", 4, 20, 40, parent=4),
    )
    exact(con)
    assert table(con, "select of_span_id, count(*), sum(took_ns) // 1000000 from critical_path group by 1 order by 1") == rows("""
        1 | 2 | 50
        3 | 1 | 0""")


@dataclass(eq=False)
class Node:
    """A unit for the oracle; orders are places in one list of moments."""

    number: int
    kind: str
    parent: Node | None
    start: int
    end: int = -1
    deps: list[str] = field(default_factory=list[str])
    stage: str = ""
    waits: list[tuple[int, int, list[Node]]] = field(default_factory=list["tuple[int, int, list[Node]]"])
    children: list[Node] = field(default_factory=list["Node"])


class Program:
    """A random program, run for the record: `at` gives the time (in ms) of each moment, many share one."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0
        self.at: list[int] = []
        self.nodes: list[Node] = []
        self.root = self.task(None)
        self.body(self.root, 0)
        # What nobody awaited ends last, or had ended by the way.
        self.root.end = self.moment()
        for node in self.nodes:
            if node.end < 0:
                node.end = self.moment()

    def moment(self) -> int:
        """The next moment."""
        self.now += self.chance.choice([0, 0, 1, 3])
        self.at.append(self.now)
        return len(self.at) - 1

    def task(self, parent: Node | None, kind: str = "task") -> Node:
        node = Node(len(self.nodes) + 1, kind, parent, self.moment())
        self.nodes.append(node)
        if parent:
            parent.children.append(node)
        return node

    def body(self, node: Node, depth: int) -> None:
        """Some statements of a unit's code. Tasks that it starts run while it waits."""
        started: list[Node] = []
        for _ in range(self.chance.randrange(1, 5)):
            what = self.chance.choice(["start", "start", "wait", "inside", "stages"])
            if len(self.nodes) > 40 or depth > 3:
                return
            if what == "start":
                started.append(self.task(node))
            elif what == "inside":
                inner = self.task(node, self.chance.choice(["scope", "subpipeline"]))
                self.body(inner, depth + 1)
                inner.end = self.moment()
            elif what == "stages":
                self.run(node, depth)
            elif members := [each for each in started if each.end < 0]:
                chosen = self.chance.sample(members, self.chance.randrange(1, len(members) + 1))
                begin = self.moment()
                # Some end within the wait, others may outlast it: a wait for the first, or one that was cut short.
                for member in chosen:
                    if self.chance.random() < 0.8:
                        self.body(member, depth + 1)
                        member.end = self.moment()
                for other in members:
                    if other.end < 0 and self.chance.random() < 0.2:
                        other.end = self.moment()
                node.waits.append((begin, self.moment(), chosen))

    def run(self, node: Node, depth: int) -> None:
        """A pipeline, inside: stages with dependencies and second attempts."""
        pipeline = self.task(node, "pipeline")
        names: list[str] = []
        for number in range(self.chance.randrange(1, 4)):
            deps = [name for name in names if self.chance.random() < 0.5]
            for _ in range(self.chance.choice([1, 1, 2])):
                stage = self.task(pipeline, "stage")
                stage.stage, stage.deps = f"s{number}", deps
                if self.chance.random() < 0.3:
                    self.body(stage, depth + 1)
                stage.end = self.moment()
            names.append(f"s{number}")
        pipeline.end = self.moment()


def oracle(program: Program, top: Node) -> list[tuple[int, int, int]]:
    """The path of `top`: unit, from, to in ms, without what takes no time; in the order of time."""
    at = program.at
    found: list[tuple[int, int, int]] = []
    host, place, to = top, top.end, at[top.end]
    target: Node | None = None
    while True:
        # `target`: the unit whose start is the place; then what it could not start without comes first.
        past: Node | None = None
        if target is not None and target.kind == "stage":
            past = max(
                (n for n in host.children if n.stage and n.stage in [*target.deps, target.stage] and n.end < place),
                key=lambda n: n.end,
                default=None,
            )
        if past is None:
            gone = [m for begin, end, members in host.waits for m in members if begin < m.end < end]
            gone += [child for child in host.children if child.kind != "task"]
            past = max((n for n in gone if n.end < place), key=lambda n: n.end, default=None)
        begin = max(at[past.end] if past else at[host.start], at[top.start])
        if begin < to:
            found.append((host.number, begin, to))
        to = begin
        if past is not None:
            host, place, target = past, past.end, None
        elif host is top or host.parent is None or host.start <= top.start:
            break
        else:
            host, place, target = host.parent, host.start, host
        if place <= top.start:
            break
    found.reverse()
    return found


def spans(program: Program) -> list[dict[str, Any]]:
    """The program as a recording."""
    at = program.at
    made: list[dict[str, Any]] = []
    for node in program.nodes:
        awaits = [
            event(
                "awaits", at[begin], seq=begin, await__targets=[sid(m.number) for m in members], await__how="wait",
                await__end_ns=ns(at[end]), await__end_seq=end, await__group=begin,
            )
            for begin, end, members in node.waits
        ]  # fmt: skip
        more: dict[str, Any] = {"stage": node.stage, "stage__dependencies": node.deps} if node.stage else {}
        made.append(
            unit(
                node.kind, node.number, at[node.start], at[node.end], *awaits, parent=node.parent.number if node.parent else None,
                start_seq=node.start, end_seq=node.end, **more,
            )
        )  # fmt: skip
    return made


@pytest.mark.parametrize("seed", range(30))
def test_the_path_is_the_oracles(tmp_path: Path, seed: int) -> None:
    program = Program(seed)
    con = loaded(tmp_path, recording(program.now + 1), *spans(program))
    exact(con)
    tops = [node for node in program.nodes if node.parent is None or (node.kind == "pipeline" and topmost(node))]
    path = (
        "select ('0x' || span_id)::BIGINT, ms(start_ns), ms(end_ns) from critical_path where of_span_id = $1 and took_ns > 0 order by step"
    )
    assert {con_top for (con_top,) in con.execute("select distinct of_span_id from critical_path").fetchall()} == {
        sid(top.number) for top in tops
    }
    for top in tops:
        told = con.execute(path, [sid(top.number)]).fetchall()
        assert merged(told) == merged(oracle(program, top)), f"path of {top.number}"


def topmost(node: Node) -> bool:
    """No pipeline above it."""
    above = node.parent
    while above is not None:
        if above.kind == "pipeline":
            return False
        above = above.parent
    return True


def merged(path: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Neighbouring stretches of one unit as one: what takes no time may stand between them, or not."""
    found: list[tuple[int, int, int]] = []
    for number, begin, end in path:
        if found and found[-1][0] == number:
            found[-1] = (number, found[-1][1], end)
        else:
            found.append((number, begin, end))
    return found


def test_the_oracle_meets_what_it_is_for() -> None:
    kinds = {(node.kind, bool(node.waits), bool(node.deps)) for seed in range(60) for node in Program(seed).nodes}
    assert {("task", True, False), ("scope", True, False), ("stage", True, True), ("subpipeline", True, False)} <= kinds


def test_ten_thousand_that_await_each_other_and_ten_thousand_awaits_in_a_row() -> None:
    con = connect()
    create_schema(con)
    many = 10_000
    con.execute(
        "insert into units by name select t as trace_id, i::VARCHAR as span_id, 'task' as unit, 'task ' || i as name, 1 as resource_id, "
        "case when i > 0 then case t when 'deep' then i - 1 else 0 end end::VARCHAR as parent_span_id, false as is_open, "
        f"case t when 'deep' then i when 'row' then i * 4 else i end as start_ns, "
        f"case when i = 0 then {many * 10} when t = 'deep' then {many * 10} - i "
        f"when t = 'row' then i * 4 + 2 else {many} + i end as until_ns, start_ns as start_seq, until_ns as until_seq "
        f"from range({many + 1}) n(i), (values ('deep'), ('row'), ('wide')) shapes(t)"
    )
    con.execute(
        "insert into tree by name select trace_id, span_id, parent_span_id, '0' as root_id from units; "
        "insert into awaits by name select trace_id, parent_span_id as span_id, span_id as target_span_id, 'gather' as how, "
        f"case trace_id when 'wide' then {many} else start_seq end as start_seq, "
        f"case trace_id when 'wide' then {many * 3} else until_seq + 1 end as end_seq "
        "from units where parent_span_id is not null"
    )
    began = time.perf_counter()
    sums = "select trace_id, count(*), sum(took_ns), count(distinct span_id) from critical_path group by 1 order by 1"
    assert table(con, sums) == rows(f"""
        deep | {2 * many + 1} | {many * 10} | {many + 1}
        row | {2 * many + 1} | {many * 10} | {many + 1}
        wide | 3 | {many * 10} | 2""")
    assert time.perf_counter() - began < 20
    exact(con)
