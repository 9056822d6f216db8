"""A report as people should meet it: what matters first, each defect once, and an end to every list.

A *defect* is a group of alike findings of one criterion: of one line of code, or, where that is not known, of names that differ in
their numbers alone. A fault in a loop of a thousand is one defect met a thousand times. What follows from another finding is told under
its cause, unless the cause is known (expected, baselined, suppressed) and it is not: then it comes forward.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ..analyzers.verdicts import SEVERITIES, Verdict
from .wording import clock_time, count

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


EXAMPLES: Final = 3
"""Findings of one defect that are named."""

_DIGITS: Final = re.compile(r"\d+")


@dataclass(slots=True)
class Defect:
    """Alike findings of one criterion. `first` stands for all."""

    header: Header
    first: Finding
    others: list[Finding] = field(default_factory=list["Finding"])

    @property
    def times(self) -> int:
        """How often it was met."""
        return 1 + len(self.others)

    @property
    def pattern(self) -> str:
        """The subject; `*` stands for what differs among them."""
        return _pattern({each.subject for each in [self.first, *self.others]})

    @property
    def examples(self) -> list[Finding]:
        """The first few of several, of different fingerprints and traces where there are such; none when it was met once."""
        if not self.others:
            return []
        every = [self.first, *self.others]
        different = list({(each.fingerprint, each.trace_id): each for each in reversed(every)}.values())[::-1]
        chosen = different[:EXAMPLES]
        return (chosen + [each for each in every if not any(each is one for one in chosen)])[:EXAMPLES]

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


def told_apart(report: Report) -> list[Finding]:
    """The findings that are told on their own: what follows from another one is told there, unless that is known and this is not."""
    new = {finding.fingerprint for finding in report.findings if finding.state == "new"}
    return [
        finding
        for finding in report.findings
        if finding.implied_by is None or (finding.state == "new" and finding.implied_by not in new)
    ]  # fmt: skip


def _alike(finding: Finding) -> tuple[object, ...]:
    """What findings of one defect have in common."""
    shape = _DIGITS.sub("*", finding.subject)
    if finding.code is None:
        where: tuple[object, ...] = (shape, *(_DIGITS.sub("*", name) for name in finding.path))
    elif finding.subject.startswith("task "):
        where = (finding.code.file, finding.code.line)
    else:
        # One line may be the body of many stages, each of which has its own name for a reason.
        where = (shape, finding.code.file, finding.code.line)
    return (*where, finding.state, finding.severity, finding.fault)


def _pattern(subjects: set[str]) -> str:
    """One text for all of them: as it is, with `*` for numbers, or with `*` from where they differ."""
    shapes = {_DIGITS.sub("*", subject) for subject in subjects} if len(subjects) > 1 else subjects
    if len(shapes) == 1:
        return next(iter(shapes))
    first, last = min(subjects), max(subjects)
    same = next((place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), min(len(first), len(last)))
    return f"{first[:same]}*"


def _defects(report: Report) -> Iterator[Defect]:
    apart = {id(finding) for finding in told_apart(report)}
    for result in report.criteria:
        found: dict[tuple[object, ...], Defect] = {}
        for finding in result.violations:
            if id(finding) not in apart:
                continue
            key = _alike(finding)
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


def example(finding: Finding) -> str:
    """One of several alike findings: who, when and where."""
    first = min((item.time_ns for item in finding.evidence if item.span_id == finding.span_id), default=None)
    at = f" from {clock_time(first)}" if first is not None else ""
    file = f" in {finding.file}" if finding.file else ""
    return f"{finding.label}{at}, trace {finding.trace_id[:8]}{file}"


def unmatched(report: Report) -> Iterator[tuple[str, list[str]]]:
    """What was known and is not there any more: a title and its lines."""
    if report.unmatched_suppressions:
        lines = [
            ", ".join(f"{name} {value!r}" for name, value in rule.items() if name != "reason") + f" ({rule['reason']})"
            for rule in report.unmatched_suppressions
        ]
        yield "Suppressed, and no longer found (take the suppression out)", lines
    if report.unmatched_baseline:
        lines = [f"{entry['criterion']}  {entry['subject']}  {entry['fingerprint']}" for entry in report.unmatched_baseline]
        yield "In the baseline, and no longer found (fixed? write the baseline anew)", lines


def look(finding: Finding) -> str:
    """The command that draws the trace of a finding."""
    return f"spanproof show {finding.file or ''} --trace {finding.trace_id[:8]}".replace("  ", " ")


def conclusion(report: Report, status: str) -> str:
    """The last sentence: the status, and the numbers behind it."""
    verdicts = [each.verdict for each in report.criteria]
    criteria = [f"{verdicts.count(verdict)} {word}" for verdict, word in CRITERIA_WORDS.items() if verdicts.count(verdict)]
    told = told_apart(report)
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
