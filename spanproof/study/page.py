"""`report.html`: the study as one page that needs nothing else, from the same result as `report.md` and `findings.json`.

A summary first, then the lists of the research summary with their answers, then each claim that does not hold with its evidence and a
picture of the trace, then everything that was observed, and last the surroundings.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Final

from ..analyzers.picture import LEGEND
from . import text, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .model import Answer, Claim, Judged, Kind
    from .result import StudyResult

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #d1242f; --open: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #ff7b72; --open: #d29922; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
code { font-size: .9em; overflow-wrap: anywhere; }
.yes { color: var(--good); } .no { color: var(--bad); } .open { color: var(--open); }

.word { font-weight: 700; white-space: nowrap; } .figure { overflow-x: auto; }
.note { opacity: .75; font-size: .9rem; } nav a { margin-right: 1rem; }
@media print { nav { display: none; } h2 { break-after: avoid; } .claim { break-inside: avoid; } }
"""

_CLASSES: Final = {"yes": "yes", "no": "no", "yes, but": "open", "not decided": "open", "varies": "no"}


def page(result: StudyResult) -> str:
    """The whole page. Everything that comes from a trace is escaped."""
    title = f"Timeouts and cancellation in {result.surroundings.library}"
    body = "\n".join(_body(result, title))
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _body(result: StudyResult, title: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    if result.interrupted:
        done = f"interrupted after {len(result.runs)} of {result.planned} runs"
        yield f"<p class='no'><b>Partial</b>: {done}. What is missing is not decided.</p>"
    yield f"<p>{escape(text.heading(result))}; begun {escape(result.surroundings.began)}.</p>"
    groups = list(text.by_kind(result.answers))
    first = _first_told(result.answers)
    yield from _summary(result, first)
    yield "<nav>" + "".join(f"<a href='#{_anchor(kind)}'>{escape(text.PLURALS[kind].partition(' (')[0])}</a>" for kind, _ in groups)
    yield "<a href='#evidence'>Evidence</a><a href='#observed'>Observed</a><a href='#audit'>Audit</a></nav>"
    for kind, answers in groups:
        yield from _list(kind, answers, first)
    yield from _evidence(result, first)
    yield from _observed(result)
    yield from _appendix(result)


def _summary(result: StudyResult, first: Mapping[Claim, tuple[Answer, int]]) -> Iterator[str]:
    """What one reads in a minute: how many answers of each kind, and what does not hold, with who is hit and what to do."""
    yield "<h2 id='summary'>In short</h2>"
    counts = {word: sum(each.word == word for each in result.answers) for word in ("yes", "yes, but", "no", "not decided")}
    told = ", ".join(f"<span class='{_CLASSES[word]}'>{word}: {count}</span>" for word, count in counts.items() if count)
    happened = f"{len(result.audit):,} timeouts and cancellations happened, and are in <a href='audit.jsonl'>audit.jsonl</a>"
    yield f"<p>Of {len(result.answers)} questions: {told}. {happened}.</p>"
    hypotheses = [each for each in result.answers if each.question.kind == "hypothesis" and each.word in ("no", "yes, but")]
    if hypotheses:
        yield "<ul>"
        for answer in hypotheses:
            broken = [judged for judged in answer.claims if judged.holds in ("no", "varies")]
            for judged in broken[:3]:
                yield (
                    f"<li><a href='#{_number(judged.claim, first)}'>{escape(judged.claim.says.rstrip('.'))}</a>: "
                    f"<b class='no'>{'varies' if judged.holds == 'varies' else 'no'}</b>. {_rich(judged.claim.hit)}</li>"
                )
        yield "</ul>"
    for line in text.conclusion(result):
        yield f"<p><b>{escape(line)}</b></p>"


def _list(kind: Kind, answers: list[Answer], first: Mapping[Claim, tuple[Answer, int]]) -> Iterator[str]:
    yield f"<h2 id='{_anchor(kind)}'>{escape(text.PLURALS[kind])}</h2>"
    yield f"<table><thead><tr><th></th><th>{escape(kind)}</th><th>answer</th><th>because</th></tr></thead><tbody>"
    for answer in answers:
        links = ", ".join(f"<a href='#{_number(judged.claim, first)}'>{_number(judged.claim, first)}</a>" for judged in answer.claims)
        claims = f"<br><span class='note'>claims: {links}</span>" if links else ""
        yield (
            f"<tr><td>{answer.question.id}</td><td>{escape(answer.question.says)}</td>"
            f"<td class='word {_CLASSES[answer.word]}'>{answer.word}</td><td>{_rich(answer.because)}{claims}</td></tr>"
        )
    yield "</tbody></table>"


def _evidence(result: StudyResult, first: Mapping[Claim, tuple[Answer, int]]) -> Iterator[str]:
    """Every claim once; a picture for those that do not hold."""
    yield "<h2 id='evidence'>Evidence</h2>"
    yield f"<p class='note'>{escape(LEGEND)}</p>"
    pictured: set[str] = set()
    for answer in result.answers:
        own = [judged for judged in answer.claims if first[judged.claim][0] is answer]
        if own:
            yield f"<h3>{answer.question.id}: {escape(answer.question.says)}</h3>"
        for judged in own:
            yield from _claim(result, judged, _number(judged.claim, first), pictured)


def _claim(result: StudyResult, judged: Judged, number: str, pictured: set[str]) -> Iterator[str]:
    failed = judged.holds in ("no", "varies")
    yield f"<div class='claim' id='{number}'>"
    yield f"<h4>{number}: {_rich(judged.claim.says)} <span class='{_CLASSES[judged.holds]}'>{text.MARKS[judged.holds].lower()}</span></h4>"
    runs = ", ".join(f"<code>{escape(each)}</code>" for each in judged.claim.where)
    yield f"<p>{escape(words.seen_in(judged).capitalize())} of {runs}.</p>"
    if judged.evidence:
        yield "<table><thead><tr><th>evidence</th><th>figure</th><th>clock</th><th>trace</th><th>span</th></tr></thead><tbody>"
        for row in judged.evidence:
            clock = words.CLOCKS.get(row.clock, row.clock)
            yield (
                f"<tr><td>{escape(f'{row.criterion} {row.subject}')}</td><td>{escape(words.figure(row))}</td><td>{escape(clock)}</td>"
                f"<td><a href='{escape(row.file, quote=True)}'>{escape(row.file)}</a></td><td><code>{row.span_id}</code></td></tr>"
            )
        yield "</tbody></table>"
    shown = judged.evidence[0].file if failed and judged.evidence else ""
    if shown in result.pictures and shown not in pictured:
        pictured.add(shown)
        yield f"<div class='figure'>{result.pictures[shown]}</div>"
    lines = [f"Why: {words.place(found)}" for found in judged.places]
    if failed:
        lines += [
            f"Who is hit: {judged.claim.hit}",
            f"What to do: {words.advice(judged)}",
            f"See it: spanproof run {judged.claim.where[0]} --clock real",
        ]
    if lines:
        yield "<ul>" + "".join(f"<li>{_rich(line)}</li>" for line in lines) + "</ul>"
    yield "</div>"


def _observed(result: StudyResult) -> Iterator[str]:
    yield "<h2 id='observed'>What was observed</h2>"
    yield "<p class='note'>Times are milliseconds since the outermost run began, in brackets those after the deadline.</p>"
    for scenario in result.scenarios:
        runs = [run for run in result.runs if run.result.job.scenario == scenario.name]
        if not runs:
            continue
        yield f"<h3>{escape(scenario.name)}: {escape(scenario.title)}</h3><p>Must be true: {escape(scenario.must)}</p>"
        yield "<table><thead><tr><th>variant</th><th>clock</th><th>observed</th><th>found</th></tr></thead><tbody>"
        for run in runs:
            job = run.result.job
            kind = " (control)" if scenario.variants[job.variant].control else ""
            told = "; ".join(run.observed) if run.result.status == "ran" else f"{run.result.status}: {run.result.error}"
            found = ", ".join(f"{each} (unexpected)" if each in run.news else each for each in run.found) or "nothing"
            name = f"<a href='{escape(run.file, quote=True)}'>{escape(job.variant)}</a>" if run.file else escape(job.variant)
            yield f"<tr><td>{name}{kind}</td><td>{job.clock}</td><td>{escape(told)}</td><td>{escape(found)}</td></tr>"
        yield "</tbody></table>"


def _appendix(result: StudyResult) -> Iterator[str]:
    around = result.surroundings
    yield "<h2 id='audit'>For the record</h2>"
    yield (
        f"<p>{len(result.audit):,} timeouts and cancellations, one a line in <a href='audit.jsonl'>audit.jsonl</a>; all findings and "
        "figures in <a href='findings.json'>findings.json</a>; this page as text in <a href='report.md'>report.md</a>.</p>"
    )
    times = f"{result.repeat} repetition{'s' if result.repeat > 1 else ''}"
    yield (
        f"<p>Spanproof {escape(around.version)}, {escape(around.library)}, {escape(around.python)}, {escape(around.machine)}; "
        f"seed {result.seed}, {times}.</p><p>Judge these traces again: <code>spanproof verify .</code></p>"
    )


def _first_told(answers: tuple[Answer, ...]) -> dict[Claim, tuple[Answer, int]]:
    """The first answer that has each claim, and its place there: there it is told."""
    first: dict[Claim, tuple[Answer, int]] = {}
    for answer in answers:
        for place, judged in enumerate(answer.claims, 1):
            first.setdefault(judged.claim, (answer, place))
    return first


def _number(claim: Claim, first: Mapping[Claim, tuple[Answer, int]]) -> str:
    answer, place = first[claim]
    return f"{answer.question.id}.{place}"


def _rich(told: str) -> str:
    """Escaped, with `code` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(told))


def _anchor(kind: Kind) -> str:
    return kind.replace(" ", "-")
