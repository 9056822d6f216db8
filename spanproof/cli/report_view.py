"""A report as people should meet it: what matters first, each defect once, and an end to every list.

A *defect* is a group of findings of one criterion with one fingerprint (same code, same place in the tree): a fault in a loop of a
thousand is one defect met a thousand times. What follows from another finding is told under its cause.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ..analyzers.verdicts import SEVERITIES, Verdict
from .wording import count

if TYPE_CHECKING:
    from ..analyzers import Report
    from ..analyzers.finding import CriterionResult, Finding
    from ..analyzers.header import Header

FAMILIES: Final = {
    "D": "deadlines",
    "P": "propagation",
    "O": "order",
    "C": "cleanup",
    "L": "leaks",
    "R": "reporting",
    "T": "throughput",
}
"""What the first letter of a criterion's id stands for; other letters are criteria of the user's own."""

FAULTS: Final = {
    "library": "the library's fault",
    "code": "this code's fault",
    "interpreter": "a difference between Python versions",
    "caller": "the caller's fault",
    None: "",
}


@dataclass(slots=True)
class Defect:
    """Findings of one criterion with one fingerprint. `first` stands for all."""

    header: Header
    first: Finding
    others: list[Finding] = field(default_factory=list["Finding"])

    @property
    def times(self) -> int:
        """How often it was met."""
        return 1 + len(self.others)

    @property
    def also(self) -> list[str]:
        """Ids of the criteria whose findings follow from it."""
        return sorted({other for each in [self.first, *self.others] for other in each.also})


@dataclass(slots=True)
class View:
    """The report, sorted for reading.

    Attributes:
        new: defects that nobody expects, the most serious first.
        known: defects that are expected, baselined or suppressed.
        remarks: new defects of severity info.
        unknown: criteria that could not be decided.
        families: criteria by family, in the order of FAMILIES.
    """

    new: list[Defect]
    known: list[Defect]
    remarks: list[Defect]
    unknown: list[CriterionResult]
    families: dict[str, list[CriterionResult]]


def view(report: Report) -> View:
    """Sort a report for reading."""
    defects = sorted(_defects(report), key=lambda defect: (SEVERITIES.index(defect.first.severity), defect.header.id))
    families: dict[str, list[CriterionResult]] = {}
    for letter in [*FAMILIES, ""]:
        own = [each for each in report.criteria if (each.header.id[0] if each.header.id[0] in FAMILIES else "") == letter]
        if own:
            families[FAMILIES.get(letter, "your own")] = own
    return View(
        new=[each for each in defects if each.first.state == "new" and each.first.severity != "info"],
        known=[each for each in defects if each.first.state != "new"],
        remarks=[each for each in defects if each.first.state == "new" and each.first.severity == "info"],
        unknown=[each for each in report.criteria if each.verdict is Verdict.UNKNOWN],
        families=families,
    )


def _defects(report: Report) -> Iterator[Defect]:
    for result in report.criteria:
        found: dict[tuple[str, str, str], Defect] = {}
        for finding in result.violations:
            if finding.implied_by is not None:
                continue
            key = (finding.fingerprint, finding.state, finding.severity)
            if key in found:
                found[key].others.append(finding)
            else:
                found[key] = Defect(result.header, finding)
        yield from found.values()


def judged(report: Report) -> str:
    """One line on what was judged: files, spans, and what the program ran on."""
    files = report.files
    spans = sum(int(file["spans"] or 0) for file in files)
    libraries = {str(library) for file in files for library in file.get("libraries") or () if "stageflow" in str(library)}
    pythons = {f"Python {file['python']}" for file in files if file.get("python")}
    names = ", ".join(str(file["path"]) for file in files) if len(files) <= 2 else f"{len(files):,} files"
    clocks = {str(file.get("clock")) for file in files}
    virtual = ["virtual clock"] if clocks == {"virtual"} else []
    return ", ".join([names or "no files", f"{spans:,} spans", *sorted(libraries)[:2], *sorted(pythons)[:3], *virtual])


def place(finding: Finding) -> str:
    """`demo.py:14`, or nothing when no line is known."""
    code = finding.code
    if code is None or not code.file:
        return ""
    return f"{code.file}:{code.line}" if code.line else code.file


def look(finding: Finding) -> str:
    """The command that draws the trace of a finding."""
    return f"spanproof show {finding.file or ''} --trace {finding.trace_id[:8]}".replace("  ", " ")


def conclusion(report: Report, status: str) -> str:
    """The last sentence: the status, and the numbers behind it."""
    verdicts = [each.verdict for each in report.criteria]
    criteria = [f"{verdicts.count(verdict)} {word}" for verdict, word in CRITERIA_WORDS.items() if verdicts.count(verdict)]
    told = [finding for finding in report.findings if finding.implied_by is None]
    findings = [count(number, word) if word in NOUNS else f"{number:,} {word}" for word, number in _counts(told).items() if number]
    follow = len(report.findings) - len(told)
    consequences = f" and {count(follow, 'consequence')}" if follow else ""
    tail = f" Findings: {', '.join(findings)}{consequences}." if findings else ""
    headline = "OK: nothing that counts is violated." if status == "ok" and Verdict.VIOLATED in verdicts else HEADLINES[status]
    return f"{headline} Criteria: {', '.join(criteria) or 'none'}.{tail}"


def _counts(findings: list[Finding]) -> dict[str, int]:
    counts: dict[str, int] = dict.fromkeys((*NOUNS, "expected", "baselined", "suppressed"), 0)
    for finding in findings:
        counts[finding.state if finding.state != "new" else "remark" if finding.severity == "info" else finding.severity] += 1
    return counts


NOUNS: Final = ("error", "warning", "remark")

CRITERIA_WORDS: Final = {
    Verdict.VIOLATED: "violated",
    Verdict.UNKNOWN: "unknown",
    Verdict.HOLDS: "hold",
    Verdict.NOT_EXERCISED: "not exercised",
}

HEADLINES: Final = {
    "ok": "OK: nothing is violated.",
    "violated": "VIOLATED.",
    "unknown": "UNKNOWN: not everything could be decided.",
    "empty": "EMPTY: no criterion found anything to judge.",
    "error": "ERROR: a file could not be read.",
}
