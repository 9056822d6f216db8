"""A recorded fact in words: one line of the story that an explanation tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .words import duration, unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .finding import Code, Evidence

OUTCOMES: Final = {"timed_out": "timed out", "short_circuited": "short-circuited", "": "ended"}
_ASKED_BY: Final = {
    "timer": "its deadline", "taskgroup": "its TaskGroup", "gather": "gather", "wait_for": "wait_for",
    "runner": "the teardown of asyncio.run", "sigint": "Ctrl-C", "anyio": "an anyio scope", "stageflow": "stageflow",
    "library": "a library",
}  # fmt: skip
"""What has no word of its own is told as it was recorded."""


def told(item: Evidence, letters: Mapping[str, str]) -> str:  # noqa: C901, PLR0911, PLR0912 - a sentence for each event
    """`item` in a sentence; units that have a letter are called by it."""
    who = letters.get(item.span_id, unit_name(item.unit))
    by = _actor(item, letters)
    at = f" at {place(item.code)}" if item.code is not None else ""
    match item.event:
        case "start":
            return f"{who} was created" + (f" by {by}" if by else "")
        case "end":
            return f"{who} {'ended as cancelled' if item.detail == 'cancelled' else OUTCOMES.get(item.detail or '', item.detail)}"
        case "open":
            return f"{who} was still open when {'its process ended' if item.detail == 'process' else 'recording stopped'}"
        case "unheard":
            return f"{who} was still at work, and nobody had asked it to stop"
        case "abort":
            return f"{who} was aborted from {item.detail}" + (f", because of {by}" if by else "")
        case "cancel.requested":
            return f"{who} was asked to stop by {by or _ASKED_BY.get(item.detail or '', 'somebody outside of any unit')}{at}"
        case "cancel.delivered":
            return f"{who} got the cancellation{' of something that it awaited' if item.detail == 'borrowed' else ''}" + (
                f", waiting{at}" if at else ""
            )
        case "cancel.swallowed":
            return f"{who} turned out to have swallowed it: it {(item.detail or 'returned').replace('went_on', 'went on')}"
        case "cancel.consumed":
            return f"in {who} the request ended lawfully, by {item.detail}"
        case "cancel.flagged":
            return f"{who} was flagged as cancelled by {by or 'somebody outside of any unit'}{at}"
        case "deadline.set":
            return f"{who} was given {f'a deadline of {duration(int(item.detail))}' if item.detail else 'no deadline'}{at}"
        case "deadline.expired":
            return f"the timer of {who} ran"
        case "reported":
            return f"{who} was reported: {(item.detail or '').replace('timed_out', 'timed out')}"
        case "loop.blocked":
            return f"{who} had kept the loop busy for {duration(int(item.detail or 0))}{at}"
        case "cleanup.failed":
            return f"{who} failed: {(item.detail or '').replace('timed_out', 'timed out')}"
        case "cleanup.registered":
            return f"{who} registered the cleanup '{item.detail}'{at}"
        case "cancel.flag_read":
            return f"{who} read the flag"
        case "awaits":
            return f"{who} began to wait for {by or 'a unit that was not read'}{at}"
        case "awaits.end":
            return f"{who} did not wait for {by or 'a unit that was not read'} any more"
        case "cleanup.started":
            return f"{who} began" + (f", registered by {by}" if by else "")
        case "resource.acquired":
            return f"{who} took '{item.detail}'{at}"
        case "resource.transferred":
            return f"{who} handed '{item.detail}' to {by or 'somebody outside of any unit'}"
        case "resource.released":
            return f"{_named(item.detail)} was given back"
        case "generator.opened":
            return f"{who} opened the async generator '{item.detail}'{at}"
        case "generator.iterated":
            return f"{by or 'somebody outside of any unit'} went on with the async generator '{item.detail}'"
        case "generator.closed":
            return f"the async generator {_named(item.detail)} ended" + (f", by {by}" if by else "")
        case "thread.started":
            return f"{who} handed '{item.detail}' to a thread{at}"
        case "thread.finished":
            return f"the thread's work {_named(item.detail)} ended"
        case "heartbeat":
            return f"{who} said that it is alive" + (f", for {duration(int(item.detail))}" if item.detail else "")
        case "checkpoint.saved" | "checkpoint.loaded" | "checkpoint.missed" | "checkpoint.dropped":
            return f"{who} {item.event.removeprefix('checkpoint.')} the checkpoint '{item.detail}'{at}"
        case "output.produced":
            return f"{who} returned the output {item.detail}"
        case "exception.unread":
            return f"nobody had looked at the error of {who}"
        case _:
            return f"{who}: {item.event}"


def _actor(item: Evidence, letters: Mapping[str, str]) -> str | None:
    if item.actor_span_id is None:
        return None
    if item.actor_span_id in letters:
        return letters[item.actor_span_id]
    return unit_name(item.actor) if item.actor else None


def place(code: Code | None) -> str:
    """`flow.py:3`."""
    if code is None:
        return "an unknown line"
    return f"{code.file}:{code.line}" if code.line is not None else code.file


def _named(detail: str | None) -> str:
    """Of `rows aclose` the name in quotes and the rest in brackets: `'rows' (aclose)`."""
    name, _, rest = (detail or "").partition(" ")
    return f"'{name}'" + (f" ({rest.replace('_', ' ')})" if rest else "")
