"""Child processes: each that uses a loop has a file of its own, joined to the parent's; the others cost nothing and leave none."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers import load
from spanproof.instrument import children

if TYPE_CHECKING:
    from tests.conftest import RunPython

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks and signals of POSIX")

METHODS = ("fork", "spawn", "forkserver")

PROGRAM = """
import asyncio, contextlib, os, signal, subprocess, sys, time
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

async def late(seconds):
    async with asyncio.timeout(seconds):
        await asyncio.sleep(30)

def loops(seconds):
    try:
        asyncio.run(late(seconds))
    except TimeoutError:
        print("late", seconds, flush=True)
    return seconds

def by_hand(seconds):
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(loop.create_task(asyncio.sleep(seconds, seconds)))
    finally:
        loop.close()
    return seconds

async def hang(pipe):
    await asyncio.sleep(1.5)  # the recorder brings what is open to the disk once a second
    pipe.send(1)
    await asyncio.sleep(60)

def hangs(pipe):
    asyncio.run(hang(pipe))

def computes(number):
    return 2 * number

def wait_for(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def main(session):
{body}

if __name__ == "__main__":
    if sys.argv[1] == "traced":
        import spanproof
        main(spanproof.session("traces", name="app"))
    else:
        main(contextlib.nullcontext())
"""


class Recorded:
    """What a program left behind."""

    def __init__(self, folder: Path, stdout: str) -> None:
        self.stdout = stdout
        self.files = sorted((folder / "traces").glob("[!.]*.json"))
        self.noted: list[str] = json.loads((folder / "traces" / ".last-run.json").read_text())["files"]
        self.tables = load(self.files)

    def ask(self, query: str) -> list[Any]:
        return self.tables.execute(query).fetchall()


@pytest.fixture
def run(run_python: RunPython, tmp_path: Path, checkout: Path) -> Any:
    """Run a body untraced and traced, with all warnings as errors: the output must be the same."""

    def twice(body: str) -> Recorded:
        lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
        (tmp_path / "app.py").write_text(PROGRAM.format(body=lines))
        env = {"PYTHONPATH": str(checkout)}
        plain = run_python("-W", "error", "app.py", "plain", env=env)
        traced = run_python("-W", "error", "app.py", "traced", env=env)
        assert (traced.returncode, sorted(traced.stdout.splitlines()), traced.stderr) == (
            plain.returncode,
            sorted(plain.stdout.splitlines()),
            plain.stderr,
        )
        return Recorded(tmp_path, traced.stdout)

    return twice


def assert_whole(recorded: Recorded, processes: int) -> None:
    """So many processes, each with a file that was finished, and one recording."""
    assert len(recorded.files) == processes
    assert sorted(recorded.noted) == [path.name for path in recorded.files]
    assert len(recorded.ask("select distinct recording_id from recordings")) == 1
    assert recorded.ask("select count(*) from recordings where ended_by is null or torn") == [(0,)]
    assert recorded.ask("select what from problems where severity <> 'notice'") == []


@pytest.mark.parametrize("method", METHODS)
def test_processes_of_multiprocessing(run: Any, method: str) -> None:
    recorded = run(f"""
context = multiprocessing.get_context({method!r})
with session:
    started = [context.Process(target=target, args=(0.01,)) for target in (loops, by_hand, computes)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    print([process.exitcode for process in started])
""")
    assert_whole(recorded, 3)
    units = recorded.ask("select name, outcome from units where unit in ('task', 'scope') order by name")
    assert units == [("task late", "failed"), ("task sleep", "completed"), ("timeout late", "timed_out")]
    assert recorded.ask("select count(*) from loops where opened_ns is not null and closed_ns is not null") == [(2,)]


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_of_processes(run: Any, method: str) -> None:
    """Workers that run a loop have files; a pool that only computes has none."""
    recorded = run(f"""
context = multiprocessing.get_context({method!r})
with session:
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        print(list(pool.map(computes, range(4))))
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        print(list(pool.map(loops, [0.01, 0.02])))
""")
    assert_whole(recorded, 2)
    assert recorded.ask("select count(*) from units where name = 'timeout late' and outcome = 'timed_out'") == [(2,)]


def test_a_program_that_imports_multiprocessing_inside_the_session(run_python: RunPython, tmp_path: Path, checkout: Path) -> None:
    (tmp_path / "app.py").write_text("""
import sys
import spanproof

def loops():
    import asyncio
    asyncio.run(asyncio.sleep(0))

if __name__ == "__main__":
    before = list(sys.meta_path)
    with spanproof.session("traces"):
        assert "multiprocessing.spawn" not in sys.modules
        import multiprocessing.spawn
        process = multiprocessing.get_context("spawn").Process(target=loops)
        process.start()
        process.join()
        patched = multiprocessing.spawn.get_preparation_data
        assert type(multiprocessing.spawn.__spec__.loader).__name__ == "SourceFileLoader"
    assert multiprocessing.spawn.get_preparation_data is not patched
    assert sys.meta_path == before
    process = multiprocessing.get_context("spawn").Process(target=loops)
    process.start()
    process.join()
""")
    done = run_python("app.py", env={"PYTHONPATH": str(checkout)})
    assert (done.returncode, done.stderr) == (0, "")
    assert_whole(Recorded(tmp_path, ""), 2)


def test_a_fork_in_the_middle_of_a_task(run: Any) -> None:
    """The parent's units are not the child's; the child begins anew, and the parent goes on as if nothing had been."""
    recorded = run("""
async def middle():
    async with asyncio.timeout(20):
        task = asyncio.create_task(asyncio.sleep(0.1))
        await asyncio.sleep(0.01)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                loops(0.01)
                code = 5
            finally:
                sys.stdout.flush()
                os._exit(code)
        print("child", wait_for(child))
        await task

with session:
    asyncio.run(middle())
""")
    assert len(recorded.files) == 2
    by_process = recorded.ask(
        "select r.pid, list(u.name order by u.start_seq) from units u join recordings r using (resource_id) "
        "where u.unit <> 'program' group by 1 order by 1"
    )
    # The child left by `os._exit`: what its file has, if anything, is its own.
    assert by_process[0][1] == ["task middle", "timeout middle", "task sleep"]
    assert all(set(names) <= {"task late", "timeout late"} for _pid, names in by_process[1:])


def test_a_fork_that_runs_another_program_leaves_no_file(run: Any) -> None:
    recorded = run("""
with session:
    child = os.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", "raise SystemExit(3)"])
    print(wait_for(child))
    print(subprocess.run([sys.executable, "-c", "print(1)"], preexec_fn=lambda: None, capture_output=True).stdout)
    asyncio.run(asyncio.sleep(0))
""")
    assert_whole(recorded, 1)


def test_children_of_children(run: Any) -> None:
    """Forked before the child's first loop, and after it; each has its own file."""
    recorded = run("""
def below():
    grandchild = os.fork()
    if grandchild == 0:
        by_hand(0.001)
        sys.exit(0)
    assert wait_for(grandchild) == 0

with session:
    process = multiprocessing.get_context("fork").Process(target=lambda: (below(), loops(0.01), below()))
    process.start()
    process.join()
    print(process.exitcode)
""")
    assert_whole(recorded, 4)


def test_a_child_that_records_by_itself(run: Any) -> None:
    """A session of the child's own is a recording of its own."""
    recorded = run("""
def alone():
    if sys.argv[1] == "traced":
        import spanproof
        with spanproof.session("traces", name="mine"):
            loops(0.01)
    else:
        loops(0.01)

with session:
    process = multiprocessing.get_context("fork").Process(target=alone)
    process.start()
    process.join()
""")
    assert sorted(path.name.partition("-")[0] for path in recorded.files) == ["app", "mine"]
    assert len(recorded.ask("select distinct recording_id from recordings")) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_that_is_killed(run: Any, method: str, number: int) -> None:
    """Its file reads, and shows as open what was open."""
    recorded = run(f"""
context = multiprocessing.get_context({method!r})
with session:
    ours, theirs = context.Pipe()
    process = context.Process(target=hangs, args=(theirs,))
    process.start()
    ours.recv()
    os.kill(process.pid, {int(number)})
    process.join()
    print(process.exitcode)
    ours.close()
    theirs.close()
""")
    assert len(recorded.files) == 2
    assert recorded.ask("select name, is_open from units where unit = 'task'") == [("task hang", True)]
    assert recorded.ask("select count(*) from recordings where torn") == [(1,)]


def test_nothing_is_said_where_spanproof_is_not_there(run_python: RunPython, tmp_path: Path) -> None:
    """A child of another interpreter, or with another path, runs on unrecorded."""
    reduced = children._Beginning({"name": "x"}).__reduce__()
    assert reduced[0] is exec
    assert (Path(children._HOME) / "spanproof" / "__init__.py").is_file()
    code = reduced[1][0].replace("spanproof.instrument", "spanproof_that_is_not_there")
    (tmp_path / "child.py").write_text(f"import sys\nbefore = list(sys.path)\nexec({code!r}, {{}})\nprint(sys.path == before)\n")
    done = run_python("child.py")
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.python(">=3.12")  # `sys.monitoring` is new in Python 3.12
def test_a_forked_child_has_its_tool_id_back(run: Any) -> None:
    run("""
with session:
    child = os.fork()
    if child == 0:
        free = all(sys.monitoring.get_tool(tool) != "spanproof" for tool in range(6))
        os._exit(0 if free and asyncio.Task.__init__ is asyncio.tasks.Task.__init__ and not hasattr(asyncio.Task, "_spanproof") else 1)
    print(wait_for(child))
""")
