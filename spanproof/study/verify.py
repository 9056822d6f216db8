"""Whether a study's report still follows from its traces: the traces are hashed again, judged again, and everything is written again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..analyzers.read.shapes import is_map
from ..scenarios.result import Job, RunResult
from . import audit, document, markdown, page, source
from .result import Surroundings
from .study import conclude

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..scenarios.scenario import Scenario
    from .result import StudyResult

FINDINGS: Final = "findings.json"


class NoStudyError(ValueError):
    """The folder holds no study; the message says what is missing and what to do."""


@dataclass(slots=True)
class Verification:
    """What was found out about a study.

    Attributes:
        traces: how many traces it has.
        changed: what is not as it was when the study was written: a sentence each.
        differs: what does not follow from the traces any more: a sentence each.
        remarks: what could not be compared, and why.
    """

    traces: int
    changed: list[str] = field(default_factory=list[str])
    differs: list[str] = field(default_factory=list[str])
    remarks: list[str] = field(default_factory=list[str])

    @property
    def holds(self) -> bool:
        """The traces are what they were, and everything that is written follows from them."""
        return not self.changed and not self.differs


def read(folder: Path) -> dict[str, Any]:
    """`findings.json` of a study.

    Raises:
        NoStudyError: it is not there, or is none.
    """
    path = folder / FINDINGS
    try:
        written: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NoStudyError(f"{folder}: no {FINDINGS} there. Expected: a folder that `spanproof study` has written.") from None
    except (OSError, ValueError) as error:
        raise NoStudyError(f"{path}: cannot be read ({error}). Make the study again: spanproof study.") from None
    if not is_map(written) or "study" not in written or "answers" not in written:
        raise NoStudyError(f"{path}: has no answers. Expected: the {FINDINGS} of a study, not the report of `spanproof check`.")
    return written


def verify(folder: Path, scenarios: Sequence[Scenario]) -> Verification:
    """Hash, judge and write again, and compare with what is there. Nothing is changed.

    Args:
        folder: the study.
        scenarios: the scenarios of this build; they describe the runs on the page.

    Raises:
        NoStudyError: the folder holds no study.
        InputError: none of its traces can be read.
    """
    written = read(folder)
    found = Verification(len(written["files"]))
    found.changed += _changed(folder, written["files"])
    again = _again(folder, written, scenarios, found)
    now = document.document(again)
    found.differs += _answers(written["answers"], now["answers"])
    found.differs += _findings(written, now)
    if (library := source.library()) != written["study"]["library"]:
        made_with = written["study"]["library"]
        found.remarks.append(
            f"made with {made_with}, and {library} is installed: the pages name lines of the library, and are not compared"
        )
    elif not found.differs:
        found.differs += _pages(folder, again)
    return found


def _changed(folder: Path, files: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for each in files:
        path = folder / each["path"]
        if not path.is_file():
            yield f"{each['path']} is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != each["sha256"]:
            yield f"{each['path']} is not what it was: its SHA-256 differs"
    known = {Path(each["path"]).name for each in files}
    for path in sorted(folder.glob("*.json")):
        if path.name not in known and path.name != FINDINGS and not path.name.startswith("."):
            yield f"{path.name} was not there"


def _again(folder: Path, written: Mapping[str, Any], scenarios: Sequence[Scenario], found: Verification) -> StudyResult:
    """The study as it would be written now, from the same traces."""
    study = written["study"]
    known = {f"{scenario.name}/{variant}" for scenario in scenarios for variant in scenario.variants}
    results: list[RunResult] = []
    for run in study["runs"]:
        job = Job("", run["scenario"], run["variant"], run["clock"], run["repetition"] - 1, study["seed"])
        if job.name not in known:
            found.remarks.append(f"{job.name}: this build has no such scenario; its run is left out")
            continue
        trace = folder / run["file"] if run["file"] else None
        results.append(RunResult(job, run["status"], trace if trace and trace.is_file() else None, run["seconds"], run["error"]))
    concluded = conclude(folder, scenarios, results, planned=study["planned_runs"], seed=study["seed"], repeat=study["repeat"])
    around = Surroundings(study["began"], study["library"], study["spanproof"], study["python"], study["machine"])
    return replace(concluded, surroundings=around, seconds=study["seconds"])


def _answers(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    words = {each["id"]: each["answer"] for each in now}
    for each in before:
        if each["id"] not in words:
            yield f"{each['id']} is answered with {each['answer']!r}, and this build does not ask it"
        elif words[each["id"]] != each["answer"]:
            yield f"{each['id']} is answered with {each['answer']!r}; the traces say {words[each['id']]!r}"
    for id_ in words.keys() - {each["id"] for each in before}:
        yield f"{id_} has no answer; the traces say {words[id_]!r}"


def violations(report: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
    """What was found: by file, trace and fingerprint the criterion with its subject."""
    return {
        (Path(each["file"]).name, each["trace_id"], f"{each['fingerprint']} {each['span_id']}"): f"{criterion['id']} {each['subject']}"
        for criterion in report["criteria"]
        for each in criterion["violations"]
    }


def _findings(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    was, is_ = violations(before), violations(now)
    for key in sorted(was.keys() - is_.keys()):
        yield f"{was[key]} in {key[0]} is written down; the trace does not show it"
    for key in sorted(is_.keys() - was.keys()):
        yield f"{is_[key]} in {key[0]} is not written down; the trace shows it"


def _pages(folder: Path, again: StudyResult) -> Iterator[str]:
    made: dict[str, Callable[[], bytes]] = {
        "report.md": lambda: markdown.markdown(again).encode(),
        "report.html": lambda: page.page(again).encode(),
        "audit.jsonl": lambda: audit.to_lines(again.audit),
    }
    for name, make in made.items():
        path = folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif path.read_bytes() != make():
            yield f"{name} is not what the traces give: it was changed, or written by another version of Spanproof"
