"""Which files a PATH means, and what is said when it means none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers import InputError, find
from tests.analyzers.traces import line, unit, write

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder in which paths are short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trace(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write(path, unit("stage", 1, 0, 10))


def found(paths: Sequence[str | Path], home: Path) -> list[str]:
    return [Path(file).as_posix().removeprefix(f"{home.as_posix()}/") for file in find(paths, root=home / "traces")]


def complaint(path: str, home: Path) -> str:
    with pytest.raises(InputError) as caught:
        find([path], root=home / "traces")
    return str(caught.value)


def test_a_file_is_itself_whatever_it_holds(home: Path) -> None:
    (home / "notes.txt").write_text("no trace")
    assert found(["notes.txt"], home) == ["notes.txt"]


def test_a_folder_means_the_traces_below_it(home: Path) -> None:
    trace(home / "t" / "b.json")
    trace(home / "t" / "a" / "deep" / "without-suffix")
    (home / "t" / "packed").write_bytes(gzip.compress(line(unit("stage", 1, 0, 1))))
    trace(home / "t" / ".hidden.json")
    trace(home / "t" / ".cache" / "x.json")
    (home / "t" / "README.md").write_text("# Traces")
    (home / "t" / "findings.json").write_text('{"version": 1, "tool": {}, "exit_code": 0, "findings": []}')
    (home / "t" / "settings.json").write_text('{"a": 1}')
    assert found(["t"], home) == ["t/b.json", "t/packed", "t/a/deep/without-suffix"]


def test_a_folder_mentions_what_may_be_a_damaged_or_foreign_trace(home: Path) -> None:
    folder = home / "t"
    trace(folder / "good.json")
    (folder / "empty.json").write_bytes(b"")
    (folder / "garbled.json").write_bytes(b"\x00\x01garbage")
    (folder / "jaeger.json").write_text('{"data": [{"traceID": "1", "spans": []}]}')
    assert found(["t"], home) == ["t/empty.json", "t/garbled.json", "t/good.json", "t/jaeger.json"]


def test_golden_folders_are_skipped_unless_named(home: Path) -> None:
    trace(home / "traces" / "golden" / "a.json")
    trace(home / "traces" / "run.json")
    assert found(["traces"], home) == ["traces/run.json"]
    assert found(["traces/**/*.json"], home) == ["traces/run.json"]
    assert found(["traces/golden"], home) == ["traces/golden/a.json"]
    assert found(["traces/golden/*.json"], home) == ["traces/golden/a.json"]
    assert found(["traces/golden/a.json"], home) == ["traces/golden/a.json"]


def test_a_glob_is_expanded_here_and_passes_over_what_is_no_trace(home: Path) -> None:
    for name in ("run-2.json", "run-1.json", "other.json", "run-deep/x.json"):
        trace(home / name)
    (home / "run-notes.md").write_text("notes")
    assert found(["run-*"], home) == ["run-1.json", "run-2.json", "run-deep/x.json"]


def test_a_file_with_a_bracket_in_its_name_is_no_glob(home: Path) -> None:
    trace(home / "run[1].json")
    assert found(["run[1].json"], home) == ["run[1].json"]


def test_each_file_is_read_once_in_the_order_given(home: Path) -> None:
    trace(home / "a.json")
    trace(home / "b.json")
    (home / "link.json").symlink_to("a.json")
    assert found(["b.json", "*.json", "link.json", "./a.json"], home) == ["b.json", "a.json"]


def test_a_dash_is_standard_input_and_stays_one(home: Path) -> None:
    assert found(["-", "-"], home) == ["-"]


def test_no_path_means_the_newest_recording(home: Path) -> None:
    for name in ("old.json", "new.json", "new.part.json"):
        trace(home / "traces" / name)
    (home / "traces" / ".last-run.json").write_text(json.dumps({"files": ["new.json", "new.part.json", "dropped.json"]}))
    assert found([], home) == ["traces/new.json", "traces/new.part.json"]


@pytest.mark.parametrize(
    ("note", "says"),
    [
        (None, "no recording yet"),
        ("{", "found no JSON"),
        ("[]", 'expected {"files": ["name", ...]}'),
        ('{"files": []}', 'expected {"files": ["name", ...]}'),
        ('{"files": [1]}', 'expected {"files": ["name", ...]}'),
        ('{"files": ["gone.json"]}', "is gone"),
    ],
)
def test_without_a_newest_recording_the_next_step_is_said(home: Path, note: str | None, says: str) -> None:
    (home / "traces").mkdir()
    if note is not None:
        (home / "traces" / ".last-run.json").write_text(note)
    with pytest.raises(InputError, match=r"trace file\.") as caught:
        find([], root=home / "traces")
    assert says in str(caught.value)


def test_a_path_that_means_nothing_is_an_error_that_says_what_to_give(home: Path) -> None:
    (home / "empty").mkdir()
    (home / "only").mkdir()
    (home / "only" / "README.md").write_text("x")
    trace(home / "kept" / "golden" / "a.json")
    (home / "dangling.json").symlink_to("nowhere")
    give = "Give a trace file, a folder with traces, a glob, `-` for standard input, or jaeger://HOST:PORT/ID."
    record = "Record one with `spanproof run NAME` or `spanproof trace SCRIPT`, or name a trace file."
    assert complaint("nothing.json", home) == f"'nothing.json': no such file or folder. {give}"
    assert complaint("x*.json", home) == f"'x*.json': matches no file. {give}"
    assert complaint("only/*", home) == f"'only/*': matches 1 files, none of them a trace. {give}"
    assert complaint("empty", home) == f"empty: a folder without traces. {record}"
    assert complaint("only", home) == f"only: a folder without traces. {record}"
    assert complaint("kept", home) == f"kept: a folder without traces (folders called 'golden' are skipped unless named). {record}"
    assert complaint("dangling.json", home) == f"dangling.json: a link to a file that does not exist. {give}"
    assert complaint("a\0b", home) == f"'a\\x00b': no such file or folder. {give}"
    assert complaint("n" * 5000, home).endswith(f"no such file or folder. {give}")


def test_a_folder_that_cannot_be_read_is_an_error(guarded: Path) -> None:
    assert "cannot be read" in complaint(str(guarded / "closed"), guarded)
