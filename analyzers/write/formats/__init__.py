"""The formats that can be written, a module each, behind one small interface.

A new format: a module with a class that fits `Format`, its instance in `FORMATS`, a line in `docs/how-to/convert.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from .chrome import Chrome
from .jaeger_json import JaegerJson
from .otlp_json import OtlpJson
from .otlp_proto import OtlpProto
from .parquet import Parquet
from .zipkin import Zipkin

if TYPE_CHECKING:
    from pathlib import Path

    from ..losses import Losses
    from ..source import Source


class Format(Protocol):
    """One way to write traces."""

    def write(self, source: Source, target: Path, lost: Losses) -> None:
        """Write all traces of `source` to `target`, a name that is free, and note in `lost` what has no place there.

        Raises:
            OSError: it cannot be written.
        """
        ...


FORMATS: Final[dict[str, Format]] = {
    "otlp": OtlpJson(),
    "otlp-proto": OtlpProto(),
    "jaeger": JaegerJson(),
    "zipkin": Zipkin(),
    "chrome": Chrome(),
    "parquet": Parquet(),
}
"""By the word that `--to` takes."""
