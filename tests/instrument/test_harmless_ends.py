"""However a process ends, and wherever its trace cannot be written: the file reads, and the program's end is its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers import load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython

ENDING = """
import asyncio, ctypes, os, signal, sys
import spanproof

async def held():
    await asyncio.sleep(60)

async def main():
    task = asyncio.create_task(held())
    await asyncio.create_task(asyncio.sleep(0))
    await asyncio.sleep(1.3)  # the recorder's tick comes once a second
    {how}
    await asyncio.sleep(0.5)

spanproof.start("traces", name="app")
loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(main())
finally:
    pass
"""


@pytest.mark.realtime
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("how", "status", "ended_by"),
    [
        ("os._exit(3)", 3, None),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9, None),
        ("os.kill(os.getpid(), signal.SIGTERM)", -15, None),
        ("signal.raise_signal(signal.SIGTERM)", -15, "process"),
        ("ctypes.string_at(0)", -11, None),
        ("os.abort()", -6, None),
        ("sys.exit(4)", 4, "process"),
        ("loop.stop()", 1, "process"),
    ],
)
def test_how_a_process_ends(run_python: RunPython, tmp_path: Path, checkout: Path, how: str, status: int, ended_by: str | None) -> None:
    """The file reads; what was open is shown as open; and where the program had the time to say so, the process ended."""
    (tmp_path / "app.py").write_text(ENDING.format(how=how))
    done = run_python("app.py", env={"PYTHONPATH": str(checkout)})
    assert done.returncode == status, done.stderr
    (path,) = (tmp_path / "traces").glob("app-*.json")
    tables = load([path])
    assert tables.execute("select name, is_open, outcome from units where name like 'task %' order by start_seq").fetchall() == [
        ("task main", how != "sys.exit(4)", None if ended_by is None else "failed" if how == "sys.exit(4)" else "unfinished"),
        ("task held", True, None if ended_by is None else "unfinished"),
        ("task sleep", False, "completed"),
    ]
    assert tables.execute("select ended_by, torn from recordings").fetchall() == [(ended_by, ended_by is None)]
    assert tables.execute("select what from problems where severity <> 'notice'").fetchall() == []


def test_a_read_only_folder_and_a_folder_that_vanishes(run_python: RunPython, tmp_path: Path, checkout: Path) -> None:
    """One line on stderr in the first case, a new file in the second; the program's result is its own in both."""
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "app.py").write_text("""
import asyncio, os, shutil, sys, time
import spanproof
spanproof.start(sys.argv[1])
asyncio.run(asyncio.sleep(0))
if len(sys.argv) > 2:
    shutil.rmtree(sys.argv[1])
    time.sleep(0.2)
    asyncio.run(asyncio.sleep(0))
print("done")
""")
    env = {"PYTHONPATH": str(checkout), "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    refused = run_python("app.py", "file/traces", env=env)
    assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (0, "done\n", 1)
    assert "recording into" in refused.stderr
    vanished = run_python("app.py", "gone", "vanish", env=env)
    assert (vanished.returncode, vanished.stdout) == (0, "done\n")
    assert len(vanished.stderr.splitlines()) <= 1
