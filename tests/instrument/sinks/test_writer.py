"""What reaches the file, when, and what is said when it does not."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.instrument import vocabulary as v
from spanproof.instrument.sinks import Sink, TraceFile, Writer
from spanproof.instrument.sinks.base import MAX_WAITING
from spanproof.instrument.sinks.writer import KEPT_WHILE_BROKEN

from .support import RESOURCE, attributes, end, losses, merged, recording, recording_of, resource_of, rev, spans_of, tick, unit

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Run:
    """A writer with its file, and what it told the user."""

    def __init__(self, root: Path, **limits: Any) -> None:
        self.told: list[str] = []
        self.recording = recording()
        self.file = TraceFile(root, "x", "r", warn=self.told.append, **limits)
        self.writer = Writer(self.file, self.recording, RESOURCE, tick, warn=self.told.append)

    def parts(self) -> list[Path]:
        return sorted(self.file.root.glob("x-*.json"))

    def stop(self) -> None:
        self.writer.close("process", [])


@pytest.fixture
def start(tmp_path: Path) -> Generator[Callable[..., Run]]:
    """Start a writer into a folder of its own; it is closed behind the test."""
    runs: list[Run] = []

    def run(root: Path | None = None, **limits: Any) -> Run:
        one = Run(root or tmp_path / "traces", **limits)
        runs.append(one)
        one.writer.start()
        return one

    yield run
    for one in runs:
        one.stop()


def until(true: Callable[[], bool]) -> None:
    """Wait for the writer's thread."""
    limit = time.monotonic() + 20
    while not true():
        assert time.monotonic() < limit, "the writer did not come to it within 20 s"
        time.sleep(0.01)


def emissions(paths: list[Path], span_id: int) -> list[dict[str, Any]]:
    """All records of one span, in the order of the files."""
    lines = [line for path in paths for line in path.read_bytes().split(b"\n")[:-1]]
    return [span for line in lines for span in spans_of(line) if int(span["spanId"], 16) == span_id]


def test_a_writer_is_a_sink(start: Callable[..., Run]) -> None:
    sink: Sink = start().writer
    assert not start().writer.dead
    sink.close("session", [])


def test_the_file_is_there_from_the_start_with_the_recording(start: Callable[..., Run]) -> None:
    run = start()
    (path,) = run.parts()
    known = recording_of(merged(path))
    assert known[v.UNIT] == "recording"
    assert known[v.OPEN_UNITS] == 0
    assert known[v.DROPPED] == 0
    assert v.ENDED_BY not in known
    assert v.VIRTUAL_TICK_NS not in known
    assert resource_of(path.read_bytes().splitlines()[0]) == {**RESOURCE, v.RES_PART: 0}


@pytest.mark.realtime
def test_an_open_unit_comes_once_and_again_when_it_changed(start: Callable[..., Run]) -> None:
    run = start()
    quiet, busy = unit(1), unit(2)
    run.writer.opened(quiet)
    run.writer.opened(busy)
    until(lambda: len(emissions(run.parts(), 2)) == 1)
    ticks = len(emissions(run.parts(), 2**63))
    until(lambda: len(emissions(run.parts(), 2**63)) >= ticks + 2)
    busy.attrs[v.DEADLINE_NS] = 9
    run.writer.changed(busy)
    until(lambda: len(emissions(run.parts(), 2)) == 2)

    assert len(emissions(run.parts(), 1)) == 1
    first, second = emissions(run.parts(), 2)
    assert (rev(first), rev(second)) == (1, 2)
    assert attributes(second)[v.DEADLINE_NS] == 9
    until(lambda: recording_of(merged(*run.parts(), torn=True))[v.OPEN_UNITS] == 2)


def test_an_ended_unit_does_not_wait_for_the_tick(start: Callable[..., Run]) -> None:
    run = start()
    one = unit(1)
    run.writer.opened(one)
    run.writer.ended(end(one))
    until(lambda: len(emissions(run.parts(), 1)) == 1)
    assert "endTimeUnixNano" in emissions(run.parts(), 1)[0]


def test_the_end_brings_all_and_says_how(start: Callable[..., Run]) -> None:
    run = start()
    open_one, done, reported_late = unit(1), end(unit(2)), end(unit(3))
    run.writer.opened(open_one)
    run.writer.ended(done)
    run.writer.close("session", [open_one, reported_late])
    run.writer.close("process", [])

    found = merged(*run.parts())
    assert "endTimeUnixNano" not in found[1]
    assert attributes(found[1])[v.OUTCOME] == "unfinished"
    assert open_one.outcome is None
    assert attributes(found[2])[v.OUTCOME] == attributes(found[3])[v.OUTCOME] == "completed"
    known = recording_of(found)
    assert known[v.ENDED_BY] == "session"
    assert known[v.OPEN_UNITS] == 2
    assert found[2**63]["endTimeUnixNano"] == str(known[v.TICK_NS])
    last_line = run.parts()[-1].read_bytes().splitlines()[-1]
    assert [span["name"] for span in spans_of(last_line)] == ["recording"]
    assert run.told == []
    assert not any(thread.name == "spanproof-writer" for thread in threading.enumerate())


