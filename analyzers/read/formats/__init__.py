"""The formats that can be read, a module each, behind one small interface.

A new format: a module with a class that fits `Format`, its instance in `FORMATS`, a fixture in `tests/analyzers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from .chrome import Chrome
from .jaeger_json import JaegerJson
from .otel_console import OtelConsole
from .otlp_json import OtlpJson
from .otlp_proto import OtlpProto
from .parquet import Parquet
from .zipkin import Zipkin

if TYPE_CHECKING:
    from ..notes import Notes
    from ..opened import Opened
    from ..staging import Staging


class Format(Protocol):
    """One way to write traces."""

    name: str
    """As `files.format` and the JSON report say it."""

    def recognises(self, head: bytes) -> bool:
        """Whether a file with this beginning is in this format.

        `head`: up to 64 KiB, decompressed, no BOM, no blanks before; asked once more with them, for in binary formats they are content.
        """
        ...

    def read(self, source: Opened, staging: Staging, notes: Notes) -> None:
        """Hand every record to `staging`, every oddity to `notes`. Raises nothing for what the file holds."""
        ...


FORMATS: Final[tuple[Format, ...]] = (
    OtlpJson(),
    OtlpProto(),
    Chrome(),
    JaegerJson(),
    OtelConsole(),
    Zipkin("zipkin-v1", first=True),
    Zipkin("zipkin-v2", first=False),
    Parquet(),
)
"""In the order in which they are asked."""
