"""Other tools in the same process: debuggers, coverage, pytest, other patchers. Each sees what it sees without us."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.instrument.testing import recorded

from .running import run_virtual

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython

PROGRAM = """
import asyncio

async def worker(seconds):
    try:
        await asyncio.sleep(seconds)
        return seconds
    except asyncio.CancelledError:
        print("cancelled", seconds)
        raise
    finally:
        print("left", seconds)

async def main():
    try:
        async with asyncio.timeout(0.05):
            await worker(5)
    except TimeoutError:
        print("late")
    task = asyncio.create_task(worker(6))
    await asyncio.sleep(0.01)
    task.cancel()
    print(await asyncio.gather(task, worker(0.01), return_exceptions=True))
    if task.cancelled():
        return "done"
    return "never"

print(asyncio.run(main()))
"""

APP = """
import contextlib, sys
{before}
if {traced}:
    import spanproof
    around = spanproof.session("traces")
else:
    around = contextlib.nullcontext()
{inside}
with around:
    import program
{after}
"""


class Twice:
    """Runs PROGRAM without and with a session."""

    def __init__(self, run_python: RunPython, folder: Path, checkout: Path) -> None:
        self._run, self._folder, self._checkout = run_python, folder, checkout
        (folder / "program.py").write_text(PROGRAM)

    def __call__(self, *launcher: str, env: dict[str, str] | None = None, before: str = "", inside: str = "", after: str = "") -> list[Any]:
        done: list[Any] = []
        for traced in (False, True):
            (self._folder / "app.py").write_text(APP.format(traced=traced, before=before, inside=inside, after=after))
            done.append(self._run(*launcher, "app.py", env={"PYTHONPATH": str(self._checkout), **(env or {})}))
            done.append(self.left())
        plain, left_by_plain, traced_too, left = done
        assert plain.returncode == 0, plain.stderr
        assert (traced_too.returncode, traced_too.stdout, traced_too.stderr) == (0, plain.stdout, plain.stderr)
        assert len(list((self._folder / "traces").glob("app-*.json"))) == 1
        assert "done" in plain.stdout
        return [left_by_plain, left]

    def left(self) -> Any:
        """What coverage measured of the program, if it did."""
        data = self._folder / ".coverage"
        if not data.is_file():
            return None
        told = self._run("-m", "coverage", "json", "-q", "-o", "-", "--include=program.py")
        data.unlink()
        (file,) = json.loads(told.stdout)["files"].values()
        return {name: file.get(name) for name in ("executed_lines", "missing_lines", "executed_branches", "missing_branches")}


@pytest.fixture
def twice(run_python: RunPython, tmp_path: Path, checkout: Path) -> Twice:
    return Twice(run_python, tmp_path, checkout)


CORES = ("ctrace", "sysmon") if sys.version_info >= (3, 12) else ("ctrace",)


@pytest.mark.parametrize("core", CORES)
def test_coverage_measures_the_same(twice: Twice, core: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On `sys.monitoring` coverage has tool id 1, we have 4 or 3."""
    monkeypatch.delenv("COVERAGE_PROCESS_START", raising=False)
    branch = ["--branch"] if core == "ctrace" or sys.version_info >= (3, 14) else []
    plain, traced = twice("-m", "coverage", "run", *branch, "--include=program.py", env={"COVERAGE_CORE": core})
    assert plain == traced
    assert len(plain["executed_lines"]) > 15
    assert len(plain["missing_lines"]) == 1


def test_a_trace_function_sees_the_same_lines(twice: Twice) -> None:
    """`sys.settrace`, as debuggers written in Python use it."""
    twice(
        inside="""
seen = []
def tracer(frame, event, argument):
    if not frame.f_code.co_filename.endswith("program.py"):
        return None
    seen.append((event, frame.f_code.co_name, frame.f_lineno))
    return tracer
sys.settrace(tracer)
""",
        after="sys.settrace(None)\nprint(len(seen), hash(tuple(map(str, seen))))\n",
        env={"PYTHONHASHSEED": "0"},
    )


