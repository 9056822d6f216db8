"""What `spanproof run --sweep-awaits` tells: what is lost where something is cancelled."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .. import terminal
from ..analyzers.words import duration, plural
from . import failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..analyzers import Report
    from ..scenarios.sweep import Cut, Point


@dataclass(slots=True)
class _Stretch:
    """Points one after the other at which the same happened."""

    first: Point
    last: Point
    points: int
    ended: str
    found: tuple[str, ...]
    waits: list[str] = field(default_factory=list[str])


def sweep(names: Sequence[str], out: Path) -> int:
    """Sweep what is named; returns the exit code: 1 when anything was found at a point that is not found without a cut."""
    from ..analyzers import check
    from ..scenarios import sweep as sweeping

    lost = 0
    for name in names:
        for target in sweeping.targets(name):
            folder = out / f"sweep-{target.name.replace('/', '.').replace(':', '.')}"
            folder.mkdir(parents=True, exist_ok=True)
            terminal.progress(f"{target.name}: looking for its points")
            points = sweeping.points(target)
            before = sweeping.uncut(target, folder)
            cuts: list[Cut] = []
            for number, point in enumerate(points, 1):
                terminal.progress(f"{target.name}: {number}/{len(points)}")
                cuts.append(sweeping.cut(target, point, folder))
            terminal.progress(f"{target.name}: judging")
            report = check([before, *(each.trace for each in cuts)])
            terminal.progress("")
            lost += _tell(target.name, cuts, report, before)
            terminal.next_command("check", terminal.shortest(folder))
    return failure.VIOLATED if lost else 0


def _tell(name: str, cuts: list[Cut], report: Report, before: Path) -> int:
    """Print one target; returns at how many points something was lost."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for finding in report.findings:
        if finding.severity != "info" and finding.implied_by is None:
            found[Path(finding.file or "").name].add(f"{finding.criterion} {finding.label}")
    known = found[before.name]
    stretches: list[_Stretch] = []
    for each in cuts:
        told = tuple(sorted(found[each.trace.name] - known))
        last = stretches[-1] if stretches else None
        if last is None or (last.ended, last.found) != (each.ended, told):
            last = _Stretch(each.point, each.point, 0, each.ended, told)
            stretches.append(last)
        last.last = each.point
        last.points += 1
        last.waits += [wait for wait in each.point.waits if wait not in last.waits]
    bad = sum(stretch.points for stretch in stretches if stretch.found)
    lines = [f"{name}: cancelled at each of its {plural(len(cuts), 'point')}; something was lost at {bad}"]
    for stretch in stretches:
        till = f" to {duration(stretch.last.at_s * 1e9)}" if stretch.points > 1 else ""
        waits = ", ".join(stretch.waits[:4]) + (", ..." if len(stretch.waits) > 4 else "")
        lines.append(
            f"  at {duration(stretch.first.at_s * 1e9)}{till} ({plural(stretch.points, 'point')}), waiting in {waits}: {stretch.ended}"
        )
        lines += [f"    {each}" for each in stretch.found or ("nothing lost",)]
    terminal.write("\n".join(lines) + "\n")
    return bad
