"""From rows to answers: what counts as yes, no, yes but, and when nothing may be said."""

from __future__ import annotations

import pytest

from spanproof.study.answer import answer
from spanproof.study.model import Answer, Claim, Place, Question, Row, Statement

CAUSE = Statement("pipeline/dag.py", "Graph.run", "raise", "raises")
CORE = Claim("Siblings stop.", where=("f/s/timeout",), criteria=("P04",), cause=(CAUSE,), advice="Do it.", shown_by="f/s/workaround")
SIDE = Claim("Errors are named.", where=("f/s/error",), criteria=("D02",), core=False)
TIMED = Claim("In time.", where=("f/s/timeout",), criteria=("D01",), clock="real")


def row(
    run: str, criterion: str, ok: bool | None, *, file: str = "1.json", clock: str = "virtual", measured: float = 200e6, note: str = ""
) -> Row:
    return Row(file, run, clock, criterion, "error", "t" * 32, "5" * 16, "stage b", ok, measured, 10e6, "ns", note)


def ask(*rows: Row, claims: tuple[Claim, ...] = (CORE, SIDE), ran: set[str] | None = None, served: tuple[str, ...] = ("H2",)) -> Answer:
    everything = {f"f/s/{variant}@{clock}" for variant in ("timeout", "error", "workaround") for clock in ("virtual", "real")}
    return answer(
        Question("H2", "Does it?", claims),
        rows,
        everything if ran is None else ran,
        served,
        lambda statement: Place(statement, "x.py", 7, "lib 1"),
    )


GOOD_CORE = row("f/s/timeout", "P04", ok=True, measured=0.0)
BAD_CORE = row("f/s/timeout", "P04", ok=False)
GOOD_SIDE = row("f/s/error", "D02", ok=True)
BAD_SIDE = row("f/s/error", "D02", ok=False, measured=100e6)


def test_yes_when_every_claim_held() -> None:
    told = ask(GOOD_CORE, GOOD_SIDE)

    assert (told.word, told.because) == ("yes", "all 2 claims held in all of 2 traces")


def test_no_when_a_core_claim_did_not_hold_and_the_sentence_has_the_worst_figure() -> None:
    told = ask(BAD_CORE, row("f/s/timeout", "P04", ok=False, file="2.json", measured=300e6), GOOD_SIDE)

    assert (told.word, told.because) == ("no", "does not hold: Siblings stop (2 of 2 traces; stage b: 300.0 ms)")
    assert [each.measured for each in told.claims[0].evidence] == [300e6, 200e6]


def test_in_another_list_than_the_hypotheses_each_claim_counts() -> None:
    told = answer(
        Question("F1", "Names", (SIDE,), "failure mode"),
        [BAD_SIDE],
        ["f/s/error@virtual"],
        (),
        lambda each: Place(each, "x.py", 7, "lib 1"),
    )

    assert told.word == "no"


def test_yes_but_when_only_a_side_claim_did_not_hold() -> None:
    told = ask(GOOD_CORE, BAD_SIDE)

    assert (told.word, told.because) == ("yes, but", "does not hold: Errors are named (1 of 1 traces; stage b: 100.0 ms)")


@pytest.mark.parametrize(
    ("rows", "ran", "because"),
    [
        ((GOOD_SIDE,), None, "P04 found nothing to judge in f/s/timeout"),
        ((GOOD_SIDE,), {"f/s/error@virtual"}, "f/s/timeout did not run"),
        (
            (row("f/s/timeout", "P04", ok=None, note="the trace is cut"), GOOD_SIDE),
            None,
            "P04 is UNKNOWN for stage b in f/s/timeout: the trace is cut",
        ),
    ],
    ids=["no subject", "not run", "unknown"],
)
def test_silence_is_not_success(rows: tuple[Row, ...], ran: set[str] | None, because: str) -> None:
    told = ask(*rows, ran=ran)

    assert (told.word, told.because) == ("not decided", because)


def test_what_is_certain_is_told_even_when_something_else_is_open() -> None:
    assert ask(BAD_CORE).word == "no"


def test_an_open_side_claim_takes_the_certainty_from_a_yes() -> None:
    told = ask(GOOD_CORE)

    assert (told.word, told.because) == ("yes, but", "one claim is not decided: D02 found nothing to judge in f/s/error")


def test_a_claim_about_time_is_not_decided_by_the_virtual_clock() -> None:
    told = ask(row("f/s/timeout", "D01", ok=True), claims=(TIMED,), ran={"f/s/timeout@virtual"})

    assert (told.word, told.because) == ("not decided", "f/s/timeout did not run on the real clock")
    assert ask(row("f/s/timeout", "D01", ok=True, clock="monotonic"), claims=(TIMED,)).word == "yes"


def test_runs_of_one_variant_that_differ_are_reported_as_varying() -> None:
    told = ask(BAD_CORE, row("f/s/timeout", "P04", ok=True, file="2.json"), GOOD_SIDE)

    assert told.word == "no"
    assert told.claims[0].holds == "varies"
    assert told.because == "varies: Siblings stop (1 of 2 traces; stage b: 200.0 ms)"


def test_two_variants_that_differ_do_not_vary() -> None:
    both = Claim("Siblings stop.", where=("f/s/timeout", "f/s/error"), criteria=("P04",))
    told = ask(BAD_CORE, row("f/s/error", "P04", ok=True, file="2.json"), claims=(both,))

    assert told.claims[0].holds == "no"


def test_only_what_is_asked_for_counts() -> None:
    narrow = Claim("It stops.", where=("f/s/timeout",), criteria=("P04",), subjects=("stage c",))

    assert ask(BAD_CORE, claims=(narrow,)).because == "P04 found nothing to judge in f/s/timeout"


def test_the_cause_and_the_advice_are_told_only_when_a_claim_did_not_hold() -> None:
    assert ask(GOOD_CORE, GOOD_SIDE).claims[0].places == ()
    bad = ask(BAD_CORE, GOOD_SIDE).claims[0]
    assert [place.line for place in bad.places] == [7]
    assert bad.advice_holds is True


def test_advice_whose_run_has_a_violation_is_not_said_to_work() -> None:
    assert ask(BAD_CORE, row("f/s/workaround", "P04", ok=False, file="3.json")).claims[0].advice_holds is False


def test_advice_that_was_not_tried_is_only_advice() -> None:
    assert ask(BAD_CORE, ran={"f/s/timeout@virtual"}).claims[0].advice_holds is None


@pytest.mark.parametrize(
    ("served", "because"),
    [((), "no scenario of this build serves it"), (("H2",), "its scenarios run, but no claim of this build judges them")],
)
def test_a_hypothesis_without_claims_is_not_decided(served: tuple[str, ...], because: str) -> None:
    told = ask(claims=(), served=served)

    assert (told.word, told.because) == ("not decided", because)
