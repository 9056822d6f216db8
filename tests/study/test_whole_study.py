"""`spanproof study` on both clocks, once, as a user starts it; and `docs/tutorial/first-study.md` done as it is written."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess

    from tests.conftest import RunPython

# One process for all of them, so that the study they share is made once.
pytestmark = [pytest.mark.slow, pytest.mark.realtime, pytest.mark.timeout(300), pytest.mark.xdist_group("whole study")]

PAGE = "docs/tutorial/first-study.md"


class Session:
    """A terminal in one folder: what is run there, one command after the other, as the page does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.study: subprocess.CompletedProcess[str] | None = None
        self.seconds = 0.0

    @property
    def written(self) -> dict[str, Any]:
        """`findings.json` of the study."""
        (path,) = self.folder.glob("traces/study-*/findings.json")
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The terminal that all of these tests share."""
    return Session(tmp_path_factory.mktemp("session"))


@pytest.fixture
def spanproof(session: Session, run_python: RunPython) -> SpanproofIn:
    """The command, in that terminal, after its study."""
    command = SpanproofIn(run_python, session.folder)
    if session.study is None:
        began = time.monotonic()
        session.study = command("study")
        session.seconds = time.monotonic() - began
    return command


class SpanproofIn:
    """Runs `spanproof ARGUMENTS...` in a folder."""

    def __init__(self, run_python: RunPython, folder: Path) -> None:
        self.run_python = run_python
        self.folder = folder

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it; the result has the texts and the exit status."""
        return self.run_python("-m", "spanproof", *arguments, cwd=self.folder, env={"COLUMNS": "120"}, timeout=170)


def page(checkout: Path) -> str:
    return (checkout / PAGE).read_text(encoding="utf-8")


def test_it_ends_by_itself_and_answers_every_hypothesis(spanproof: SpanproofIn, session: Session) -> None:
    assert session.study is not None
    assert session.study.returncode == 0, session.study.stdout + session.study.stderr
    assert session.study.stdout.rstrip().endswith("All scenarios ran, and what was found is what they expect.")
    # 40 seconds on two free cores; four times that is a busy machine, more is a defect.
    assert session.seconds < 160
    hypotheses = [each for each in session.written["answers"] if each["kind"] == "hypothesis"]
    assert {each["id"]: each["answer"] for each in hypotheses} == {
        "H1": "yes, but",
        "H2": "no",
        "H3": "no",
        "H4": "yes, but",
        "H5": "yes, but",
        "H6": "yes, but",
        "H7": "yes, but",
        "H8": "no",
        "H9": "yes, but",
        "H10": "no",
    }


def test_both_clocks_find_the_same(spanproof: SpanproofIn, session: Session) -> None:
    written = session.written
    of_file: dict[str, set[tuple[str, str, str]]] = {run["file"]: set() for run in written["study"]["runs"]}
    for criterion in written["criteria"]:
        for each in criterion["violations"]:
            if each["severity"] != "info":
                of_file[Path(each["file"]).name].add((criterion["id"], each["subject"], each["state"]))
    found: dict[str, dict[str, set[tuple[str, str, str]]]] = {"virtual": {}, "real": {}}
    for run in written["study"]["runs"]:
        found[run["clock"]][f"{run['scenario']}/{run['variant']}"] = of_file[run["file"]]

    # Figures differ, findings do not: what has to happen in some order is 100 ms apart in every scenario.
    assert found["virtual"]
    assert {run: told for run, told in found["real"].items() if run in found["virtual"]} == found["virtual"]


def test_the_first_step_of_the_tutorial_is_this_study(checkout: Path, spanproof: SpanproofIn, session: Session) -> None:
    assert session.study is not None
    assert "    make study\n" in page(checkout)
    assert re.search(r"^study:.*\n\t@?\$\(RUN\) spanproof study", (checkout / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    entry, answers = re.findall(r"^```text\n(.*?)^```", page(checkout), flags=re.MULTILINE | re.DOTALL)
    told = _alike(session.study.stdout)

    for part in _alike(entry).split("…"):
        assert part.strip() in told, part
    for line in answers.splitlines():
        assert line in session.study.stdout


def test_the_commands_of_the_tutorial_say_what_the_page_says(checkout: Path, spanproof: SpanproofIn) -> None:
    commands = re.findall(r"^    spanproof (.+)$", page(checkout), flags=re.MULTILINE)
    said: dict[str, str] = {}
    raised = ""
    for command in commands:
        result = spanproof(*command.split())
        assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
        said[command] = " ".join(result.stdout.split())
        if command.endswith("/raised"):
            raised = spanproof("show").stdout  # What the page says below that command, in a sentence.

    assert commands == [
        "run parallel_cancellation/timeout",
        "show",
        "explain P04",
        "run parallel_cancellation/raised",
        "run parallel_cancellation/workaround",
    ]
    assert "P04 R03 as expected" in said["run parallel_cancellation/timeout"]
    assert "stage stock" in said["show"]
    assert said["run parallel_cancellation/raised"].endswith("R03 as expected")
    assert said["run parallel_cancellation/workaround"].endswith("R03 as expected")
    assert [line for line in raised.splitlines() if re.search(r"stage (stock|price)\b", line) and "cancelled" not in line] == []
    assert len(re.findall(r"stage (?:stock|price)\b.*cancelled", raised)) >= 2


def _alike(text: str) -> str:
    """The text in one line, and every figure with a fraction the same: those differ from one run to the next."""
    return re.sub(r"\d+\.\d+", "N", " ".join(text.split()))
