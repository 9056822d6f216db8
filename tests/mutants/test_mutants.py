"""Mutation testing of the criteria: a fault in a query is told from the original by some small trace, or it is listed with the reason."""

from __future__ import annotations

import pytest

from spanproof.analyzers.cataloguing import SHARED, catalogue
from tests.mutants.mutate import mutants
from tests.mutants.survivors import FOLDER, listed
from tests.mutants.trial import survivors
from tests.mutants.world import World, own_traces, small_traces

LOOKED_AT = (
    "C01", "C02", "C03", "C04", "C08", "D01", "D02", "D04", "D05", "D07", "D08", "L01", "L02", "L03", "L04", "O01", "O02", "P01", "P02",
    "P03", "P04", "P05", "P06", "R03", "R05", "R09", "T01", "T02", "T03",
)  # fmt: skip
"""Queries whose survivors were all looked at. Of the others `python -m tests.mutants` tells them."""


@pytest.fixture(scope="module")
def world() -> World:
    """The database, once for all."""
    return World(small_traces())


# On the newest Python alone: queries and database are the same on every one.
@pytest.mark.python(">=3.13")
@pytest.mark.slow
@pytest.mark.parametrize("name", LOOKED_AT)
def test_no_mutant_survives_that_is_not_listed(world: World, name: str) -> None:
    """And none is listed that is killed, so that the list never says more than is true."""
    assert survivors(world, name, World(own_traces(name))) == listed(name).keys()


def test_only_what_is_there_is_listed() -> None:
    names = {*catalogue(), *(path.stem for path in SHARED.glob("*.sql"))}
    assert {path.stem for path in FOLDER.glob("*.toml")} <= names


def test_the_faults() -> None:
    sql = """
        with a as (select x, min(y) as y from t where x > 1 and y is not null group by x)
        select a.x, case when a.x = 2 then 1 when u.z or a.y then 2 end, coalesce(u.z, a.y + 1)
        from a left join u on u.x = a.x
    """
    assert {mutant.name for mutant in mutants(sql)} == {
        "a: exchange `MIN(y)`",
        "a: flip `x > 1`",
        "a: drop `x > 1`",
        "a: drop `NOT y IS NULL`",
        "result: leave out when `a.x = 2`",
        "result: leave out when `u.z OR a.y`",
        "result: flip `a.x = 2`",
        "result: drop `a.x = 2`",
        "result: drop `u.z`",
        "result: drop `a.y`",
        "result: no default `COALESCE(u.z, a.y + 1)`",
        "result: exchange `a.y + 1`",
        "result: inner join `u`",
        "result: flip `u.x = a.x`",
        "result: drop `u.x = a.x`",
    }
