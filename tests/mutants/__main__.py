"""Prints the mutants that survive and are not listed: `python -m tests.mutants [ID|SHARED VIEW ...]`; no name: all."""

from __future__ import annotations

import sys

from spanproof.analyzers.cataloguing import catalogue
from tests.mutants.survivors import listed
from tests.mutants.trial import mutants_of, survivors
from tests.mutants.world import World, own_traces, small_traces


def main() -> int:
    """The number of mutants that survive and are not listed, as an exit status of 0 or 1."""
    world = World(small_traces())
    names = sys.argv[1:] or [*catalogue(), *world.scripts]
    left = 0
    for name in names:
        alive = survivors(world, name, World(own_traces(name)) if name in world.criteria else None)
        new, gone = sorted(alive - listed(name).keys()), sorted(listed(name).keys() - alive)
        left += len(new) + len(gone)
        print(f"{name}: {len(mutants_of(world, name))} mutants, {len(alive)} survive, {len(new)} of them not listed", flush=True)
        for mutant in new:
            print(f"    {mutant}")
        for mutant in gone:
            print(f"    listed, and killed or gone: {mutant}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