def test_pdb(twice: Twice) -> None:
    twice(
        "-m",
        "pdb",
        "-c",
        "break program.py:11",
        "-c",
        "commands 1\nsilent\nprint('stopped', seconds)\ncontinue\nend",
        "-c",
        "continue",
        "-c",
        "quit",
    )


def test_debugpy(twice: Twice) -> None:
    pytest.importorskip("debugpy")
    twice("-Xfrozen_modules=off", "-m", "debugpy", "--listen", "127.0.0.1:0", env={"PYDEVD_DISABLE_FILE_VALIDATION": "1"})


@pytest.mark.python(">=3.12")  # `sys.monitoring` is new in Python 3.12
@pytest.mark.parametrize("taken", [(0,), (0, 1, 2, 5), (4,), (3, 4)])
def test_tool_ids_of_others(taken: tuple[int, ...]) -> None:
    """They keep theirs; without a free one deliveries are seen by the probe."""
    monitoring: Any = vars(sys)["monitoring"]
    before = [monitoring.get_tool(tool) for tool in range(6)]
    mine = [tool for tool in taken if before[tool] is None]
    for tool in mine:
        monitoring.use_tool_id(tool, f"tool {tool}")
    try:

        async def main() -> None:
            task = asyncio.create_task(asyncio.sleep(5))
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.wait([task])

        with recorded() as trace:
            run_virtual(main)
        assert len(trace.one("task sleep").of("cancel.delivered")) == 1
        assert all(monitoring.get_tool(tool) == f"tool {tool}" for tool in mine)
    finally:
        for tool in mine:
            monitoring.free_tool_id(tool)
    assert [monitoring.get_tool(tool) for tool in range(6)] == before


