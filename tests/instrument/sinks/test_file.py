"""Whole lines or none; parts rotate; the oldest go when there are too many; a descriptor that is not ours is left alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from spanproof.instrument.sinks.file import TraceFile
from spanproof.instrument.sinks.placement import LAST_RUN

if TYPE_CHECKING:
    from pathlib import Path

LINE = b"x" * 99 + b"\n"


def names(root: Path) -> set[str]:
    return {path.name for path in root.glob("*.json") if path.name != LAST_RUN}


def put(file: TraceFile, lines: int) -> int:
    """Write lines as the writer does; returns how many parts were begun."""
    parts = 0
    for _ in range(lines):
        if file.ready():
            parts += 1
            file.settled()
        file.write(LINE, 1)
    return parts


def test_parts_rotate_by_size_and_the_oldest_are_deleted(tmp_path: Path) -> None:
    file = TraceFile(tmp_path, "x", "r", part_bytes=1_000, max_bytes=4_000)
    assert put(file, 95) == 10
    file.close()
    assert file.part == 9
    assert 300 <= len(names(tmp_path)) * 100 <= 400
    assert sum(path.stat().st_size for path in tmp_path.glob("x-*")) <= 4_000
    left = sum(path.stat().st_size // 100 for path in tmp_path.glob("x-*"))
    assert file.deleted == 95 - left
    assert file.deleted_parts == 10 - len(names(tmp_path))
    assert set(json.loads((tmp_path / LAST_RUN).read_text())["files"]) == names(tmp_path)


def test_parts_are_small_enough_for_the_limit(tmp_path: Path) -> None:
    file = TraceFile(tmp_path, "x", "r", max_bytes=4_000)
    put(file, 200)
    assert sum(path.stat().st_size for path in tmp_path.glob("x-*")) <= 4_000


def test_what_a_part_repeats_does_not_fill_it(tmp_path: Path) -> None:
    file = TraceFile(tmp_path, "x", "r", part_bytes=300)
    assert file.ready()
    for _ in range(50):
        assert not file.ready()
        file.write(LINE, 1)
    file.settled()
    for _ in range(3):
        assert not file.ready()
        file.write(LINE, 1)
    assert file.ready()


def test_parts_rotate_by_time(tmp_path: Path) -> None:
    file = TraceFile(tmp_path, "x", "r", part_seconds=0.0)
    assert put(file, 3) == 3
    assert not file.ready(rotate=False)


def test_a_deleted_folder_begins_a_new_part_in_a_new_folder(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "root", "x", "r")
    put(file, 1)
    shutil.rmtree(tmp_path / "root")
    file._looked_at = 0.0
    assert put(file, 1) == 1
    file.close()
    (name,) = names(tmp_path / "root")
    assert (tmp_path / "root" / name).read_bytes() == LINE


def test_a_closed_descriptor_fails_once_and_then_begins_a_new_part(tmp_path: Path) -> None:
    file = TraceFile(tmp_path, "x", "r")
    put(file, 1)
    os.close(file._descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.write(LINE, 1)
    file._looked_at = 0.0
    assert put(file, 1) == 1
    assert len(names(tmp_path)) == 2


def test_a_descriptor_that_became_somebody_elses_is_neither_written_nor_closed(tmp_path: Path) -> None:
    file = TraceFile(tmp_path, "x", "r")
    put(file, 1)
    number = file._descriptor
    with (tmp_path / "other").open("wb") as other:
        os.dup2(other.fileno(), number)
        file._looked_at = 0.0
        assert put(file, 1) == 1
        assert os.fstat(number).st_ino == (tmp_path / "other").stat().st_ino
        file.close()
        os.close(number)
    assert (tmp_path / "other").read_bytes() == b""


def test_the_descriptor_is_out_of_the_way_and_not_inherited(tmp_path: Path) -> None:
    file = TraceFile(tmp_path, "x", "r")
    put(file, 1)
    number = file._descriptor
    assert number >= 700
    assert not os.get_inheritable(number)
    file.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)


def test_an_unfit_root_is_replaced_once(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "file").write_text("")
    file = TraceFile(tmp_path / "file", "x", "r", warn=told.append)
    assert put(file, 2) == 1
    assert file.root != tmp_path / "file"
    assert len(told) == 1
    file.close()
    shutil.rmtree(file.root)


LIMITED = """
import resource, sys
from spanproof.instrument.sinks.file import TraceFile
resource.setrlimit(resource.RLIMIT_FSIZE, (1050, resource.RLIM_INFINITY))
file = TraceFile(sys.argv[1], "x", "r")
failed = 0
for number in range(25):
    try:
        file.ready()
        file.write(b"y" * 99 + b"\\n", 1)
    except OSError:
        failed += 1
file.close()
print(failed, file.part)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_limit_on_the_size_of_files_cuts_no_line_and_begins_a_new_part(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["2", "2"]
    sizes = sorted(path.stat().st_size for path in tmp_path.glob("x-*"))
    assert sizes == [300, 1_000, 1_000]
