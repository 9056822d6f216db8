"""Parquet that Spanproof wrote (`parquet_layout`): DuckDB moves it into the tables by itself."""

from __future__ import annotations

import glob
import re
import shutil
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import duckdb
import orjson

from ...parquet_layout import COLUMNS, EVENT, FORMAT, KEY, LINK
from ..origin import resource_id
from ..shapes import MALFORMED, is_map, why
from ..texts import Texts

if TYPE_CHECKING:
    from ..notes import Notes
    from ..opened import Opened
    from ..staging import Place, Staging

MAGIC: Final = b"PAR1"
_FOOTER: Final = 8
"""Bytes at the end: the length of the metadata, and the magic again."""
_LARGEST: Final = 64 << 20
"""Metadata beyond it is not looked at."""
_OURS: Final = re.compile(rb'\{"format":\d+,"resources":')

_SPANS: Final = f"""
insert into spans by name
select {", ".join(f"s.{name}" for name in COLUMNS if name not in ("record", "resource_id"))}, s.record + $first as record,
    $file as file_id, r.number as resource_id, make_timestamp_ns(start_ns) as start_time, make_timestamp_ns(end_ns) as end_time
from read_parquet($path) s left join (select unnest($given) as given, unnest($numbers) as number) r on r.given = s.resource_id
where s.resource_id is null or r.number is not null
"""
_BELOW: Final = """
insert into {table} by name
select {members}, record + $first as record, trace_id, span_id{more}
from (select record, trace_id, span_id, unnest({table}) as it from read_parquet($path)
    where resource_id is null or list_contains($given, resource_id))
"""


def _members(names: tuple[str, ...]) -> str:
    return ", ".join(f"it.{name} as {name}" for name in names)


_EVENTS: Final = _BELOW.format(table="events", members=_members(EVENT), more=", make_timestamp_ns(it.time_ns) as time")
_LINKS: Final = _BELOW.format(table="links", members=_members(LINK), more="")


class Parquet:
    """Reads Parquet that `spanproof convert --to parquet` wrote."""

    name = "parquet"

    def recognises(self, head: bytes) -> bool:
        """See `Format`."""
        return head.startswith(MAGIC)

    def read(self, source: Opened, staging: Staging, notes: Notes) -> None:
        """See `Format`."""
        with tempfile.TemporaryDirectory(prefix="spanproof-") as folder:
            path = source.path
            # DuckDB takes some names for patterns.
            if path is None or glob.has_magic(str(path)):
                path = Path(folder, "spans.parquet")
                with path.open("wb") as file:
                    shutil.copyfileobj(source.stream, file)
            try:
                _load(str(path), staging, notes)
            except (duckdb.Error, *MALFORMED) as error:
                notes.refuse(f"is Parquet that cannot be read as traces ({why(error).splitlines()[0][:200]}). Convert the traces again")


def _load(path: str, staging: Staging, notes: Notes) -> None:
    con = staging.con
    given = con.execute("select value from parquet_kv_metadata($1) where key = $2", [path, KEY.encode()]).fetchone()
    if given is None:
        notes.refuse("is Parquet that Spanproof did not write. Name a file or folder made with `spanproof convert --to parquet`")
        return
    about = orjson.loads(given[0])
    if about["format"] != FORMAT:
        notes.refuse(f"has layout {about['format']}; this build reads {FORMAT}. Convert the traces again")
        return
    numbers = {int(number): found for number, content in about["resources"].items() if (found := _resource(content, staging, notes))}
    (spans,) = con.execute("select count(*) from read_parquet($1)", [path]).fetchone() or (0,)
    _move(path, staging.place(spans), numbers)


def _resource(content: Any, staging: Staging, notes: Notes) -> int | None:
    attributes, kinds = content
    if not is_map(attributes):
        raise ValueError("a resource without attributes")
    texts = Texts(attributes)
    texts.kinds = kinds
    return resource_id(texts, staging, notes)


def _move(path: str, place: Place, numbers: dict[int, int]) -> None:
    """All of a file or, when something in it is damaged, nothing."""
    there: dict[str, Any] = {"path": path, "first": place.first, "given": list(numbers)}
    con = place.con
    con.begin()
    try:
        con.execute(_SPANS, there | {"file": place.file_id, "numbers": list(numbers.values())})
        con.execute(_EVENTS, there)
        con.execute(_LINKS, there)
    except BaseException:
        con.rollback()
        raise
    con.commit()


def is_ours(file: IO[bytes], size: int) -> bool:
    """Whether a Parquet file has our metadata; asked of files that nobody named."""
    if size < 2 * _FOOTER:
        return True  # cut: the reader will say so
    file.seek(size - _FOOTER)
    end = file.read(_FOOTER)
    length = int.from_bytes(end[:4], "little")
    if not end.endswith(MAGIC) or length > min(size, _LARGEST):
        return True
    file.seek(size - _FOOTER - length)
    return _OURS.search(file.read(length)) is not None
