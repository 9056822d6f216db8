"""Findings that a scenario expects. They count only on traces of scenarios, and only for the versions that they name.

An expectation is a JSON object in the resource's attribute `spanproof.expect`:
`{"criterion": "P04", "subject": "stage slow", "library": "==1.2.0", "python": ">=3.11", "count": 1}`. `library` is a version of
stageflow-core, or a requirement with a name of its own (`anyio>=4`); `library`, `python` and `count` may be left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from .finding import Finding

LIBRARY: Final = "stageflow-core"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expected finding of one recorded scenario.

    Attributes:
        count: how many findings of that subject are expected; None: one or more.
        applies: its versions are those of the recording.
        problem: why it cannot be read; such an expectation is reported as unmet.
    """

    resource_id: int
    scenario: str
    criterion: str
    subject: str
    library: str
    python: str
    count: int | None
    applies: bool
    problem: str | None = None

    def as_dict(self, seen: int) -> dict[str, Any]:
        """For the report, with the number of findings that matched."""
        return {
            "scenario": self.scenario,
            "criterion": self.criterion,
            "subject": self.subject,
            "library": self.library or None,
            "python": self.python or None,
            "count": self.count,
            "seen": seen,
            "problem": self.problem,
        }


def read(con: duckdb.DuckDBPyConnection) -> list[Expectation]:
    """The expectations of all recorded scenarios."""
    rows = con.execute(
        "select resource_id, scenario, expect, libraries, python from resources "
        "where scenario is not null and expect is not null order by resource_id"
    ).fetchall()
    return [_parse(row[0], row[1], text, row[3] or [], row[4]) for row in rows for text in row[2]]


def settle(expectations: Iterable[Expectation], findings: Sequence[Finding], judged: frozenset[str]) -> list[dict[str, Any]]:
    """Mark the findings that are expected.

    Args:
        expectations: of all scenarios.
        findings: of all criteria, in the order of the report.
        judged: ids of the criteria that were judged; what expects another one is neither met nor unmet.

    Returns:
        The expectations that were not met, in words for the report. A criterion that found fewer than expected has not met it; of more
        than expected the surplus stays new.
    """
    unmet: list[dict[str, Any]] = []
    for expectation in expectations:
        if expectation.problem is not None:
            unmet.append(expectation.as_dict(0))
            continue
        if not expectation.applies or expectation.criterion not in judged:
            continue
        hits = [
            f
            for f in findings
            if f.resource_id == expectation.resource_id
            and f.criterion == expectation.criterion
            and f.subject == expectation.subject
            and f.state == "new"
        ]
        for finding in hits[: expectation.count]:
            finding.state = "expected"
        if len(hits) < (expectation.count or 1):
            unmet.append(expectation.as_dict(len(hits)))
    return sorted(unmet, key=lambda item: (item["scenario"], item["criterion"], item["subject"]))


def _parse(resource_id: int, scenario: str, text: str, libraries: list[str], python: str | None) -> Expectation:
    problem: str | None = None
    value: dict[str, Any] = {}
    applies = False
    try:
        value = _object(text)
        applies = _library_fits(str(value.get("library") or ""), libraries) and _fits(str(value.get("python") or ""), python)
    except (ValueError, InvalidSpecifier, InvalidRequirement, InvalidVersion) as error:
        problem = f"cannot be read: {error} (got {text[:200]!r})"
    count = value.get("count")
    return Expectation(
        resource_id,
        scenario,
        str(value.get("criterion", "?")),
        str(value.get("subject", "?")),
        str(value.get("library") or ""),
        str(value.get("python") or ""),
        count if isinstance(count, int) and not isinstance(count, bool) else None,
        applies,
        problem,
    )


def _object(text: str) -> dict[str, Any]:
    loaded = json.loads(text)
    if not isinstance(loaded, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - one kind of error for whatever the text lacks
    value = cast("dict[str, Any]", loaded)
    if not isinstance(value.get("criterion"), str) or not isinstance(value.get("subject"), str):
        raise ValueError("it lacks the text 'criterion' or 'subject'")  # noqa: TRY004 - as above
    return value


def _library_fits(specifier: str, libraries: list[str]) -> bool:
    """Whether the version in the recording is one of those that are meant; without a specifier every one is."""
    if not specifier:
        return True
    if specifier[0].isalpha():
        requirement = Requirement(specifier)
        name, wanted = requirement.name, str(requirement.specifier)
    else:
        name, wanted = LIBRARY, specifier
    versions: dict[str, str] = {name: version for name, _, version in (text.partition("==") for text in libraries)}
    return name in versions and _fits(wanted, versions[name])


def _fits(specifier: str, version: str | None) -> bool:
    if not specifier:
        return True
    return version is not None and SpecifierSet(specifier).contains(Version(version), prereleases=True)
