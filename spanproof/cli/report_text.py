"""The report for a terminal: defects first, each with its argument; then what is open; then all verdicts; the conclusion last.

The end is what stays on the screen, so the conclusion stands there.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .. import terminal
from ..analyzers import explain
from ..analyzers.verdicts import Verdict
from ..analyzers.words import duration
from . import report_asked, report_view
from .report_view import Defect, View
from .sources import problem
from .wording import count

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from ..analyzers import Report
    from ..analyzers.explain import Explanation
    from ..analyzers.finding import Evidence, Finding

FULL: Final = 6
"""Defects that are told in full; the rest get one line each, up to `BRIEF`."""

FULL_EACH: Final = 2
"""Defects of one criterion that are told in full."""

BRIEF: Final = 30

WRAPPED: Final = 8
"""Defects in a list that may take more than a line each; of a longer list each is cut to one."""

STORY: Final = 10
"""Facts of one story that are told."""

SPARED: Final = ("awaits", "awaits.end", "reported", "deadline.disarmed", "deadline.set", "cancel.consumed")
"""Kinds of facts that go first when a story is too long."""

QUIET: Final = ("start", "deadline.set", "deadline.disarmed")
"""Kinds of facts that say nothing while nothing else has happened."""

STYLES: Final = {"error": "red", "warning": "yellow", "info": "cyan"}

SIGNS: Final = {
    Verdict.HOLDS: (terminal.HOLDS, "green", "holds"),
    Verdict.VIOLATED: (terminal.VIOLATED, "red", "violated"),
    Verdict.UNKNOWN: (terminal.UNKNOWN, "yellow", "unknown"),
    Verdict.NOT_EXERCISED: (terminal.NOT_EXERCISED, "dim", "not exercised"),
}


def plain(report: Report, status: str, *, margins: bool = False) -> str:
    """The drawing as text of a fixed width, for a file."""
    from rich.console import Console

    sink = io.StringIO()
    console = Console(file=sink, width=terminal.PIPE_WIDTH, markup=False, emoji=False, highlight=False, color_system=None)
    console.print(draw(report, status, margins=margins, width=terminal.PIPE_WIDTH))
    return "".join(f"{line.rstrip()}\n" for line in sink.getvalue().splitlines())


def draw(report: Report, status: str, *, margins: bool = False, width: int | None = None) -> RenderableType:
    """The whole report; `status` is its status under the options of the command. `width`: columns, where it is not for a terminal."""
    from rich.console import Group

    return Group(*_parts(report, status, width, margins=margins))


def _parts(report: Report, status: str, width: int | None, *, margins: bool) -> Iterator[RenderableType]:
    from rich.text import Text

    seen = report_view.view(report)
    yield Text(f"Judged {report_view.judged(report)}", style="dim")
    yield Text("")
    yield from findings(seen)
    yield from _unknown(seen)
    yield from _unmet(report.unmet)
    yield from _unmatched(report)
    yield from _problems(report.problems, nothing=status == "empty")
    for listed in report_asked.parts(report, margins=margins):
        yield from report_asked.draw(listed, width)
    if report.criteria:
        yield _verdicts(seen)
        yield Text("")
    colour = {"ok": "green", "violated": "red"}.get(status, "yellow")
    yield Text(report_view.conclusion(report, status), style=f"bold {colour}")


def findings(seen: View) -> Iterator[RenderableType]:
    """New defects with their arguments as far as there is room, the rest and what is known in a line each."""
    from rich.text import Text

    told: Counter[str] = Counter()
    rest: list[Defect] = []
    for defect in seen.new:
        if told.total() >= FULL or told[defect.header.id] >= FULL_EACH:
            rest.append(defect)
            continue
        told[defect.header.id] += 1
        yield _defect(defect)
        yield Text("")
    for title, defects in (("More", rest), ("Known", seen.known), ("Remarks", seen.remarks)):
        if defects:
            yield from _brief(title, defects)


def _grid(*columns: int | None) -> Table:
    """A table without lines; a number is a column's least width, None a column that takes what is left and folds."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    for width in columns:
        table.add_column(no_wrap=width is not None, min_width=width, overflow="fold")
    return table