def test_what_comes_after_the_end_is_not_kept(start: Callable[..., Run]) -> None:
    run = start()
    run.stop()
    for number in range(1, 5_000):
        run.writer.opened(unit(number))
        run.writer.ended(end(unit(number)))
    assert len(run.writer._waiting) < 4_096


def test_the_resource_can_change(start: Callable[..., Run]) -> None:
    run = start()
    run.writer.resource({**RESOURCE, v.RES_SEAMS: ["task=lost: KeyError"]})
    run.stop()
    lines = run.parts()[0].read_bytes().splitlines()
    assert resource_of(lines[0])[v.RES_SEAMS] == ["task=held"]
    assert resource_of(lines[-1])[v.RES_SEAMS] == ["task=lost: KeyError"]


def test_a_crowd_is_written_in_order_and_whole(start: Callable[..., Run]) -> None:
    run = start()
    for number in range(1, 30_001):
        run.writer.ended(end(unit(number)))
    run.stop()
    assert set(merged(*run.parts())) == {*range(1, 30_001), 2**63}
    assert run.writer.dropped == 0


def test_too_many_waiting_are_dropped_counted_and_told() -> None:
    # Without its thread, as in a program that can start none: nothing takes units out until the end.
    run = Run(Path("unused"))
    for number in range(1, MAX_WAITING + 101):
        run.writer.ended(end(unit(number)))
    assert len(run.writer._waiting) == MAX_WAITING


