"""Explains a finding in two steps: facts and names first (`Explanation`, data), then words for a terminal.

The form of every explanation is the same: let A and B be these units; then this should have happened, because of this rule; but that did.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final

from .because import because, stretch
from .story import OUTCOMES, place, told
from .words import duration, unit_name

if TYPE_CHECKING:
    from .finding import Evidence, Finding
    from .header import Header

FAULTS: Final = {
    "library": "the library's",
    "code": "the program's own code",
    "interpreter": "a known difference between versions of Python",
    "caller": "the caller's",
    None: "not known",
}
WIDTH: Final = 110


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the story: `at_ns` since its beginning."""

    at_ns: int
    text: str


@dataclass(slots=True)
class Explanation:
    """A finding, taken apart.

    Attributes:
        title: criterion and severity.
        let: the units by letter, with what they are and how they ended.
        story: what was recorded of them, in order.
        then: the rule that was broken.
        because: what put the subject under the rule, by whom, where and when; where the facts do not tell: why the rule matters.
        ran: the stretch that it went on, and for how long; None: it is not a matter of time.
        but: what happened instead.
        fault: whose fault it is, in words.
        fix: what to do.
        also: ids of what follows from it.
    """

    title: str
    let: list[tuple[str, str]]
    story: list[Fact]
    then: str
    because: str
    but: str
    fault: str
    fix: str
    ran: str | None = None
    also: list[str] = field(default_factory=list[str])
    implied_by: str | None = None


def explain(finding: Finding, header: Header) -> Explanation:
    """Take a finding apart. Times count from the first fact about its units."""
    letters: dict[str, str] = {}
    names: dict[str, str] = {}
    if finding.cause_span_id is not None and finding.cause_span_id != finding.span_id and finding.cause is not None:
        letters[finding.cause_span_id], names[finding.cause_span_id] = "A", finding.cause
    if finding.span_id is not None:
        letters[finding.span_id] = "B" if letters else "A"
        names[finding.span_id] = finding.holder
    begin = min((item.time_ns for item in finding.evidence), default=0)
    let = [(letter, _who(span_id, names[span_id], finding.evidence, begin)) for span_id, letter in letters.items()]
    story = [Fact(item.time_ns - begin, told(item, letters)) for item in finding.evidence]
    return Explanation(
        title=f"{finding.criterion} {finding.name}: {finding.severity}" + ("" if finding.state == "new" else f", {finding.state}"),
        let=let,
        story=story,
        then=header.texts["rule"],
        because=because(finding, letters, begin) or header.texts["why"],
        ran=_ran(finding, begin),
        but=finding.message + (f" ({finding.note})" if finding.note and "{note}" not in header.texts["message"] else ""),
        fault=FAULTS[finding.fault],
        fix=finding.fix,
        also=finding.also,
        implied_by=finding.implied_by,
    )


def text(explanation: Explanation, width: int = WIDTH) -> str:
    """The explanation for a terminal, without colours, at most `width` columns where words allow."""
    lines = [explanation.title]
    lines += _wrapped("Let", [f"{letter} = {what}" for letter, what in explanation.let], width)
    places = [duration(fact.at_ns) for fact in explanation.story]
    column = max((len(place) for place in places), default=0)
    lines += [f"           {place:>{column}}  {fact.text}" for place, fact in zip(places, explanation.story, strict=True)]
    for name, content in _rest(explanation):
        lines += _wrapped(name, [content], width)
    return "\n".join(lines)


def html(explanation: Explanation) -> str:
    """The explanation as a piece of HTML, without a style of its own but for margins. Everything from the trace is escaped."""
    let = "".join(f"<li><b>{escape(letter)}</b> = {escape(what)}</li>" for letter, what in explanation.let)
    story = "".join(
        f"<tr><td style='text-align:right;white-space:nowrap;opacity:.7'>{escape(duration(fact.at_ns))}</td>"
        f"<td style='text-align:left'>{escape(fact.text)}</td></tr>"
        for fact in explanation.story
    )
    rest = "".join(f"<p style='margin:.3em 0'><b>{name}:</b> {escape(content)}</p>" for name, content in _rest(explanation))
    return f"<p style='margin:.3em 0'><b>Let</b></p><ul style='margin:.3em 0'>{let}</ul><table><tbody>{story}</tbody></table>{rest}"


