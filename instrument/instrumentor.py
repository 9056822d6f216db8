"""The recorder as an OpenTelemetry instrumentor, found by `opentelemetry-instrument` through its entry point."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined,unused-ignore]

from . import attach

if TYPE_CHECKING:
    from collections.abc import Collection


class StageflowInstrumentor(BaseInstrumentor):  # type: ignore[misc,unused-ignore]
    """Attach with `StageflowInstrumentor().instrument()`, take off with `.uninstrument()`; both may be called twice.

    Keyword arguments of `instrument` are those of `spanproof.start`. A session that is recording already is joined and left
    alone by `uninstrument`. `OTEL_SDK_DISABLED=true` switches it off, as it does all instrumentation.
    """

    _owned: attach.Session | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """The library that is watched, as a requirement."""
        return ("stageflow-core >= 1.2, < 2",)

    def _instrument(self, **kwargs: Any) -> None:
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or attach.active() is not None:
            return
        options = {name: kwargs[name] for name in ("out", "name", "resource", "sink", "delivery", "max_bytes") if name in kwargs}
        self._owned = attach.start(**options)

    def _uninstrument(self, **_kwargs: Any) -> None:
        owned, self._owned = self._owned, None
        if owned is not None and attach.active() is owned.recorder:
            attach.stop("session")