def test_without_a_thread_the_end_writes_all(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for number in range(1, 101):
        run.writer.ended(end(unit(number)))
    run.stop()
    assert set(merged(*run.parts())) == {*range(1, 101), 2**63}


def test_every_part_repeats_what_is_open(start: Callable[..., Run]) -> None:
    run = start(part_bytes=20_000, max_bytes=80_000)
    open_one = unit(1)
    run.writer.opened(open_one)
    number = 2
    while run.file.deleted_parts < 2:
        for _ in range(50):
            run.writer.ended(end(unit(number)))
            number += 1
        time.sleep(0.02)
    run.writer.close("process", [open_one])

    parts = run.parts()
    assert sum(path.stat().st_size for path in parts) < 120_000
    for path in parts[:-1]:
        assert {1, 2**63} <= set(merged(path))
    assert [resource_of(path.read_bytes().splitlines()[0])[v.RES_PART] for path in parts] == list(
        range(run.file.part - len(parts) + 1, run.file.part + 1)
    )
    found = merged(*parts)
    known = recording_of(found)
    assert known[v.DROPPED] == run.file.deleted == sum(losses(found).values())
    assert known[v.PARTS_DELETED] == run.file.deleted_parts
    assert len(run.told) == 1
    assert "--max-bytes" in run.told[0]


def test_the_limit_holds_when_all_is_written_at_once(tmp_path: Path) -> None:
    run = Run(tmp_path, part_bytes=20_000, max_bytes=80_000)
    run.writer._tick()  # as at the start; the thread would share in the work
    open_one = unit(1)
    run.writer.opened(open_one)
    for number in range(2, 2_000):
        run.writer.ended(end(unit(number)))
    run.writer.close("process", [open_one])

    parts = run.parts()
    assert sum(path.stat().st_size for path in parts) < 120_000
    for path in parts:
        assert {1, 2**63} <= set(merged(path))
        assert recording_of(merged(path))[v.DROPPED] > 0
    known = recording_of(merged(*parts))
    assert known[v.DROPPED] == run.file.deleted > 0
    assert attributes(merged(parts[-1])[1])[v.OUTCOME] == "unfinished"


def test_a_deleted_folder_costs_what_was_in_it_and_the_open_units_come_again(start: Callable[..., Run], tmp_path: Path) -> None:
    run = start()
    open_one = unit(1)
    run.writer.opened(open_one)
    until(lambda: 1 in merged(*run.parts(), torn=True))
    shutil.rmtree(tmp_path / "traces")
    until(lambda: (tmp_path / "traces").exists() and 1 in merged(*run.parts(), torn=True))
    assert (tmp_path / "traces" / ".gitignore").exists()


def test_a_file_closed_under_it_is_survived(start: Callable[..., Run]) -> None:
    run = start()
    open_one = unit(1)
    run.writer.opened(open_one)
    until(lambda: 1 in merged(*run.parts(), torn=True))
    os.close(run.file._descriptor)
    run.writer.ended(end(unit(2)))
    until(lambda: len(run.parts()) == 2 and 2 in merged(run.parts()[1], torn=True))
    run.writer.close("process", [open_one])
    assert attributes(merged(run.parts()[1])[1])[v.OUTCOME] == "unfinished"
    assert run.writer.dropped == 0
    assert len(run.told) <= 1


def test_an_unwritable_root_is_told_once_and_a_temporary_one_is_used(start: Callable[..., Run]) -> None:
    run = start(Path("/proc/self/nowhere"))
    run.writer.ended(end(unit(1)))
    run.stop()
    assert set(merged(*run.parts())) == {1, 2**63}
    assert len(run.told) == 1
    shutil.rmtree(run.file.root)


def test_a_unit_that_cannot_be_encoded_costs_no_other(start: Callable[..., Run]) -> None:
    run = start()
    bad = end(unit(1))
    bad.trace_id = "no number"  # type: ignore[assignment]
    run.writer.ended(bad)
    run.writer.ended(end(unit(2)))
    run.stop()
    found = merged(*run.parts())
    assert set(found) == {2, 2**63}
    assert recording_of(found)[v.DROPPED] == 1
    ((why, count),) = losses(found).items()
    assert "could not be encoded: ValueError" in why
    assert count == 1
    assert len(run.told) == 1


def test_a_recorder_that_cannot_tell_its_time_stops_nothing(tmp_path: Path) -> None:
    told: list[str] = []

    def broken() -> Any:
        raise KeyError("clock")

    writer = Writer(TraceFile(tmp_path, "x", "r"), recording(), RESOURCE, broken, warn=told.append)
    writer.start()
    writer.ended(end(unit(1)))
    until(lambda: any(1 in merged(path, torn=True) for path in tmp_path.glob("x-*")))
    writer.close("process", [])
    assert told == ["the writer failed: KeyError: 'clock'. The program goes on; the trace says what it lost"]


@contextmanager
def small_disk(folder: Path) -> Generator[None]:
    """A disk of 4 MiB."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small disk here; the limit on file sizes has a test of its own")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a small disk of its own")
def test_a_full_disk_is_told_once_counted_and_left_when_there_is_room_again(start: Callable[..., Run], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk"):
        run = start(tmp_path / "disk" / "traces")
        (tmp_path / "disk" / "ballast").write_bytes(b"x" * 3_000_000)
        open_one = unit(1)
        run.writer.opened(open_one)
        number = 2
        until(lambda: 1 in merged(*run.parts(), torn=True))
        while run.writer.dropped == 0:
            for _ in range(500):
                run.writer.ended(end(unit(number)))
                number += 1
            time.sleep(0.02)
        assert len(run.told) == 1
        assert "No space left on device" in run.told[0]
        until(lambda: len(run.writer._waiting) <= KEPT_WHILE_BROKEN)
        merged(*run.parts(), torn=True)

        (tmp_path / "disk" / "ballast").unlink()
        before = run.writer.dropped
        open_one.attrs[v.STAGE] = "changed while the disk was full"
        run.writer.changed(open_one)
        until(lambda: v.STAGE in attributes(merged(*run.parts(), torn=True)[1]))
        run.stop()
        found = merged(*run.parts())
        known = recording_of(found)
        assert known[v.DROPPED] == before > 0
        assert sum(losses(found).values()) == before
        assert len(found) == number - before
        assert len(run.told) == 1


def test_the_loop_is_not_touched(start: Callable[..., Run]) -> None:
    run = start()

    async def main() -> int:
        one = unit(1)
        run.writer.opened(one)
        run.writer.changed(one)
        run.writer.ended(end(one))
        await asyncio.sleep(0.15)
        return len(asyncio.all_tasks())

    assert asyncio.run(main(), debug=True) == 1


def test_many_threads_at_once_lose_nothing(start: Callable[..., Run]) -> None:
    run = start()

    def work(first: int) -> None:
        for number in range(first, first + 2_000):
            one = unit(number)
            run.writer.opened(one)
            one.attrs[v.STAGE] = "s"
            run.writer.changed(one)
            run.writer.ended(end(one))

    threads = [threading.Thread(target=work, args=(1 + 2_000 * number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.stop()
    found = merged(*run.parts())
    assert len(found) == 10_001
    assert all("endTimeUnixNano" in span for span in found.values())


@pytest.mark.realtime
def test_a_hang_with_ten_thousand_open_units_costs_its_bytes_once(start: Callable[..., Run]) -> None:
    run = start()
    units = [unit(number) for number in range(1, 10_001)]
    for one in units:
        run.writer.opened(one)
    until(lambda: len(merged(*run.parts(), torn=True)) == 10_001)
    until(lambda: recording_of(merged(*run.parts(), torn=True))[v.OPEN_UNITS] == 10_000)
    size = run.parts()[0].stat().st_size
    cpu = time.thread_time(), time.process_time(), time.monotonic()
    time.sleep(2.5)
    ours = (time.process_time() - cpu[1]) - (time.thread_time() - cpu[0])
    grown = run.parts()[0].stat().st_size - size
    assert grown < 10_000  # three ticks
    assert ours / (time.monotonic() - cpu[2]) < 0.1
    assert json.loads(run.parts()[0].read_bytes().splitlines()[-1])