def markdown(explanation: Explanation) -> str:
    """The explanation as Markdown. What means something in Markdown is escaped."""
    lines = ["Let", "", *(f"- **{letter}** = {_plain(what)}" for letter, what in explanation.let), ""]
    if explanation.story:
        lines += ["| when | what |", "| ---: | --- |"]
        lines += [f"| {duration(fact.at_ns)} | {_plain(fact.text)} |" for fact in explanation.story]
        lines += [""]
    lines += [f"- **{name}:** {_plain(content)}" for name, content in _rest(explanation)]
    return "\n".join(lines) + "\n"


def _rest(explanation: Explanation) -> list[tuple[str, str]]:
    """What follows the story, with its heading."""
    found = [("Then", explanation.then), ("Because", explanation.because), ("But", explanation.but)]
    if explanation.ran:
        found.append(("Ran on", explanation.ran))
    found += [("Fault", explanation.fault), ("Fix", explanation.fix)]
    if explanation.also:
        found.append(("Also", f"{', '.join(explanation.also)} follow{'s' if len(explanation.also) == 1 else ''} from it"))
    if explanation.implied_by:
        found.append(("From", f"finding {explanation.implied_by}"))
    return found


def _plain(content: str) -> str:
    return "".join(f"\\{sign}" if sign in "\\`*_<>|[]#" else sign for sign in " ".join(content.split()))


def about(header: Header, width: int = WIDTH) -> str:
    """The documentation of a criterion for a terminal: `spanproof explain P02`."""
    texts = header.texts
    lines = [f"{header.id} {header.name} ({header.severity})", ""]
    lines += _wrapped("Says", [texts["says"]], width)
    lines += _wrapped("Why", [texts["why"]], width)
    lines += _wrapped("Fix", [texts["fix"]], width)
    for label in ("bad", "good"):
        lines += ["", f"  {label.capitalize()}:", *(f"      {line}" for line in texts[label].splitlines())]
    lines += ["", *_wrapped("Certain", [f"given that {texts['certain given']}"], width)]
    lines += _wrapped("Blind", [f"to {texts['cannot see']}"], width)
    lines += _wrapped("Unknown", [texts["unknown when"]], width)
    lines += _wrapped("Fault", [texts["fault"]], width)
    for parameter in header.parameters.values():
        lines += _wrapped("Set", [f"{header.id}.{parameter.name} = {parameter.default} ({parameter.unit}): {parameter.reason}"], width)
    return "\n".join(lines)


def _wrapped(label: str, texts: list[str], width: int) -> list[str]:
    lines: list[str] = []
    for number, content in enumerate(texts):
        head = f"  {label + ':':<9}" if number == 0 else " " * 11
        lines += textwrap.wrap(
            content, max(width, 40), initial_indent=head, subsequent_indent=" " * 11, break_long_words=False, break_on_hyphens=False
        )
    return lines


def _ran(finding: Finding, begin: int) -> str | None:
    """`from 100 ms to 1 s, for 900 ms, at flow.py:9`."""
    known = stretch(finding)
    if known is None:
        return None
    where = f", at {place(finding.code)}" if finding.code is not None else ""
    still = "; no end of it was recorded" if known.still_open else ""
    first, last = duration(known.from_ns - begin), duration(known.until_ns - begin)
    return f"from {first} to {last}, for {duration(known.until_ns - known.from_ns)}{where}{still}"


def _short(span_id: str) -> str:
    """An id that counts is told as its number; a random one in full, also when it begins with 0, so that it can be searched for."""
    number = span_id.lstrip("0")
    return span_id if len(number) > len(span_id) // 2 else number or "0"


def _who(span_id: str, name: str, evidence: list[Evidence], begin: int) -> str:
    """`stage 'b' (span 3, flow.py:9), completed after 400 ms`."""
    own = [item for item in evidence if item.span_id == span_id]
    start = next((item for item in own if item.event == "start"), None)
    end = next((item for item in reversed(own) if item.event in ("end", "open")), None)
    where = f", {place(start.code)}" if start is not None and start.code is not None else ""
    text_ = f"{unit_name(name)} (span {_short(span_id)}{where})"
    if end is None or start is None:
        return text_
    at, age = end.time_ns - begin, end.time_ns - start.time_ns
    since = "" if at == age else f", {duration(age)} after its start"
    how = "still running" if end.event == "open" else OUTCOMES.get(end.detail or "", end.detail)
    return f"{text_}, {how} at {duration(at)}{since}"
