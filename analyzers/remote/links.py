"""Where the findings of a report are to be seen: the pages of a Jaeger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .jaeger import link
from .source import on_jaeger

if TYPE_CHECKING:
    from ..report import Report


def add(report: Report, url: str | None) -> None:
    """Give each finding the address of its span.

    Args:
        report: its findings are changed.
        url: of the Jaeger that holds the traces; None: findings in traces that came from one (`jaeger://`) get its address, others none.

    Raises:
        JaegerError: it is no address.
    """
    for finding in report.findings:
        source = on_jaeger(finding.file or "")
        server = url or (source.url if source else None)
        finding.link = link(server, finding.trace_id, finding.span_id) if server else None
