"""What the tests of stageflow share: reading reports, and an interceptor that listens."""

from __future__ import annotations

from typing import Any

from stageflow.pipeline.interceptors import BaseInterceptor


def channels(unit: Any) -> list[tuple[Any, Any]]:
    """(channel, outcome) of each report, in order."""
    return [(report["report.channel"], report.get("report.outcome")) for report in unit.of("reported")]


def statuses(unit: Any) -> list[Any]:
    """The library's own words on channel `event`."""
    return [report["report.status"] for report in unit.of("reported") if report["report.channel"] == "event"]


class Listening(BaseInterceptor):
    """Notes what it is told."""

    name = "listening"

    def __init__(self, priority: int) -> None:
        self.priority = priority
        self.told: list[Any] = []

    async def before(self, stage_name: str, ctx: Any) -> None:
        """Nothing to do."""

    async def after(self, stage_name: str, result: Any, ctx: Any) -> None:
        self.told.append(result)
