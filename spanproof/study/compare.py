"""What is different between two studies: of two versions of the library, of two Pythons, or of one on two days."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Told = tuple[str, str]
"""A run (`scenario/variant`) and a finding in it, as `P04 stage stock`."""


@dataclass(slots=True)
class Comparison:
    """Two studies side by side; each entry is a sentence.

    Attributes:
        surroundings: what they were made with, where that differs.
        answers: questions with another answer, and what was asked in one of them alone.
        claims: claims that hold in one and not in the other.
        findings: what was found in one alone, or in another share of the runs.
        runs: what ran in one alone.
    """

    surroundings: list[str] = field(default_factory=list[str])
    answers: list[str] = field(default_factory=list[str])
    claims: list[str] = field(default_factory=list[str])
    findings: list[str] = field(default_factory=list[str])
    runs: list[str] = field(default_factory=list[str])

    @property
    def same(self) -> bool:
        """They say the same."""
        return not (self.answers or self.claims or self.findings or self.runs)


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Comparison:
    """Compare what two studies have written into `findings.json` (see `verify.read`)."""
    return Comparison(
        list(_surroundings(old["study"], new["study"])),
        list(_answers(old, new)),
        list(_claims(old, new)),
        list(_findings(old["study"], new["study"])),
        list(_runs(old["study"], new["study"])),
    )


def _surroundings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in ("library", "python", "spanproof", "machine", "repeat"):
        if old[name] != new[name]:
            yield f"{name}: {old[name]}, then {new[name]}"


def _answers(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before = {each["id"]: each for each in old["answers"]}
    now = {each["id"]: each for each in new["answers"]}
    for id_ in dict.fromkeys([*before, *now]):
        if id_ not in now:
            yield f"{id_} {before[id_]['question']}: {before[id_]['answer']}, then not asked"
        elif id_ not in before:
            yield f"{id_} {now[id_]['question']}: not asked, then {now[id_]['answer']}"
        elif before[id_]["answer"] != now[id_]["answer"]:
            yield f"{id_} {now[id_]['question']}: {before[id_]['answer']}, then {now[id_]['answer']}, because {now[id_]['because']}"


def _claims(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """A claim that several answers rest on is told once."""
    before, now = _holding(old), _holding(new)
    for says in before.keys() & now.keys():
        if before[says]["holds"] != now[says]["holds"]:
            yield f"{says} {_held(before[says])}, then {_held(now[says])}"


def _holding(study: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {claim["says"]: claim for answer in study["answers"] for claim in answer["claims"]}


def _held(claim: Mapping[str, Any]) -> str:
    share = f" ({claim['traces_against']} of {claim['traces']} traces against it)" if claim["traces_against"] else ""
    words = {"yes": "held", "no": "did not hold", "varies": "varied", "not decided": "was not decided"}
    return f"{words[claim['holds']]}{share}"


def _findings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """A finding's share of the runs of its variant, over both clocks; of runs that both studies have."""
    ran_before, ran_now = _ran(old), _ran(new)
    before, now = _found(old), _found(new)
    for run, told in sorted({*before, *now}):
        if run not in ran_before or run not in ran_now:
            continue
        was, is_ = before[run, told], now[run, told]
        # What is found in every run of one and in every run of the other is no change, however many there were.
        if was * ran_now[run] != is_ * ran_before[run]:
            yield f"{run}: {told}: {was} of {ran_before[run]} runs, then {is_} of {ran_now[run]}"


def _found(study: Mapping[str, Any]) -> Counter[Told]:
    return Counter((f"{run['scenario']}/{run['variant']}", told) for run in study["runs"] for told in set(run["findings"]))


def _ran(study: Mapping[str, Any]) -> Counter[str]:
    return Counter(f"{run['scenario']}/{run['variant']}" for run in study["runs"] if run["status"] == "ran")


def _runs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, now = _ran(old), _ran(new)
    for run in sorted(before.keys() ^ now.keys()):
        yield f"{run}: ran in the {'old' if run in before else 'new'} one only"
