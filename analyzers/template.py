"""What `spanproof new-criterion` writes: a criterion that works as it is, the traces that it is tried on, and its page.

It judges how long stages run, which every reader understands, so that each part can be replaced while the rest still works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .cataloguing import Criterion, catalogue
from .criteria_docs import MADE_OF_OWN, page
from .errors import AnalyzerError
from .header import is_id, is_name, parse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SQL: Final = """\
-- id: {id}
-- name: {name}
-- severity: warning
-- says: A stage ran for longer than 1 s.
-- rule: a stage ends at most `bound_ms` after its start
-- why: Say here what goes wrong for whom when this happens. One or two sentences that a newcomer understands.
-- judges: stage that has ended or runs longer than the bound already
-- message: {{subject}} ran for {{measured}}, at most {{bound}} is allowed; {{note}}
-- fix: Say here what to do about it, in the order in which to try it.
-- bad:
--   await fetch_all(urls)            # one after the other
-- good:
--   async with asyncio.TaskGroup() as group:
--       for url in urls:
--           group.create_task(fetch(url))
-- covers: our own rule on slow stages
-- parameter bound_ms: 1000 ms; say here why this value and no other
-- certain given: start and end of the stage were recorded
-- cannot see: say here what this query would miss
-- unknown when: the stage is still open, and has not run for longer than the bound yet
-- torn: certain
-- clock: any
-- scope: trace
-- needs: none
-- fault: the code's; say here how the query decides it, when it does
-- margin: below

-- The fields above are the documentation: messages, `spanproof explain {id}` and the page are made of them. Below is one SELECT over the
-- tables and views of docs/reference/tables.md: one row for each subject that is judged, ok = true, false or null (cannot be decided).
with stages as (
    select u.trace_id, u.span_id, u.subject, u.is_open, u.until_ns - u.start_ns as took_ns
    from units u
    where u.unit = 'stage'
)
select
    s.trace_id,
    s.span_id,
    s.subject,
    -- What is open has run at least so long: beyond the bound that is certain, below it nothing is.
    case
        when s.took_ns > $bound_ms::BIGINT * 1000000 then false
        when s.is_open then null
        else true
    end as ok,
    s.took_ns as measured,
    $bound_ms::BIGINT * 1000000 as bound,
    'ns' as unit,
    -- The span that caused it; null: none.
    null::VARCHAR as cause_span_id,
    -- library, code, interpreter or caller.
    'code' as fault,
    case when s.is_open then 'still open' else 'it has ended' end as note
from stages s
"""

TRACES: Final = """\
# Small traces for {id}, each with the verdict that it must get: `spanproof criteria --criteria {folder} --try` judges them.
# s.a:p:0-500 is stage a, child of p, from 0 to 500 ms; no end: open. Words with % are about the recording.

violated: the planted fault
    p.p::0-2000  s.a:p:0-1500

violated: one nanosecond beyond the bound
    p.p::0-2000  s.a:p:0-1000.000001

violated: still open, and beyond the bound already
    p.p::0-  s.a:p:0-  %until=1500 %torn

holds: the same with the fault taken out
    p.p::0-2000  s.a:p:0-500

holds: exactly at the bound
    p.p::0-2000  s.a:p:0-1000

unknown: torn before the bound
    p.p::0-  s.a:p:0-  %until=500 %torn

not_exercised: no stage at all
    a::0-2000

story:
    p.p::0-2000  s.a:p:0-1500:file=shop.py,line=12
"""


class TemplateError(AnalyzerError):
    """An id or a name that cannot be used, or a file that is there already."""


def write(id_: str, name: str, folder: Path, criteria_dirs: Iterable[str | Path] = ()) -> list[Path]:
    """Write the three files of a new criterion; returns their paths: query, traces, page.

    Raises:
        TemplateError: the id is none or is taken, the name is none, or one of the files exists. Nothing is written then.
    """
    if not is_id(id_):
        raise TemplateError(f"{id_}: no id. Expected a capital letter and two digits; X01 to Z99 will never be one of ours.")
    if not is_name(name):
        raise TemplateError(f"{name}: no name. Expected lower-case words joined by '-' that say the defect, for example slow-fanout.")
    folders = [*criteria_dirs, *([folder] if folder.is_dir() else [])]
    taken = catalogue(folders).get(id_)
    if taken is not None:
        raise TemplateError(f"{id_} is taken by {taken.path}. Take another id, for example {_free(catalogue(folders))}.")
    sql = folder / f"{id_}_{name.replace('-', '_')}.sql"
    text = SQL.format(id=id_, name=name)
    files = {
        sql: text,
        folder / f"{id_}.traces": TRACES.format(id=id_, folder=folder),
        folder / f"{id_}.md": page(Criterion(parse(text, sql), sql), {}),
    }
    for path in files:
        if path.exists():
            raise TemplateError(f"{path} is there already. Move it away, or take another id.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(content)
    except OSError as error:
        raise TemplateError(
            f"{error.filename or folder}: cannot be written ({error.strerror}). Check the folder and its rights."
        ) from error
    return list(files)


def write_page(criterion: Criterion) -> Path:
    """Write the page of a criterion of the user's beside its query, anew; returns its path.

    Raises:
        TemplateError: a page that somebody wrote by hand is there, or it cannot be written.
    """
    path = criterion.path.with_name(f"{criterion.id}.md")
    try:
        if path.exists() and not path.read_text(encoding="utf-8").startswith(MADE_OF_OWN.partition(";")[0]):
            raise TemplateError(f"{path} is not a page that this command wrote, and stays as it is. Move it away first.")
        path.write_text(page(criterion, {}), encoding="utf-8")
    except OSError as error:
        raise TemplateError(f"{path}: cannot be written ({error.strerror}). Check the folder and its rights.") from error
    return path


def _free(taken: Iterable[str]) -> str:
    ids = (f"{letter}{number:02}" for letter in "XYZ" for number in range(1, 100))
    known = set(taken)
    return next((id_ for id_ in ids if id_ not in known), "X99")
