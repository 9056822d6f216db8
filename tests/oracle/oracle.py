"""P02 to P05 as the catalogue has them, one unit after the other, in Python that looks at everything: slow, and easy to read.

Each function returns, for every subject, whether the criterion holds: true, false, or None for unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.oracle.model import Unit, World

FLAG_TOLERANCE = 100_000_000


def p02(world: World) -> dict[Unit, bool | None]:
    """An ancestor ended by abort, the unit was not asked by then and runs on beyond its grace."""
    found: dict[Unit, bool | None] = {}
    for unit in world.units:
        if unit.kind not in ("pipeline", "stage", "subpipeline", "task"):
            continue
        aborted = [above for above in unit.ancestors() if above.aborted and above.end_seq > unit.start_seq]
        if not aborted or unit.until_ns < _first_need(unit):
            continue
        outlived = [above for above in aborted if unit.until_ns > above.end_ns + unit.grace_ns]
        lost = [above for above in outlived if not _taken_care_of(unit, above)]
        found[unit] = None if not unit.settled else not lost
    return found


def _first_need(unit: Unit) -> int:
    """When somebody first asked for something above it, else when something above it ended by abort."""
    asked = [time for above in unit.ancestors() for time in above.ever_asked]
    return min(asked, default=min(above.end_ns for above in unit.ancestors() if above.aborted))


def _taken_care_of(unit: Unit, ancestor: Unit) -> bool:
    for step in _between(unit, ancestor):
        alive = step is unit or step.until_seq > ancestor.end_seq
        if alive and step.asked(ancestor.end_ns, ancestor.end_seq, unit.grace_ns):
            return True
        if step.deadline_ns is not None and step.deadline_ns <= ancestor.end_ns + unit.grace_ns and step.until_seq > ancestor.end_seq:
            return True
        if any(t.end_seq > ancestor.end_seq and t.by is not ancestor and not t.by.inside(ancestor) for t in step.touches):
            return True
    return False


def _between(unit: Unit, ancestor: Unit) -> Iterable[Unit]:
    """The unit and what is above it, up to the ancestor, without that."""
    yield unit
    for above in unit.ancestors():
        if above is ancestor:
            return
        yield above


def owner(unit: Unit) -> Unit | None:
    """Who has to see a task or stage to its end."""
    if unit.detached or unit.is_main:
        return None
    if unit.kind == "stage":
        named = unit.parent
    elif unit.group_owner is not None:
        named = unit.group_owner
    elif unit.touches:
        named = max(unit.touches, key=lambda t: (t.end_seq, t.start_seq)).by
    else:
        named = unit.creator
    return named.host() if named is not None else None


def p03(world: World) -> dict[Unit, bool | None]:
    """Its owner has ended, it was not asked by then, or swallowed it, and runs on beyond its grace."""
    found: dict[Unit, bool | None] = {}
    for unit in world.units:
        own = owner(unit) if unit.kind in ("task", "stage") else None
        if own is None or (own.is_open and unit.is_open and unit.settled):
            continue
        outlived = not own.is_open and unit.until_ns > own.end_ns + unit.grace_ns
        safe = outlived and (
            any(
                r.time <= own.end_ns + unit.grace_ns
                and not (r.consumed_seq is not None and r.consumed_seq <= own.end_seq)
                and not r.swallowed
                for r in unit.requests
            )
            or (unit.deadline_ns is not None and unit.deadline_ns <= own.end_ns + unit.grace_ns)
            or any(t.end_seq > own.end_seq and t.by is not own and not t.by.inside(own) for t in unit.touches)
        )
        found[unit] = None if not unit.settled else True if safe else not outlived
    return found


def p04(world: World) -> dict[Unit, bool | None]:
    """At work and unasked when its run was aborted from inside."""
    found: dict[Unit, bool | None] = {}
    for unit in world.units:
        run = next((world.runs[u] for u in (unit, *unit.ancestors()) if u.kind == "pipeline"), None)
        if unit.kind not in ("stage", "task") or run is None or not run.aborted or not run.inside or run.unit.is_open:
            continue
        assert run.at is not None
        assert run.seq is not None
        if not unit.start_seq < run.seq < unit.until_seq:
            continue
        due = run.at + unit.grace_ns
        in_time = unit.asked(run.at, run.seq, unit.grace_ns) or (unit.deadline_ns is not None and unit.deadline_ns <= due)
        if in_time:
            found[unit] = True
        elif unit.until_ns <= due:
            found[unit] = None if unit.is_open and not unit.settled else True
        else:
            found[unit] = unit.kind == "task" and (
                any(
                    step.until_seq > run.seq
                    and (step.asked(run.at, run.seq, unit.grace_ns) or (step.deadline_ns is not None and step.deadline_ns <= due))
                    for step in _between(unit, run.unit)
                    if step is not unit
                )
                or any(t.how == "await" and t.end_seq > run.seq and t.start <= due for t in unit.touches)
            )
    return found


def p05(world: World) -> dict[Unit, bool | None]:
    """It starts although something that it belongs to was aborted or flagged."""
    found: dict[Unit, bool | None] = {}
    for unit in world.units:
        if unit.kind not in ("pipeline", "subpipeline", "stage") or (unit.kind == "stage" and unit.started_seq is None):
            continue
        limits = list(_limits(world, unit))
        if not limits:
            continue
        if unit.start_ns <= min(limit for limit, _ in limits):
            found[unit] = True
        else:
            # A run that is cut may yet complete, though it was cancelled.
            surely = any(sure and unit.start_ns > limit for limit, sure in limits)
            found[unit] = True if _unwinding(unit) else _unwinding(unit) if surely else None
    return found


def _limits(world: World, unit: Unit) -> Iterable[tuple[int, bool]]:
    """Until when it may start: one moment for each abort or flag, and whether that is certain."""
    for above in unit.ancestors():
        if above.aborted:
            yield above.end_ns + unit.grace_ns, True
    runs = [above for above in unit.ancestors() if above.kind == "pipeline"]
    for distance, pipeline in enumerate(runs):
        # A child run that was over by then is not concerned, nor is what is below it.
        below = runs[:distance]
        run = world.runs[pipeline]
        if run.aborted and run.at is not None:
            if distance == 0:
                yield run.at + unit.grace_ns, pipeline.settled
            elif not pipeline.is_open and all(_outlives(child, run.at if child is below[-1] else pipeline.end_ns) for child in below):
                yield pipeline.end_ns + unit.grace_ns, True
        if distance == 0 and not pipeline.settled:
            # Should it turn out to be aborted, then from its first cleanup on.
            for cleanup in world.units:
                if cleanup.kind == "cleanup" and cleanup.run() is pipeline and unit.start_ns > cleanup.start_ns + unit.grace_ns:
                    yield cleanup.start_ns + unit.grace_ns, False
        for flagged, at in world.flags:
            if flagged is pipeline and all(child.until_ns > at for child in below):
                yield at + FLAG_TOLERANCE, True


def _outlives(child: Unit, time: int) -> bool:
    return bool(child.until_ns > time)


def _unwinding(unit: Unit) -> bool | None:
    """Whether a late start is in order: it was made by a cleanup or by what was unwinding at that time; None: not decided yet."""
    as_of = unit.start_seq
    verdict: bool | None = False
    for above in unit.ancestors():
        if above.kind == "cleanup":
            return True
        told = any(
            r.delivered_seq is not None
            and r.delivered_seq <= as_of
            and not r.swallowed
            and not (r.consumed_seq is not None and r.consumed_seq <= as_of)
            for r in above.requests
        )
        if told and above.until_seq >= as_of:
            if above.aborted:
                return True
            if above.is_open:
                verdict = None
        if above.kind in ("task", "stage"):
            as_of = above.start_seq
    return verdict
