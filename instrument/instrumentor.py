"""The recorder as an OpenTelemetry instrumentor, found by `opentelemetry-instrument` through its entry point."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined,unused-ignore]

from . import attach
from .exporting import sdk_is_disabled
from .sinks.placement import ROOT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Collection

_OPTIONS = ("out", "name", "resource", "sink", "delivery", "max_bytes", "otlp", "otlp_protocol", "file")


class StageflowInstrumentor(BaseInstrumentor):  # type: ignore[misc,unused-ignore]
    """Attach with `StageflowInstrumentor().instrument()`, take off with `.uninstrument()`; both may be called twice.

    Units go to `tracer_provider`, by default the one that is set globally, as live spans. There is no trace file, unless `out` or
    the environment's SPANPROOF_TRACES names a folder. Other keyword arguments of `instrument` are those of `spanproof.start`.

    A session that is recording already is joined and left alone by `uninstrument`. `OTEL_SDK_DISABLED=true` switches it off, as it
    does all instrumentation.
    """

    _owned: attach.Session | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """The library that is watched, as a requirement."""
        return ("stageflow-core >= 1.2, < 2",)

    def _instrument(self, **kwargs: Any) -> None:
        if sdk_is_disabled() or attach.active() is not None:
            return
        options: dict[str, Any] = {name: kwargs[name] for name in _OPTIONS if name in kwargs}
        options.setdefault("file", bool(options.get("out") or os.environ.get(ROOT_VARIABLE)))
        options.setdefault("name", _program_name())
        self._owned = attach.start(provider=kwargs.get("tracer_provider") or True, **options)

    def _uninstrument(self, **_kwargs: Any) -> None:
        owned, self._owned = self._owned, None
        if owned is not None and attach.active() is owned.recorder:
            attach.stop("session")


def _program_name() -> str | None:
    """The module of `python -m module`, whose script has no name yet while the interpreter starts; else None."""
    if sys.argv[:1] != ["-m"]:
        return None
    # What follows the module is the program's, in both lists.
    return sys.orig_argv[len(sys.orig_argv) - len(sys.argv)].removeprefix("-m") or None