def test_pytest_below_the_recorder(run_python: RunPython, tmp_path: Path, checkout: Path) -> None:
    """Asserts are rewritten, output is captured, a failure shows the same lines."""
    (tmp_path / "test_app.py").write_text("""
import asyncio, pytest

async def failing():
    await asyncio.sleep(0)
    value = 1
    assert value == 2

@pytest.mark.parametrize("number", range(3))
def test_loops(number):
    assert asyncio.run(asyncio.sleep(0, number)) == number

def test_fails():
    print("captured")
    asyncio.run(failing())
""")
    arguments = ("pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "test_app.py")
    env = {"PYTHONPATH": str(checkout), "COLUMNS": "100"}
    plain = run_python("-m", *arguments, env=env)
    traced = run_python("-m", "spanproof", "trace", "-q", "-m", *arguments, env=env)
    assert (plain.returncode, traced.returncode) == (1, 1)

    def told(text: str) -> list[str]:
        # Frames of the recorder stand in the traceback too; those of the test, and all that pytest says itself, are compared.
        return [line for line in text.splitlines() if line.startswith(("test_app.py", "E ", "FAILED", "captured", "...F", "---"))]

    assert len(told(plain.stdout)) >= 6
    assert told(traced.stdout) == told(plain.stdout)
    assert "assert 1 == 2" in traced.stdout


def test_warnings_name_the_same_caller(record: Any) -> None:
    """`stacklevel=2` in a coroutine that another one awaits, and in a function that it calls."""

    def old_function() -> None:
        warnings.warn("function", DeprecationWarning, stacklevel=2)

    async def old_coroutine() -> None:
        warnings.warn("coroutine", DeprecationWarning, stacklevel=2)
        await asyncio.sleep(1)

    async def user() -> None:
        old_function()
        await old_coroutine()

    async def main() -> None:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(user())

    def told() -> list[tuple[str, str, int]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run_virtual(main)
        return [(str(warning.message), warning.filename, warning.lineno) for warning in caught]

    with record():
        traced = told()
    assert traced == told()
    assert [text for text, _file, _line in traced] == ["function", "coroutine"]


# --- somebody else on top of us ----------------------------------------------------------------------------------------


def test_a_patch_on_top_of_ours_outlives_us_and_is_taken_off_later(record: Any) -> None:
    """They give back what they found, which was ours: it lets everything through, in later sessions too."""
    timeout: Any = asyncio.Timeout
    plain_task, plain_exit = asyncio.Task, timeout.__aexit__
    asyncio_module: Any = asyncio
    asyncio_tasks: Any = asyncio.tasks

    async def main() -> str:
        try:
            async with asyncio.timeout(1):
                await asyncio.create_task(asyncio.sleep(5))
        except TimeoutError:
            return "late"
        return "in time"

    try:
        with record() as first:
            found_task, found_exit = asyncio.Task, timeout.__aexit__

            async def their_exit(self: Any, *error: Any) -> Any:
                return await found_exit(self, *error)

            class OnTop(asyncio.Task[Any]):
                pass

            asyncio_tasks.Task = OnTop
            asyncio_module.Task = OnTop
            timeout.__aexit__ = their_exit
            assert run_virtual(main) == "late"
        assert asyncio.Task is OnTop
        assert timeout.__aexit__ is their_exit
        assert run_virtual(main) == "late"
        # Now they give back what they had found.
        asyncio_tasks.Task = found_task
        asyncio_module.Task = found_task
        timeout.__aexit__ = found_exit
        assert run_virtual(main) == "late"
        with record() as second:
            assert run_virtual(main) == "late"
        assert run_virtual(main) == "late"
    finally:
        asyncio_tasks.Task = plain_task
        asyncio_module.Task = plain_task
        timeout.__aexit__ = plain_exit
    for trace in (first, second):
        assert trace.one("task sleep").outcome == "cancelled"
        (scope,) = [unit for unit in trace.units if unit.kind == "scope"]
        assert (scope.outcome, len(scope.of("cancel.delivered"))) == ("timed_out", 1)
        assert trace.faults == []


def test_a_task_class_of_the_program_s_from_before(record: Any) -> None:
    """A subclass of asyncio's class used by itself, past any factory: not recorded, and unharmed."""
    own: Any = type("Own", (asyncio.Task,), {"extra": 7})

    async def main() -> Any:
        task = own(asyncio.sleep(1, "done"), loop=asyncio.get_running_loop())
        return task.extra, await task

    with record() as trace:
        assert run_virtual(main) == (7, "done")
    assert [unit.name for unit in trace.units] == ["program test", "task main"]
    assert trace.faults == []


def test_debug_mode_names_the_place_where_a_task_was_created(run_python: RunPython, tmp_path: Path, checkout: Path) -> None:
    """The report of a task that was destroyed: the same lines, but for frames of the recorder in its stack."""
    (tmp_path / "app.py").write_text("""
import asyncio, contextlib, gc, sys
async def forever():
    await asyncio.get_running_loop().create_future()
async def main():
    asyncio.get_running_loop().slow_callback_duration = 60
    asyncio.create_task(forever())
    asyncio.Task(forever(), loop=asyncio.get_running_loop())
    await asyncio.sleep(0)
    gc.collect()
around = contextlib.nullcontext()
if sys.argv[1] == "traced":
    import spanproof
    around = spanproof.session("traces")
with around:
    asyncio.run(main(), debug=True)
""")

    def told(text: str) -> list[str]:
        # Whether the coroutine or its task dies first is the collector's choice too, and decides whether it is `running` or `done`.
        lines = re.sub("coro=<.*?> ", "", re.sub("0x[0-9a-f]+", "0x", text)).splitlines()
        ours = {number for number, line in enumerate(lines) if "/instrument/" in line}
        return [line for number, line in enumerate(lines) if not ours & {number, number - 1} or "task: <" in line]

    plain, traced = (run_python("app.py", how, env={"PYTHONPATH": str(checkout)}) for how in ("plain", "traced"))
    assert sorted(told(traced.stderr)) == sorted(told(plain.stderr))  # in which order they die is the collector's choice
    assert plain.stderr.count("created at") >= 2
