"""`spanproof verify` and `spanproof compare` as commands, on a study of one scenario."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from spanproof.study import run_study

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Command


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a package without scenarios would have no traces: this one has all of them, on the virtual clock."""
    return run_study(clock="virtual", out=tmp_path_factory.mktemp("studies")).folder


@pytest.mark.xdist_group("study")
def test_a_study_is_verified_and_compared(spanproof: Command, study: Path) -> None:
    told = spanproof("verify", study)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.endswith("traces unchanged; findings, answers and pages are what they give.\n")
    assert spanproof("compare", study, study).stdout == "Both say the same.\n"

    written = json.loads((study / "findings.json").read_text())
    next(each for each in written["answers"] if each["id"] == "H2")["answer"] = "yes"
    (study / "findings.json").write_text(json.dumps(written))
    told = spanproof("verify", study)
    assert told.returncode == 1
    assert told.stdout == "differs: H2 is answered with 'yes'; the traces say 'no'\nThe report does not follow from these traces.\n"


@pytest.mark.parametrize("command", [("verify", "nowhere"), ("compare", "nowhere", "nowhere")])
def test_what_is_no_study_is_an_error_with_the_next_step(spanproof: Command, command: tuple[str, ...]) -> None:
    told = spanproof(*command)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == "Error: nowhere: no findings.json there. Expected: a folder that `spanproof study` has written.\n"
