"""Compressed files: whatever packed them, damaged ones and bombs too."""

from __future__ import annotations

import gzip
import io
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanproof.analyzers import load
from spanproof.analyzers.read import unpacking
from spanproof.analyzers.read.opened import Opened
from tests.analyzers.traces import line, rows, table, unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import duckdb

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINES = [line(unit("stage", number, 0, 1)) for number in range(1, 1001)]
CONTENT = b"".join(LINES)
SKIPPED = b"\x50\x2a\x4d\x18\x05\0\0\0table"
"""A frame that has no content."""


def framed(*contents: bytes) -> bytes:
    """As the collector's file exporter writes it: no end of line, the length before each frame."""
    frames = [zstd.compress(content.rstrip(b"\n")) for content in contents]
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)


def chunks(size: int) -> list[bytes]:
    """The lines, some together."""
    return [b"".join(LINES[begin : begin + size]) for begin in range(0, len(LINES), size)]


WAYS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(CONTENT, mtime=0),
    "gzip, many members": lambda: b"".join(gzip.compress(some, mtime=0) for some in LINES),
    "zstd": lambda: zstd.compress(CONTENT),
    "zstd, many frames": lambda: b"".join(zstd.compress(some) for some in LINES),
    "zstd, frames that split lines": lambda: b"".join(zstd.compress(CONTENT[at : at + 999]) for at in range(0, len(CONTENT), 999)),
    "zstd, frames without content": lambda: SKIPPED + zstd.compress(b"") + zstd.compress(CONTENT) + SKIPPED,
    "the collector's": lambda: framed(*LINES),
}

PACKED = {way: pack() for way, pack in WAYS.items()}


def read(folder: Path, content: bytes) -> duckdb.DuckDBPyConnection:
    path = folder / "trace.bin"
    path.write_bytes(content)
    return load([path])


def problems(con: duckdb.DuckDBPyConnection) -> str:
    return table(con, "select severity, what, done from problems order by all")


def unpacked(content: bytes) -> tuple[bytes, str | None]:
    """All content, and what is wrong."""
    source = Opened(io.BytesIO(content), len(content))
    data = source.stream.read()
    return data, source.damage.what if source.damage else None


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_pack_gives_what_was_packed(tmp_path: Path, way: str) -> None:
    packed = WAYS[way]()
    assert unpacked(packed) == (CONTENT, None)
    con = read(tmp_path, packed)
    assert table(con, "select format, spans, problems, bytes from files") == f"otlp-json | 1000 | 0 | {len(packed)}"


@pytest.mark.parametrize("way", WAYS)
def test_a_packed_file_that_is_cut_is_read_as_far_as_it_goes(tmp_path: Path, way: str) -> None:
    packed = WAYS[way]()
    whole, _ = unpacked(packed)
    for at in (9, len(packed) // 2, len(packed) - 1):
        data, damage = unpacked(packed[:at])
        assert whole.startswith(data)
        assert damage is None or "ends in the middle" in damage
    # One frame of zstd has blocks of 128 KiB, and of a block there is all or nothing.
    con = read(tmp_path, packed[: len(packed) * 3 // 4])
    assert table(con, "select spans > 300 from files") == "yes"
    assert "ends in the middle" in problems(con)


def test_what_comes_before_a_damage_of_zstd_is_read(tmp_path: Path) -> None:
    frames = [zstd.compress(some) for some in chunks(10)]
    frames[50] = frames[50][:20] + bytes(20) + frames[50][40:]
    at = sum(map(len, frames[:50]))
    con = read(tmp_path, b"".join(frames))
    assert table(con, "select spans from files") == "500"
    ((what, done),) = con.execute("select what, done from problems").fetchall()
    near = int(what.removeprefix("the zstd data is damaged near byte ").split(" ")[0])
    assert at - 1024 <= near <= at + len(frames[50]) + 1024
    assert done == "what comes before was read"


def test_a_damaged_frame_of_the_collector_costs_only_itself(tmp_path: Path) -> None:
    frames = [framed(some) for some in chunks(10)]
    for bad in (0, 50, 70, 99):
        frames[bad] = frames[bad][:24] + bytes(20) + frames[bad][44:]
    con = read(tmp_path, b"".join(frames))
    assert table(con, "select spans from files") == "960"
    ((what, done),) = con.execute("select what, done from problems where what like '%zstd%'").fetchall()
    assert what.startswith("4 of 100 zstd frames are damaged, the first at byte 0: ")
    assert done == "they were left out, the others were read"


def test_a_wrong_length_of_the_collector(tmp_path: Path) -> None:
    frames = [framed(some) for some in chunks(100)]
    longer = (2**31).to_bytes(4, "big") + frames[3][4:]
    assert unpacked(b"".join([*frames[:3], longer, *frames[4:]])) == (CONTENT, None)
    shorter = (9).to_bytes(4, "big") + frames[3][4:]
    con = read(tmp_path, b"".join([*frames[:3], shorter, *frames[4:]]))
    assert table(con, "select spans from files") == "300"
    assert problems(con) == rows(
        f"""
        data_loss | the zstd data is damaged from byte {sum(map(len, frames[:3]))} on, and no frame begins behind it \
(it is longer than its length says) | what comes before was read
        """
    )


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress, framed])
def test_a_bomb_is_not_unpacked_to_its_end(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b'{"resourceSpans":[' + bytes(32 << 20)) * 40
    source = Opened(io.BytesIO(packed), len(packed))
    size = sum(len(some) for some in iter(lambda: source.stream.read(1 << 20), b""))
    assert unpacking.UNASKED < size < unpacking.UNASKED + (64 << 20)
    assert source.damage
    assert source.damage.what == "the compressed data unpacks to more than 500 times its size, as no trace does"
    assert source.damage.done.endswith("unpack the file with another tool and name the result")


def test_a_frame_of_the_collector_that_is_too_large_is_left_out() -> None:
    large = zstd.compress(bytes(257 << 20))
    content = framed(LINES[0]) + len(large).to_bytes(4, "big") + large + framed(LINES[1])
    assert unpacked(content) == (
        LINES[0] + LINES[1],
        f"1 of 3 zstd frames are damaged, the first at byte {len(framed(LINES[0]))}: it unpacks to more than 256 MiB",
    )


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(WAYS)), st.data())
def test_no_damage_is_a_crash_or_gives_other_bytes_unsaid(way: str, data: st.DataObject) -> None:
    packed = bytearray(PACKED[way])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(8, len(packed) - 1))
        packed[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    content, damage = unpacked(bytes(packed))
    if way.startswith("gzip") and damage is None:
        assert content == unpacked(PACKED[way])[0]
