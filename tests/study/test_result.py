"""When a study agrees with what is known, when it has news, and when it must not decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanproof.scenarios.result import Job, RunResult
from spanproof.study.result import StudyResult, StudyRun, Surroundings
from spanproof.study.text import conclusion

if TYPE_CHECKING:
    from spanproof.scenarios.loops import Clock
    from spanproof.scenarios.result import Status

AROUND = Surroundings("2026-01-01T00:00:00+00:00", "lib 1", "0")


def run(clock: Clock = "virtual", *, status: Status = "ran", news: tuple[str, ...] = (), unmet: tuple[str, ...] = ()) -> StudyRun:
    return StudyRun(RunResult(Job("p", "f/s", "timeout", clock), status, None, 0.1, "it did"), (), news, news, unmet)


def study(*runs: StudyRun, planned: int | None = None, unknown: tuple[str, ...] = ()) -> StudyResult:
    return StudyResult(Path("x"), AROUND, (), runs, len(runs) if planned is None else planned, (), (), {}, unknown)


@pytest.mark.parametrize(
    ("result", "code", "told"),
    [
        (study(run(), run("real")), 0, ["All scenarios ran, and what was found is what they expect."]),
        (study(run(news=("P04 stage b",))), 1, ["unexpected: f/s/timeout (virtual): P04 stage b"]),
        (
            study(run(unmet=("P04 stage b",)), run("real", unmet=("P04 stage b",))),
            1,
            ["no longer seen (fixed? update the expectation): f/s/timeout: P04 stage b"],
        ),
        (
            study(run(), run("real", unmet=("P04 stage b",))),
            2,
            ["not seen in every run (was the machine busy? run it again): f/s/timeout: P04 stage b, in 1 of 2 runs"],
        ),
        (study(run(status="hung", unmet=("P04 stage b",))), 2, ["hung: f/s/timeout (virtual): it did"]),
        (study(run(), unknown=("D01",)), 2, ["could not be decided everywhere: D01"]),
        (study(run(), planned=2), 2, ["1 of 2 runs are missing."]),
        (study(), 2, ["No scenario ran."]),
        (study(run(), run(status="interrupted")), 130, ["interrupted: f/s/timeout (virtual): it did"]),
    ],
    ids=["agrees", "news", "gone", "varies", "hung", "unknown", "missing runs", "nothing", "interrupted"],
)
def test_the_conclusion_and_the_exit_code_agree(result: StudyResult, code: int, told: list[str]) -> None:
    assert result.exit_code == code
    assert list(conclusion(result)) == told


def test_news_is_told_before_what_is_missing() -> None:
    result = study(run(news=("P04 stage b",)), run("real", status="died"))

    assert result.exit_code == 1
