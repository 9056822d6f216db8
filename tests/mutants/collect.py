"""Looks for random recordings that tell mutants from the originals which no case does, and keeps few of them.

    python -m tests.mutants.collect [EXAMPLES]

What the criteria say of the recordings that are kept is compared with the oracle in `tests/oracle`: a mutant that says something else
of one of them contradicts the oracle.
"""

from __future__ import annotations

import sys
from collections import defaultdict

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.criteria.cases import all_cases, stories
from tests.mutants.kept import FILE
from tests.mutants.trial import differences, mutants_of, survivors
from tests.mutants.world import World
from tests.oracle.trees import recordings

NAMES = ("P02", "P03", "P04", "P05", "1_settled", "2_asks", "3_hosts", "4_touches", "5_owners")
"""What the oracle knows."""

HEAD = "# Made by `python -m tests.mutants.collect`: random recordings, each of which tells a mutant from its original that no case does.\n"


def examples(count: int) -> list[str]:
    """Random recordings, always the same."""
    lines: list[str] = []

    @seed(1)
    @settings(max_examples=count, phases=[Phase.generate], database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(recordings())
    def note(line: str) -> None:
        lines.append(line)

    note()
    return sorted(set(lines), key=len)


def main() -> None:
    """Write the file anew: the shortest lines that together tell as many mutants apart as all of them."""
    lines = examples(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
    cases = World([*(case.trace for case in all_cases()), *stories().values()])
    random = World(lines)
    tellers: dict[int, set[str]] = defaultdict(set)
    for name in NAMES:
        alive = survivors(cases, name)
        for mutant in mutants_of(random, name):
            if mutant.name in alive:
                for row in differences(random, name, mutant):
                    if len(row) > 1 and isinstance(row[0], str) and len(row[0]) == 32:
                        tellers[int(row[0][:16], 16)].add(f"{name} {mutant.name}")
        print(f"{name}: {len(alive)} survive the cases", flush=True)
    chosen: list[int] = []
    told: set[str] = set()
    while best := max(tellers, key=lambda number: (len(tellers[number] - told), -number), default=0):
        if not tellers[best] - told:
            break
        told |= tellers[best]
        chosen.append(best)
    FILE.write_text(HEAD + "".join(f"{lines[number - 1]}\n" for number in sorted(chosen)), encoding="utf-8")
    print(f"{len(chosen)} of {len(lines)} recordings tell {len(told)} more mutants apart")


if __name__ == "__main__":
    main()
