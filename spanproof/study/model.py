"""What a study asks (questions and their claims), and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Holding = Literal["yes", "no", "varies", "not decided"]
"""Whether a claim held: in all runs, in none of them, in some, or there is nothing that decides it."""

Word = Literal["yes", "no", "yes, but", "not decided"]

Kind = Literal["hypothesis", "failure mode", "success criterion", "limitation", "statement"]
"""Lists of the research summary: section 4, 2.2, 5, 3.2, and what 3.1 and 7 say of the library."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement in the library's source that explains a finding.

    Attributes:
        module: its file, below the library's own folder, for example `pipeline/dag.py`.
        function: qualified name of the function that it stands in.
        text: the beginning of the line, without its indentation.
        says: what it does to the program, in one sentence.
        after: where `text` stands several times: the first one below a line that begins like this is meant.
    """

    module: str
    function: str
    text: str
    says: str
    after: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that must be true for a question to be answered with yes, and the traces that decide it.

    Attributes:
        says: the claim, in one sentence.
        where: `family/scenario/variant` names; the traces of those runs decide.
        criteria: criteria that judge it; each row that they give there must be true.
        fact: name of a query of `facts` that judges it instead of criteria.
        subjects: judge only these subjects; empty: all of those traces.
        clock: `real` for a claim about time; else both clocks count.
        core: the hypothesis that has it is wrong without it. Otherwise it only adds a `but`.
        own: it is about what a stage does wrong by itself: no other question rests on it.
        cause: statements of the library that explain why it does not hold.
        hit: who is hit when it does not hold, and how badly.
        advice: what to do about it.
        shown_by: `family/scenario/variant` in which that advice is followed; its trace must be clean of what the claim is about.
    """

    says: str
    where: tuple[str, ...]
    criteria: tuple[str, ...] = ()
    fact: str = ""
    subjects: tuple[str, ...] = ()
    clock: Literal["any", "real"] = "any"
    core: bool = True
    own: bool = False
    cause: tuple[Statement, ...] = ()
    hit: str = ""
    advice: str = ""
    shown_by: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What the research summary asks or says; without claims it cannot be decided.

    Attributes:
        id: `H1`, or for what the summary does not number a letter for its list and a number.
        says: its words in the summary.
        claims: what must be true for it to be true.
        kind: the list of the summary that it stands in.
    """

    id: str
    says: str
    claims: tuple[Claim, ...] = ()
    kind: Kind = "hypothesis"


@dataclass(frozen=True, slots=True)
class Row:
    """What a criterion, or a fact, says of one subject in one trace file.

    Attributes:
        file: name of the trace file.
        run: `family/scenario/variant`.
        clock: clock of the subject: monotonic or virtual.
        criterion: id of the criterion, or name of the fact.
        severity: the criterion's; empty for a fact.
        ok: None: it cannot be decided, and `note` says why.
        measured: what was measured, in `unit`.
        bound: what it is measured against, in `unit`.
    """

    file: str
    run: str
    clock: str
    criterion: str
    severity: str
    trace_id: str
    span_id: str
    subject: str
    ok: bool | None
    measured: float | None
    bound: float | None
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement stands in the installed library; `line` None: it is not in this version."""

    statement: Statement
    file: str
    line: int | None
    library: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with what the traces say of it.

    Attributes:
        claim: the claim.
        holds: whether it held.
        runs: trace files that had something to say.
        against: those of them in which it did not hold.
        evidence: the most telling rows: what went wrong, or how close it came.
        reason: why it is not decided; empty otherwise.
        places: where the explaining statements stand; empty when it held.
        advice_holds: the advice was followed in a run, and its trace was clean. None: nobody tried.
    """

    claim: Claim
    holds: Holding
    runs: int = 0
    against: int = 0
    evidence: tuple[Row, ...] = ()
    reason: str = ""
    places: tuple[Place, ...] = ()
    advice_holds: bool | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question. `because` says why, in one sentence, from what was seen."""

    question: Question
    word: Word
    because: str
    claims: tuple[Judged, ...] = field(default=())
