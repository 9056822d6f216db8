"""Record each program, judge its trace, compare the findings: nothing on correct programs, exactly the planted fault on the others."""

from __future__ import annotations

import asyncio
import json
import logging
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.analyzers import check
from spanproof.instrument import session
from spanproof.scenarios.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Generator

    from .shapes import Found, Program


@pytest.fixture(autouse=True)
def _quiet_stageflow() -> Generator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def findings(program: Program, folder: Path) -> set[tuple[str, str]]:
    """(criterion, subject) of every finding above `info` in the program's trace."""
    with session(folder, name=program.__name__) as attached, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(program())
    assert attached.path is not None
    found = check([attached.path]).to_dict()
    assert found["problems"] == []
    return {
        (criterion["id"], violation["subject"])
        for criterion in found["criteria"]
        for violation in criterion["violations"]
        if violation["severity"] != "info"
    }


def collected(kind: str) -> dict[str, Any]:
    """The programs of all modules here whose name begins with `kind`."""
    found: dict[str, Any] = {}
    for path in sorted(Path(__file__).parent.glob(f"{kind}*.py")):
        programs = import_module(f"{__package__}.{path.stem}").PROGRAMS
        assert not found.keys() & programs.keys(), f"{path.name} has a program of a name that is taken"
        found |= programs
    return found


SILENT: dict[str, Program] = collected("silent")
FAULTY: dict[str, tuple[Program, Found]] = collected("faulty")


@pytest.mark.parametrize("name", sorted(SILENT))
def test_a_correct_program_is_silent(name: str, tmp_path: Path) -> None:
    assert findings(SILENT[name], tmp_path) == set()


@pytest.mark.parametrize("name", sorted(FAULTY))
def test_a_planted_fault_is_found_and_no_other(name: str, tmp_path: Path) -> None:
    program, expected = FAULTY[name]
    assert findings(program, tmp_path) == expected


def test_what_was_lost_since_the_last_tick_is_not_taken_for_absent(tmp_path: Path) -> None:
    """Killed within a second of its abort: the run is in the file, its sibling that was at work is not. Nobody may say that all is well."""
    program, _expected = FAULTY["timeout_orphans_a_sibling"]
    with session(tmp_path, name="cut") as attached, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(program())
    assert attached.path is not None
    documents = [json.loads(line) for line in attached.path.read_text(encoding="utf-8").splitlines()]
    for document in documents:
        spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
        spans[:] = [span for span in spans if span["name"] in ("pipeline demo", "stage slow") or is_first_tick(span)]
    attached.path.write_text("".join(json.dumps(document) + "\n" for document in documents), encoding="utf-8")
    report = check([attached.path])
    verdicts = {criterion["id"]: criterion["verdict"] for criterion in report.to_dict()["criteria"]}
    assert verdicts["P04"] == verdicts["P02"] == "unknown"
    assert report.exit_code() == 2


def is_first_tick(span: dict[str, Any]) -> bool:
    """Whether it is the recording's own record as it was written first."""
    values = {each["key"]: each["value"] for each in span["attributes"]}
    return bool(span["name"] == "recording" and values["spanproof.rev"]["intValue"] == "1")
