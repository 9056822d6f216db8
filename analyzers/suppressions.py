"""Findings that somebody decided to live with: rules with a reason, which are told when they match nothing any more.

A rule hides the findings that it matches and nothing else: what follows from one of them comes forward, and needs a rule of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, cast

from .cataloguing import catalogue, find
from .errors import AnalyzerError
from .report import set_state

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .finding import Finding
    from .report import Report

WHICH: Final = ("criterion", "subject", "fingerprint", "file", "function")
"""Keys that say which findings; all that are given must fit. `*`, `?` and `[...]` stand for what they stand for in file names."""

EXAMPLE: Final = '{ criterion = "P04", subject = "stage stock*", reason = "ends by itself within a second" }'


class SuppressionError(AnalyzerError):
    """A rule that cannot be used: no reason, no word on which findings, or a key that is not known."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """One rule. `criterion` is an id, name, family or severity; the others are patterns."""

    reason: str
    criterion: str | None = None
    subject: str | None = None
    fingerprint: str | None = None
    file: str | None = None
    function: str | None = None

    def as_dict(self) -> dict[str, str]:
        """The keys that were given, for the report."""
        given = {name: getattr(self, name) for name in (*WHICH, "reason")}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def words(self) -> str:
        """Which findings, in a few words: `criterion P04, subject stage stock*`."""
        return ", ".join(f"{name} {value}" for name, value in self.as_dict().items() if name != "reason")


def parse(rules: object, where: str = "suppress") -> tuple[Suppression, ...]:
    """Rules as they stand in a file, or are given to the Python door.

    Raises:
        SuppressionError: one of them cannot be used; `where` is named.
    """
    if not isinstance(rules, list | tuple):
        raise SuppressionError(f"{where} must be a list of tables such as {EXAMPLE}, got {rules!r}.")
    return tuple(_parse(rule, f"{where}[{number}]") for number, rule in enumerate(cast("list[object]", rules)))


def _parse(rule: object, where: str) -> Suppression:
    if isinstance(rule, Suppression):
        return rule
    if not isinstance(rule, dict):
        raise SuppressionError(f"{where} must be a table such as {EXAMPLE}, got {rule!r}.")
    table = cast("dict[str, object]", rule)
    known = (*WHICH, "reason")
    for key, value in table.items():
        if key not in known:
            raise SuppressionError(f"{where}: {key!r} is no key of a suppression. Keys: {', '.join(known)}.")
        if not isinstance(value, str) or not value.strip():
            raise SuppressionError(f"{where}: {key} must be a text that is not empty, got {value!r}.")
    if "reason" not in table:
        raise SuppressionError(f"{where}: a suppression needs a reason, for whoever finds it in a year. Write it like {EXAMPLE}.")
    if len(table) == 1:
        raise SuppressionError(f"{where}: it says not which findings. Give at least one of {', '.join(WHICH)}.")
    return Suppression(**{key: str(value).strip() for key, value in table.items()})


def apply(report: Report, rules: Iterable[Suppression], criteria_dirs: Iterable[str | Path] = ()) -> None:
    """Mark the findings that a rule matches, unless a scenario expects them; what matches nothing goes into `unmatched_suppressions`.

    A rule about criteria that were not judged has neither matched nor failed to.

    Raises:
        UnknownCriterionError: a rule names a criterion that does not exist.
    """
    criteria = catalogue(criteria_dirs)
    judged = {result.header.id for result in report.criteria}
    report.unmatched_suppressions = []
    for rule in rules:
        meant = None if rule.criterion is None else {criterion.id for criterion in find(rule.criterion, criteria)}
        hits = [finding for finding in report.findings if (meant is None or finding.criterion in meant) and _fits(rule, finding)]
        for finding in hits:
            set_state(finding, "suppressed")
        if not hits and (meant is None or meant <= judged):
            report.unmatched_suppressions.append(rule.as_dict())


def _fits(rule: Suppression, finding: Finding) -> bool:
    code = finding.code
    pairs = (
        (rule.subject, finding.subject),
        (rule.fingerprint, finding.fingerprint),
        (rule.file, code.file if code else None),
        (rule.function, finding.function),
    )
    return all(pattern is None or (value is not None and _like(value, pattern)) for pattern, value in pairs)


def _like(value: str, pattern: str) -> bool:
    # A name may itself hold a bracket, as `<locals>` does not but `stage a[1]` does.
    return value == pattern or fnmatchcase(value, pattern)