def _defect(defect: Defect) -> RenderableType:
    """One defect with its argument."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    finding = defect.first
    head = Text()
    head.append(f"{terminal.VIOLATED} {defect.header.id} {defect.header.name}", style=f"bold {STYLES[finding.severity]}")
    head.append(f"  {defect.pattern}", style="bold")
    head.append(f"  {finding.severity}", style=STYLES[finding.severity])
    for part in (report_view.FAULTS[finding.fault], report_view.place(finding)):
        head.append(f"  {part}" if part else "", style="dim")
    head.append(f"  {defect.times:,} times" if defect.times > 1 else "", style="bold")
    argument = explain.explain(finding, defect.header)
    body = _grid(6, None)
    for label, content in _argument(finding, argument):
        body.add_row(Text(f"  {label}", style="bold"), content)
    if defect.also:
        body.add_row(Text("  Also", style="bold"), f"{', '.join(defect.also)} follow{'s' if len(defect.also) == 1 else ''} from it")
    for number, example in enumerate(defect.examples):
        body.add_row(Text("" if number else "  Seen", style="bold"), report_view.example(example))
    body.add_row(Text("  See", style="bold"), report_view.look(finding))
    if finding.link:
        body.add_row("", Text(finding.link, overflow="fold"))
    return Group(head, Padding(Text(argument.but), (0, 0, 0, 2)), body)


def _argument(finding: Finding, argument: Explanation) -> Iterator[tuple[str, RenderableType]]:
    """(label, content), below what happened: of these units this was recorded; by this rule it is wrong; so do this."""
    for number, (letter, what) in enumerate(argument.let):
        yield "Let" if number == 0 else "", f"{letter} = {what}"
    kept = tellings(finding.evidence)
    if kept:
        yield "Then", _story(finding, argument, kept)
    yield "Rule", argument.then
    yield "Because", argument.because
    if argument.ran:
        yield "Ran on", argument.ran
    yield "Fix", argument.fix


def _story(finding: Finding, argument: Explanation, kept: list[int]) -> RenderableType:
    """What was recorded, in order. The story and the evidence go side by side; the kind of a fact says whether it can be spared."""
    from rich.text import Text

    told = spare([finding.evidence[number].event for number in kept])
    table = _grid(0, None)
    table.columns[0].justify = "right"
    for place in told:
        fact = argument.story[kept[place]]
        table.add_row(Text(duration(fact.at_ns), style="dim"), fact.text)
    if len(told) < len(kept):
        table.add_row("", Text(f"{terminal.MORE} and {count(len(kept) - len(told), 'lesser fact')}; --format json has all", style="dim"))
    return table


def tellings(evidence: Sequence[Evidence]) -> list[int]:
    """Places of the facts that tell something: not what `Let` says already, and nothing twice.

    Creations before anything else happened go without saying; later ones may be the very fault. A timer that ran is told
    with its request.
    """
    kept: list[int] = []
    happened = False
    for place, item in enumerate(evidence):
        if item.event in QUIET and not happened:
            continue
        if item.event == "deadline.expired" and _asks(item, evidence[place + 1 :]):
            continue
        happened = True
        kept.append(place)
    return kept


def _asks(expiry: Evidence, later: Sequence[Evidence]) -> bool:
    """Whether the request that the timer made is told as well."""
    return any(item.event == "cancel.requested" and item.span_id == expiry.span_id and item.detail == "timer" for item in later)


def spare(kinds: list[str]) -> list[int]:
    """Places of at most STORY facts: first the least telling kinds go, then the middle."""
    kept = list(range(len(kinds)))
    for spared in SPARED:
        if len(kept) > STORY:
            kept = [number for number in kept if kinds[number] != spared]
    half = STORY // 2
    return kept if len(kept) <= STORY else [*kept[: STORY - half], *kept[-half:]]


def _brief(title: str, defects: list[Defect]) -> Iterator[RenderableType]:
    """A line a defect."""
    from rich.text import Text

    yield Text(title, style="bold")
    table = _grid(5, 8, None)
    for defect in defects[:BRIEF]:
        state = defect.first.state if defect.first.state != "new" else defect.first.severity
        times = f" ({defect.times:,} times)" if defect.times > 1 else ""
        story = Text(f"{defect.first.message}{times}", overflow="ellipsis", no_wrap=len(defects) > WRAPPED)
        table.add_row(f"  {defect.header.id}", state, story)
    yield table
    if len(defects) > BRIEF:
        yield Text(f"  {terminal.MORE} and {len(defects) - BRIEF:,} more; --format json lists all", style="dim")
    yield Text("")


def _unknown(seen: View) -> Iterator[RenderableType]:
    """Criteria that could not be decided; those with one reason share a line."""
    from rich.padding import Padding
    from rich.text import Text

    reasons: dict[str, list[str]] = {}
    for result in seen.unknown:
        reasons.setdefault(result.reason or "no reason is known", []).append(result.header.id)
    if not reasons:
        return
    yield Text("Unknown", style="bold yellow")
    for reason, ids in reasons.items():
        yield Text(f"  {terminal.UNKNOWN} {' '.join(ids)}", style="yellow")
        yield Padding(Text(reason), (0, 0, 0, 4))
    yield Text("")


def _unmet(expectations: list[dict[str, Any]]) -> Iterator[RenderableType]:
    from rich.text import Text

    if not expectations:
        return
    yield Text("Expected, and no longer seen (fixed? then update the expectation)", style="bold yellow")
    for each in expectations[:BRIEF]:
        yield Text(f"  {expectation(each)}")
    yield Text("")


def _unmatched(report: Report) -> Iterator[RenderableType]:
    from rich.text import Text

    for title, lines in report_view.unmatched(report):
        yield Text(title, style="bold yellow")
        yield from (Text(f"  {line}") for line in lines[:BRIEF])
        if len(lines) > BRIEF:
            yield Text(f"  {terminal.MORE} and {len(lines) - BRIEF:,} more; --format json lists all", style="dim")
        yield Text("")


def expectation(each: Mapping[str, object]) -> str:
    """An expectation that was not met, in one line."""
    return "  ".join(str(each[key]) for key in ("scenario", "criterion", "subject", "why") if each.get(key))


def _problems(problems: list[dict[str, Any]], *, nothing: bool) -> Iterator[RenderableType]:
    """What was odd about the files, the worst first. Notices are left to `query`, unless they may say why nothing was judged."""
    from rich.text import Text

    order = ("error", "data_loss", "notice", "info") if nothing else ("error", "data_loss", "info")
    told = sorted((each for each in problems if each["severity"] in order), key=lambda each: order.index(each["severity"]))
    if not told:
        return
    yield Text("Files", style="bold yellow")
    for each in told[:10]:
        yield Text(
            f"  {problem(each['path'], each['line'], each['what'], each['done'])}", style="dim" if each["severity"] == "info" else ""
        )
    if len(told) > 10:
        yield Text(f"  and {len(told) - 10:,} more: spanproof query -c 'select * from problems'", style="dim")
    yield Text("")


def _verdicts(seen: View) -> RenderableType:
    """Each family with the verdicts of its criteria."""
    from rich.text import Text

    table = _grid(12, None)
    for family, results in seen.families.items():
        line = Text()
        for result in results:
            sign, style, _ = SIGNS[result.verdict]
            line.append(f"{result.header.id} {sign}  ", style=style)
        table.add_row(family, line)
    table.add_row("", Text("  ".join(f"{sign} {word}" for sign, _, word in SIGNS.values()), style="dim"))
    return table
