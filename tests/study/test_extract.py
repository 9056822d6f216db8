"""Findings as scripts: each shows its defect by itself, and is silent when the library is mended."""

from __future__ import annotations

import runpy
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers import judge, load
from spanproof.study.extract import LEFT_RUNNING, SHOWN_BY, ExtractError, script
from tests.study import fixed_library

if TYPE_CHECKING:
    from pathlib import Path

    from spanproof.study import StudyResult

pytestmark = pytest.mark.xdist_group("study")


def scripts(study: StudyResult, folder: Path) -> dict[str, Path]:
    """One script for each criterion and variant that has one, by both."""
    found: dict[str, Path] = {}
    with closing(load([study.folder])) as con:
        for finding in judge(con).findings:
            variant = (finding.file or "").rpartition("/")[2].partition(".virtual")[0]
            key = f"{finding.criterion}-{variant}"
            if finding.criterion in SHOWN_BY and finding.fault == "library" and key not in found:
                found[key] = folder / f"{key}.py"
                found[key].write_text(script(con, finding), encoding="utf-8")
    return found


@pytest.mark.slow
@pytest.mark.realtime
def test_each_script_shows_its_defect_with_stageflow_alone(virtual: StudyResult, tmp_path: Path) -> None:
    found = scripts(virtual, tmp_path)
    assert {key.partition("-")[0] for key in found} == SHOWN_BY
    # -I: neither this folder nor anything of ours is on the path.
    started = {
        key: subprocess.Popen([sys.executable, "-I", path], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for key, path in found.items()
    }
    told = {key: (*process.communicate(timeout=60), process.returncode) for key, process in started.items()}

    assert {key: code for key, (_, _, code) in told.items() if code != 1} == {}
    assert all("the run is over: " in out for out, _, _ in told.values())
    assert all("spanproof" not in path.read_text().lower() for path in found.values())


@pytest.mark.realtime
def test_a_script_is_silent_when_the_library_is_mended(
    virtual: StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scripts(virtual, tmp_path)["P04-parallel_cancellation.timeout"]
    fixed_library.install(monkeypatch)

    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert ended.value.code == 0
    assert "did not outlive the run" in capsys.readouterr().out


def test_what_no_script_can_show_is_refused_with_the_reason(virtual: StudyResult) -> None:
    with closing(load([virtual.folder])) as con:
        finding = next(each for each in judge(con).findings if each.criterion not in SHOWN_BY)
        with pytest.raises(ExtractError, match=f"{finding.criterion} .*: there is no script for this criterion. There is for: D02, O03"):
            script(con, finding)
    assert LEFT_RUNNING < SHOWN_BY
