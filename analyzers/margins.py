"""Margins: how near the subjects that hold came to their bounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypedDict

if TYPE_CHECKING:
    import duckdb


class Margins(TypedDict):
    """The margins of one criterion. `measured`, `bound` and `used` (measured / bound, 0 to 1) are those of the nearest subject.

    `subjects` of one unit hold below a bound; `min`, `median`, `p99` and `max` are of what was measured of them, `least_bound` and
    `most_bound` the range of their bounds; `spare` is what the nearest had left.
    """

    measured: float
    bound: float
    unit: str | None
    used: float
    spare: float
    subjects: int
    min: float
    median: float
    p99: float
    max: float
    least_bound: float
    most_bound: float


# A few columns of the rows that hold; the nearest by a top-n, so that a million rows are not sorted. A criterion that measures in two
# units is told by the one of its nearest subject.
_QUERY: Final = """
with held as materialized (
    select measured, bound, unit, measured::DOUBLE / bound::DOUBLE as used
    from judged_rows
    where ok and bound > 0 and measured <= bound and isfinite(measured::DOUBLE) and isfinite(bound::DOUBLE)
),
nearest as (
    select measured, bound, unit, used from held order by used desc, bound, unit limit 1
)
select
    any_value(n.measured), any_value(n.bound), any_value(n.unit), any_value(n.used), count(*), min(h.measured),
    quantile_disc(h.measured, [0.5, 0.99]), max(h.measured), min(h.bound), max(h.bound)
from held h
join nearest n on coalesce(n.unit, '') = coalesce(h.unit, '')
"""


def read(con: duckdb.DuckDBPyConnection) -> Margins | None:
    """The margins of the rows in `judged_rows`; None: no subject holds below a bound."""
    row = con.execute(_QUERY).fetchone()
    if row is None or row[0] is None:
        return None
    measured, bound, unit, used, subjects, least, (median, p99), most, least_bound, most_bound = row
    return Margins(
        measured=plain(measured),
        bound=plain(bound),
        unit=unit,
        used=round(max(used, 0.0), 6),
        spare=plain(bound) - plain(measured),
        subjects=subjects,
        min=plain(least),
        median=plain(median),
        p99=plain(p99),
        max=plain(most),
        least_bound=plain(least_bound),
        most_bound=plain(most_bound),
    )


def plain(value: Any) -> Any:
    """A number that JSON has: a DECIMAL becomes a float, what is not finite None."""
    if value is None or isinstance(value, int):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
