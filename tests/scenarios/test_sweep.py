"""A coroutine is cancelled at every point at which it waits, and what is lost at each is told."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers import check
from spanproof.scenarios import UnknownScenarioError, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = """
import asyncio
import spanproof

async def careful():
    with spanproof.resource("seat"):
        await asyncio.sleep(1)
        await asyncio.sleep(1)

async def careless():
    await asyncio.sleep(1)
    held = spanproof.resource("seat").acquire()
    await asyncio.sleep(1)
    held.release()
    await asyncio.sleep(1)

async def stubborn():
    for _ in range(2):
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            pass

async def crowd():
    async with asyncio.TaskGroup() as group:
        group.create_task(careful())
        group.create_task(asyncio.sleep(3))

async def needs(what): ...
def plain(): ...
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of the user's."""
    (tmp_path / "shop_to_sweep.py").write_text(textwrap.dedent(PROGRAM))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "shop_to_sweep"
    sys.modules.pop("shop_to_sweep", None)


def swept(name: str, folder: Path) -> list[tuple[float, str, tuple[str, ...], list[str]]]:
    """When, how it ended, where it waited, what was found."""
    (target,) = sweep.targets(name)
    cuts = [sweep.cut(target, point, folder) for point in sweep.points(target)]
    report = check([each.trace for each in cuts])
    found: dict[str, list[str]] = {each.trace.name: [] for each in cuts}
    for finding in report.findings:
        if finding.implied_by is None and finding.severity != "info":
            found[str(finding.file).rpartition("/")[2]].append(f"{finding.criterion} {finding.subject}")
    return [(each.point.at_s, each.ended, each.point.waits, found[each.trace.name]) for each in cuts]


def test_each_await_of_a_careful_one_is_a_point_and_nothing_is_lost(shop: str, tmp_path: Path) -> None:
    told = swept(f"{shop}:careful", tmp_path)

    assert {ended for _, ended, _, _ in told} == {"cancelled"}
    assert {at for at, _, _, _ in told} >= {0.0, 1.0}
    assert [found for _, _, _, found in told] == [[]] * len(told)
    assert {wait for _, _, waits, _ in told for wait in waits} >= {"shop_to_sweep.py:7", "shop_to_sweep.py:8"}


def test_what_is_lost_is_lost_at_the_points_between_taking_and_giving_back(shop: str, tmp_path: Path) -> None:
    told = swept(f"{shop}:careless", tmp_path)

    lost = {at for at, _, _, found in told if found == ["C01 task careless seat"]}
    # At 2 s its timer has run, and it has not gone on yet.
    assert lost == {1.0, 2.0}
    assert {at for at, _, _, found in told if not found} == {0.0, 1.0, 2.0, 3.0}


def test_who_swallows_it_is_found(shop: str, tmp_path: Path) -> None:
    told = swept(f"{shop}:stubborn", tmp_path)

    assert "completed" in {ended for _, ended, _, _ in told}
    assert any("P08 task stubborn" in found for _, _, _, found in told)


def test_tasks_below_it_have_points_too(shop: str, tmp_path: Path) -> None:
    told = swept(f"{shop}:crowd", tmp_path)

    assert {at for at, _, _, _ in told} >= {0.0, 1.0, 2.0}
    assert [found for _, _, _, found in told] == [[]] * len(told)


def test_a_scenario_is_swept_variant_by_variant(tmp_path: Path) -> None:
    names = [target.name for target in sweep.targets("resource_cleanup")]
    assert "cleanup/resource_cleanup/in_time" in names
    assert "cleanup/resource_cleanup/child_process" not in names
    (target,) = sweep.targets("baseline/simple_timeout/in_time")
    assert len(sweep.points(target)) > 5
    assert sweep.uncut(target, tmp_path).is_file()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("shop_to_sweep:nothing", "has no attribute 'nothing'. Expected module:function"),
        ("no_such_module:f", "No module named 'no_such_module'"),
        ("shop_to_sweep:plain", "is a function. Expected a coroutine function"),
        ("shop_to_sweep:needs", "cannot be called without arguments"),
    ],
)
def test_what_cannot_be_swept_is_refused(shop: str, name: str, told: str) -> None:
    with pytest.raises(sweep.SweepError, match=told):
        sweep.targets(name)
    with pytest.raises(UnknownScenarioError):
        sweep.targets("no_such_scenario")
