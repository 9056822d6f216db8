"""Where recordings go, what they are called, which one is the newest."""

from __future__ import annotations

import json
import re
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanproof.instrument.sinks.placement import LAST_RUN, ROOT_VARIABLE, create, create_somewhere, note_last_run, root_for

if TYPE_CHECKING:
    from tests.conftest import RunPython

UNWRITABLE = Path("/proc/self/nowhere")
"""Nobody can make a folder there, root included."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a project, two levels below the file that configures it."""
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    return tmp_path


def last_run(root: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((root / LAST_RUN).read_text("utf-8"))
    return found


def test_the_explicit_folder_comes_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, "from-environment")
    (project / "pyproject.toml").write_text('[tool.spanproof]\ntraces = "from-project"\n', "utf-8")
    here = Path.cwd()
    assert root_for("explicit") == here / "explicit"
    assert root_for() == here / "from-environment"
    monkeypatch.setenv(ROOT_VARIABLE, "")
    assert root_for() == project / "from-project"
    monkeypatch.setenv(ROOT_VARIABLE, "~/t")
    monkeypatch.setenv("HOME", str(project))
    assert root_for() == project / "t"


def test_only_the_nearest_project_counts(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.spanproof]\ntraces = "far"\n', "utf-8")
    assert root_for() == project / "far"
    (project / "a" / "pyproject.toml").write_text("[project]\nname = 'near'\n", "utf-8")
    assert root_for() == Path.cwd() / "traces"


@pytest.mark.parametrize("text", ["[tool.spanproof\n", "[tool.spanproof]\ntraces = 3\n", "[tool.spanproof]\ntraces = ''\n", "tool = 1\n"])
def test_a_project_file_that_cannot_be_used_is_told_and_passed_over(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(text, "utf-8")
    told: list[str] = []
    assert root_for(warn=told.append) == Path.cwd() / "traces"
    (line,) = told
    assert str(project / "pyproject.toml") in line


def test_the_name_is_made_safe_and_carries_time_and_process(tmp_path: Path) -> None:
    path, _ = create(tmp_path, "../ä b/run.py")
    assert re.fullmatch(r"b_run\.py-\d{8}T\d{6}\.\d{6}Z-\d+\.json", path.name)
    assert create(tmp_path, "...")[0].name.startswith("recording-")
    assert len(create(tmp_path, "x" * 500)[0].name) < 130


def test_a_root_of_ours_ignores_itself_and_one_of_the_user_stays_as_it_is(tmp_path: Path) -> None:
    create(tmp_path / "new" / "deep", "x")
    create(tmp_path, "x")
    assert (tmp_path / "new" / "deep" / ".gitignore").read_text() == "*\n"
    assert not (tmp_path / "new" / ".gitignore").exists()
    assert not (tmp_path / ".gitignore").exists()


def test_fifty_at_once_get_fifty_files(tmp_path: Path) -> None:
    start = threading.Barrier(50)

    def one(_: int) -> Path:
        start.wait()
        return create(tmp_path / "root", "same")[0]

    with ThreadPoolExecutor(50) as pool:
        paths = set(pool.map(one, range(50)))
    assert len(paths) == 50
    assert all(path.exists() for path in paths)


def test_an_unwritable_root_is_replaced_by_a_temporary_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    told: list[str] = []
    path, _ = create_somewhere(UNWRITABLE, "x", told.append)
    assert path.exists()
    (line,) = told
    assert str(UNWRITABLE) in line
    assert str(path.parent) in line
    assert ROOT_VARIABLE in line


def test_a_file_in_the_place_of_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "file").write_text("")
    told: list[str] = []
    path, _ = create_somewhere(tmp_path / "file", "x", told.append)
    assert path.parent.parent == tmp_path
    assert len(told) == 1


NO_DESCRIPTOR_LEFT = """
import resource, sys, tempfile
from pathlib import Path
from spanproof.instrument.sinks.placement import create_somewhere
tempfile.tempdir = sys.argv[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
try:
    create_somewhere(Path("/proc/self/nowhere"), "x", print)
except OSError as error:
    print(error.strerror)
"""


def test_when_nothing_can_be_written_it_says_so_and_leaves_nothing(tmp_path: Path, run_python: RunPython) -> None:
    done = run_python("-c", NO_DESCRIPTOR_LEFT, str(tmp_path))
    assert done.stdout == "Too many open files\n"
    assert list(tmp_path.iterdir()) == []


def test_last_run_names_the_newest_recording_with_all_its_files(tmp_path: Path) -> None:
    note_last_run(tmp_path, "old", add="old-1", begin=True)
    note_last_run(tmp_path, "new", add="new-1", begin=True)
    note_last_run(tmp_path, "new", add="new-2", begin=True)  # another process of the same recording
    note_last_run(tmp_path, "old", add="old-2")  # the old one goes on: it is no newer for that
    note_last_run(tmp_path, "new", add="new-3")
    note_last_run(tmp_path, "new", drop="new-1")
    noted = last_run(tmp_path)
    assert noted["recording_id"] == "new"
    assert noted["files"] == ["new-2", "new-3"]
    assert str(noted["started"]).endswith("+00:00")
    assert [path.name for path in tmp_path.iterdir()] == [LAST_RUN]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"recording_id": "x"}', '{"recording_id": "x", "files": 1, "started": ""}'])
def test_a_damaged_last_run_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / LAST_RUN).write_text(text)
    note_last_run(tmp_path, "x", add="f", begin=True)
    assert last_run(tmp_path)["files"] == ["f"]


def test_many_at_once_lose_no_file_name(tmp_path: Path) -> None:
    start = threading.Barrier(8)

    def one(number: int) -> None:
        start.wait()
        note_last_run(tmp_path, "r", add=f"f{number}", begin=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    names = last_run(tmp_path)["files"]
    assert isinstance(names, list)
    assert sorted(map(str, names)) == [f"f{number}" for number in range(8)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def test_last_run_that_cannot_be_replaced_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / LAST_RUN).mkdir()
    with pytest.raises(OSError, match="directory"):
        note_last_run(tmp_path, "x", add="f", begin=True)
    assert [path.name for path in tmp_path.iterdir()] == [LAST_RUN]
