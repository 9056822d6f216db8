"""Bodies of random programs: made from a seed, and made smaller while they still fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from .random_programs import Body, Statement

LEAVES = ["sleep"] * 6 + ["await"] * 5 + ["cancel"] * 2 + ["cancel_later"] * 2 + ["cancel_self", "uncancel", "raise", "raise_cancelled"]
BRANCHES = ["spawn"] * 4 + ["timeout", "wait_for", "group", "except", "catch"] * 2 + ["finally", "generator"]
DEPTH = 3


def body_of(random: Random, depth: int = DEPTH) -> Body:
    """One to four statements."""
    return [_statement(random, depth) for _ in range(random.randint(1, 4 if depth == DEPTH else 3))]


def _statement(random: Random, depth: int) -> Statement:
    if depth == 0 or random.random() < 0.45:
        return _leaf(random, random.choice(LEAVES))
    kind = random.choice(BRANCHES)
    if kind in ("timeout", "wait_for"):
        return kind, random.choice([0.5, 0.5, 1, 1, 1.5, 1.5, 2, None]), body_of(random, depth - 1)
    if kind == "group":
        members = [body_of(random, depth - 1) for _ in range(random.randint(0, 2))]
        return kind, members, body_of(random, depth - 1), random.random() < 0.5
    if kind in ("finally", "generator"):
        return kind, body_of(random, depth - 1), body_of(random, depth - 1)
    if kind == "except":
        return kind, body_of(random, depth - 1), body_of(random, depth - 1), random.choice(["again", "other", "swallow"])
    return kind, body_of(random, depth - 1)


def _leaf(random: Random, kind: str) -> Statement:
    if kind == "sleep":
        return kind, random.choice([0, 1, 2, 3])
    if kind == "cancel":
        return kind, random.randint(0, 6)
    if kind == "cancel_later":
        return kind, random.randint(0, 6), random.choice([0, 0.5, 1, 2, 3])
    if kind == "await":
        return kind, random.randint(0, 4), random.choice(["plain", "shield", "wait", "gather", "quiet"])
    return (kind,)


def smallest(body: Body, fails: Callable[[Body], bool]) -> Body:
    """The body with everything taken out that its failing does not need."""
    while True:
        smaller = next((each for each in _smaller(body) if fails(each)), None)
        if smaller is None:
            return body
        body = smaller


def _smaller(body: Body) -> Iterator[Body]:
    for index, statement in enumerate(body):
        before, after = body[:index], body[index + 1 :]
        yield before + after
        for place, part in enumerate(statement):
            inside: Any = part
            if not isinstance(part, list):
                continue
            members = bool(inside) and isinstance(inside[0], list)
            if not members:
                yield before + inside + after
            variants: Iterator[Any] = _fewer(inside) if members else _smaller(inside)
            for variant in variants:
                yield [*before, (*statement[:place], variant, *statement[place + 1 :]), *after]


def _fewer(members: list[Body]) -> Iterator[list[Body]]:
    for index, member in enumerate(members):
        yield members[:index] + members[index + 1 :]
        for variant in _smaller(member):
            yield [*members[:index], variant, *members[index + 1 :]]
