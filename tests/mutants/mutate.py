"""Makes mutants of a query: the same query with one small fault each, as a careless hand would make it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlglot
from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterator

FLIPPED: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.LT: exp.LTE, exp.LTE: exp.LT, exp.GT: exp.GTE, exp.GTE: exp.GT, exp.EQ: exp.NEQ, exp.NEQ: exp.EQ,
    exp.NullSafeEQ: exp.NullSafeNEQ, exp.NullSafeNEQ: exp.NullSafeEQ,
}  # fmt: skip
"""Each comparison with the one that it is taken for."""

EXCHANGED: Final[dict[type[exp.Expr], type[exp.Expr]]] = {
    exp.Min: exp.Max, exp.Max: exp.Min, exp.ArgMin: exp.ArgMax, exp.ArgMax: exp.ArgMin, exp.Greatest: exp.Least, exp.Least: exp.Greatest,
    exp.LogicalAnd: exp.LogicalOr, exp.LogicalOr: exp.LogicalAnd, exp.Add: exp.Sub,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A query with one fault. `name` says where and which: it stays the same when other parts of the query change."""

    name: str
    sql: str


def mutants(sql: str) -> Iterator[Mutant]:
    """All mutants of `sql`. Two faults that read alike in one CTE are told apart by a number."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    seen: dict[str, int] = {}
    # The tree is changed in place, written out and changed back: a copy for each of some hundred nodes would take long.
    for node in list(tree.walk()):
        for word, changed in _faults(node):
            place = _place(node)
            name = f"{place}: {word}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name = f"{name} ({seen[name]})"
            node.replace(changed)
            mutated = tree.sql(dialect="duckdb", comments=False)
            changed.replace(node)
            yield Mutant(name, mutated)


def _faults(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    """What can be wrong with this node: words for it, and the node that stands in its place."""
    kind = type(node)
    text = node.sql(dialect="duckdb", comments=False)
    if kind in FLIPPED:
        yield f"flip `{text}`", FLIPPED[kind](this=node.this.copy(), expression=node.expression.copy())
    if _is_condition(node) and not isinstance(node, exp.Boolean):
        yield f"drop `{text}`", exp.false() if isinstance(node.parent, exp.Or) else exp.true()
    if kind in EXCHANGED and not _is_date(node):
        yield f"exchange `{text}`", EXCHANGED[kind](**node.copy().args)
    if isinstance(node, exp.Join) and (node.args.get("on") or node.args.get("using")):
        changed = node.copy()
        left = node.side == "LEFT"
        changed.set("side", None if left else "LEFT")
        yield f"{'inner' if left else 'left'} join `{node.this.alias_or_name}`", changed
    if isinstance(node, exp.Coalesce) and not _is_condition(node):
        yield f"no default `{text}`", node.this.copy()
    if isinstance(node, exp.Case) and len(node.args["ifs"]) > 1:
        for number, branch in enumerate(node.args["ifs"]):
            without = node.copy()
            without.set("ifs", [each for other, each in enumerate(without.args["ifs"]) if other != number])
            yield f"leave out when `{branch.this.sql(dialect='duckdb', comments=False)}`", without


def _is_condition(node: exp.Expr) -> bool:
    """It is one of several conditions, or the only one, of a where, on, filter, having, when, and, or."""
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    if isinstance(node, exp.And | exp.Or | exp.Paren) or parent is None:
        return False
    if isinstance(parent, exp.And | exp.Or):
        return True
    if isinstance(parent, exp.Where | exp.Having):
        return True
    return isinstance(parent, exp.Join | exp.If) and node.arg_key in ("on", "this") and not isinstance(node, exp.Table | exp.Subquery)


def _is_date(node: exp.Expr) -> bool:
    """`+` of something else than numbers: none so far."""
    return isinstance(node, exp.Add) and isinstance(node.expression, exp.Interval)


def _place(node: exp.Expr) -> str:
    """The CTE that the node stands in; `result` is the last select."""
    found = node.find_ancestor(exp.CTE)
    return found.alias if found else "result"
