"""Tries the mutants of one criterion, or of one shared view, on small traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.mutants.mutate import mutants

if TYPE_CHECKING:
    from tests.mutants.mutate import Mutant
    from tests.mutants.world import Said, World


def mutants_of(world: World, name: str) -> list[Mutant]:
    """The mutants of the criterion or of the shared view called `name`."""
    return list(mutants(world.scripts[name] if name in world.scripts else world.criteria[name].sql))


def survivors(world: World, name: str, near: World | None = None) -> set[str]:
    """Names of the mutants of which every criterion says what it says of the original.

    Those that some trace of `near` tells apart are not tried on `world`: a few traces that belong together take a fraction of the time.
    """
    alive = [mutant for mutant in mutants_of(world, name) if near is None or not differences(near, name, mutant)]
    return {mutant.name for mutant in alive if not differences(world, name, mutant)}


def differences(world: World, name: str, mutant: Mutant) -> Said:
    """Rows that a criterion has with the mutant in the original's place and not without it, or the other way round.

    Of a view's mutant those of the first criterion that differs.
    """
    if name not in world.scripts:
        return world.ask(world.criteria[name], mutant.sql) ^ world.said[name]
    original = world.said
    try:
        if not world.share({name: mutant.sql}):
            return frozenset({("cannot be made",)})
        for id_, criterion in world.criteria.items():
            if found := world.ask(criterion, criterion.sql) ^ original[id_]:
                return found
        return frozenset()
    finally:
        world.share()
