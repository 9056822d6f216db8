"""Blind spots: what these very traces could not have shown, and why.

Two lists: of the recordings (seams that did not hold, cut ends, lost records, ...), which is what every criterion suffers from; and
criterion by criterion, what that means for it, what it never met, and what it cannot see in any trace.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from ..instrument import vocabulary as v
from .cataloguing import catalogue
from .fitness import OF_A_LIBRARY, seams
from .verdicts import Verdict
from .words import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import duckdb

    from .cataloguing import Criterion
    from .finding import CriterionResult
    from .report import Report

    Spots = Iterator[tuple[str, str]]
    """(kind, what could not be seen), of one recording or one criterion."""

WATCHDOG: Final = "watchdog"

_RECORDINGS: Final = f"""
select r.resource_id, f.path, r.recording_id is null as foreign_, coalesce(c.torn, false), coalesce(c.dropped, 0),
    c.ended_by, coalesce(try_cast(r.attributes['{v.RES_ADOPTED}'] as BIGINT), 0),
    coalesce(s.events, 0), coalesce(s.spans, 0), coalesce(s.virtual, 0), coalesce(s.units, 0)
from resources r
left join files f on f.file_id = r.file_id
left join recordings c on c.resource_id = r.resource_id
left join (
    select s.resource_id, count(*) as spans,
        sum(coalesce(s.dropped_events, 0) + coalesce(try_cast(s.attributes['{v.EVENTS_DROPPED}'] as BIGINT), 0))::BIGINT as events,
        count(*) filter (u.clock = 'virtual' and u.unit <> 'program') as virtual, count(*) filter (u.unit <> 'program') as units
    from spans s left join units u on u.trace_id = s.trace_id and u.span_id = s.span_id
    group by s.resource_id
) s on s.resource_id = r.resource_id
order by f.path, r.resource_id
"""


class _Recording:
    """What is known of one process, as far as it limits what can be seen."""

    def __init__(self, row: tuple[Any, ...], words: dict[str, str]) -> None:
        _, path, self.foreign, self.torn, self.dropped, self.ended_by, self.adopted = row[:7]
        self.events, self.spans, self.virtual, self.units = row[7:]
        self.file = str(path or "")
        self.words = words

    def seam(self, name: str) -> str | None:
        """Why that seam did not hold; None: it did, or it belongs to a library that the program does not use."""
        word = self.words.get(name)
        if self.foreign or word == "held" or (word is not None and word.startswith("absent") and name in OF_A_LIBRARY):
            return None
        return word or "not mentioned"

    def spots(self) -> Spots:
        """What it keeps every criterion from seeing."""
        for name in self.words:
            if (why := self.seam(name)) is not None:
                yield "seam", f"the recorder's seam '{name}' did not hold ({why})"
        if self.torn:
            yield "torn", "the recording has no end (killed, or the rest of the file is missing): nothing after its last tick was seen"
        # Records, parts and events that were lost are problems of the files, which tell of them.
        if self.ended_by == "session":
            yield "session", "recording stopped before the process ended: what was left over then, and what came later, was not seen"
        if self.adopted:
            yield "adopted", f"{plural(self.adopted, 'task')} already running when the recording began: what they did before was not seen"
        if self.foreign and self.spans:
            yield "foreign", f"{plural(self.spans, 'span')} of another program: they tell nothing of requests, deliveries and deadlines"


def find(con: duckdb.DuckDBPyConnection, report: Report, criteria_dirs: Iterable[str | Path] = ()) -> dict[str, Any]:
    """Find what could not have been seen, criterion by criterion; the result is kept in `report.blind_spots`.

    Args:
        con: the connection that `report` was made of.
        report: what was judged.
        criteria_dirs: those of the report.

    Returns:
        As the JSON contract has it.
    """
    words = dict(seams(con))
    recordings = [_Recording(row, words.get(row[0], {})) for row in con.execute(_RECORDINGS).fetchall()]
    criteria = catalogue(criteria_dirs)
    lost = [problem for problem in report.problems if problem["severity"] in ("data_loss", "error")]
    general = [(recording.file, spot) for recording in recordings for spot in recording.spots()]
    general += [
        (problem["path"] or "", ("missing", f"{problem['what']}{_line(problem)}; {problem['done']}"))
        for problem in lost
    ]  # fmt: skip
    report.blind_spots = {
        "recordings": _gathered(general),
        "criteria": [_criterion(result, criteria[result.header.id], recordings, missing=bool(lost)) for result in report.criteria],
    }
    return report.blind_spots


def _line(problem: dict[str, Any]) -> str:
    return f" (line {problem['line']})" if problem["line"] else ""


def _gathered(spots: Iterable[tuple[str, tuple[str, str]]]) -> list[dict[str, Any]]:
    """One entry for each thing that could not be seen, with the files that it is true of."""
    files: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file, spot in spots:
        if file not in files[spot]:
            files[spot].append(file)
    return [{"kind": kind, "what": what, "files": sorted(filter(None, names))} for (kind, what), names in files.items()]


def _criterion(result: CriterionResult, criterion: Criterion, recordings: list[_Recording], *, missing: bool) -> dict[str, Any]:
    spots = [(recording.file, spot) for recording in recordings for spot in _of(criterion, recording)]
    if missing:
        spots.append(("", ("missing", "something that was recorded is missing (above): subjects or causes in it are not there")))
    if criterion.broken is not None:
        spots.append(("", ("broken", criterion.broken)))
    elif result.verdict is Verdict.NOT_EXERCISED:
        spots.append(("", ("not_exercised", f"it met no {result.header.texts['judges']}: of those it says nothing")))
    return {
        "id": result.header.id,
        "name": result.header.name,
        "verdict": result.verdict.value,
        "spots": _gathered(spots),
        "cannot_see": result.header.texts["cannot see"],
    }


def _of(criterion: Criterion, recording: _Recording) -> Spots:
    """What one recording keeps one criterion from seeing."""
    header = criterion.header
    for name in header.needs:
        if (why := recording.seam(name)) is not None:
            held = "held in part" if why.startswith("held") else "did not hold"
            so = "what looks like a violation is unknown" if why.startswith("held") else "its traces are unknown"
            yield "seam", f"it needs the seam '{name}', which {held} ({why}): {so}"
    if recording.foreign:
        if header.needs and recording.spans:
            yield "foreign", f"{plural(recording.spans, 'span')} of another program lack what it needs ({', '.join(header.needs)})"
        return
    if header.clock == "real" and recording.virtual:
        which = "its" if recording.virtual == recording.units else "some of its"
        yield "virtual", f"the clock was virtual, and {which} times are those of the test, not of the machine: not judged"
    if (
        asks_watchdog(criterion)
        and WATCHDOG not in header.needs
        and (why := recording.seam(WATCHDOG)) is not None
        and not recording.virtual
    ):
        yield "watchdog", f"no watchdog ({why}): a loop that stood still cannot be told from a machine that stood still"
    if recording.torn or recording.dropped:
        certain = "what it calls violated stays so, and later subjects are missing"
        doubt = "what looks violated is unknown, for a later record could change it"
        yield "torn", f"the recording is cut: {certain if header.torn == 'certain' else doubt}"
    if recording.events and header.needs:
        yield "limits", "events that a limit dropped may hold what would have decided"
    if recording.adopted and header.needs:
        yield (
            "adopted",
            f"what {plural(recording.adopted, 'task')} did before the recording began: requests and deadlines of then are missing",
        )


def asks_watchdog(criterion: Criterion) -> bool:
    """Whether its query looks at the watchdog's word on stalls."""
    return criterion.broken is None and WATCHDOG in criterion.sql
