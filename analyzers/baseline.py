"""The baseline: findings that were there when somebody began, by fingerprint. What is in it does not fail; what is new does.

A file of it is JSON that people can read and review: sorted, one entry a fingerprint, with the message and the subject as they were.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from .errors import AnalyzerError
from .report import set_state

if TYPE_CHECKING:
    from pathlib import Path

    from .report import Report

KIND: Final = "spanproof baseline"
VERSION: Final = 1
"""Of the file. A file of a later version is refused."""


class BaselineError(AnalyzerError):
    """A file that is no baseline, or that cannot be read or written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One known finding; only the fingerprint counts, the rest is for people."""

    fingerprint: str
    criterion: str
    subject: str
    message: str


def read(path: Path) -> list[Entry]:
    """The entries of a file.

    Raises:
        BaselineError: it cannot be read, or is none.
    """
    try:
        loaded: object = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BaselineError(
            f"{path}: the baseline cannot be read ({error.strerror}). `spanproof check --write-baseline {path}` writes one."
        ) from error
    except ValueError as error:
        raise BaselineError(f"{path}: no baseline: it is not JSON ({error}). Name a file that --write-baseline wrote.") from error
    if not isinstance(loaded, dict) or cast("dict[str, Any]", loaded).get("kind") != KIND:
        raise BaselineError(f'{path}: no baseline: it lacks "kind": "{KIND}". Name a file that --write-baseline wrote.')
    content = cast("dict[str, Any]", loaded)
    version = content.get("version")
    if version != VERSION:
        raise BaselineError(f"{path}: a baseline of version {version!r}; this Spanproof reads version {VERSION}. Write it anew.")
    try:
        return [Entry(**{name: str(item[name]) for name in Entry.__slots__}) for item in content["findings"]]
    except (KeyError, TypeError) as error:
        raise BaselineError(f"{path}: its findings cannot be read ({error!r}). Write it anew with --write-baseline.") from error


def apply(report: Report, path: Path) -> None:
    """Mark the findings that are in the file; entries that no finding has any more go into `unmatched_baseline`.

    An entry of a criterion that was not judged is neither met nor unmet.

    Raises:
        BaselineError: the file cannot be used.
    """
    entries = read(path)
    known = {entry.fingerprint for entry in entries}
    for finding in report.findings:
        if finding.fingerprint in known:
            set_state(finding, "baselined")
    seen = {finding.fingerprint for finding in report.findings}
    judged = {result.header.id for result in report.criteria}
    report.unmatched_baseline = [_plain(entry) for entry in entries if entry.fingerprint not in seen and entry.criterion in judged]


def check_target(path: Path) -> None:
    """See that `write` may write there: nothing, or a baseline.

    Raises:
        BaselineError: it would overwrite something else.
    """
    if not path.exists() and not path.is_symlink():
        return
    try:
        read(path)
    except BaselineError as error:
        raise BaselineError(f"{path}: will not be overwritten, for it is no baseline. ({error}) Give another name.") from error


def write(report: Report, path: Path) -> int:
    """Keep what is new or in the baseline already, and mark it as baselined. Returns the number of entries.

    What a scenario expects or a rule suppresses is known otherwise, and is not in it. The file is replaced as a whole or not at all.

    Raises:
        BaselineError: it would overwrite something else than a baseline, or cannot be written.
    """
    check_target(path)
    entries: dict[str, Entry] = {}
    kept = [finding for finding in report.findings if finding.state in ("new", "baselined")]
    for finding in kept:
        entries.setdefault(finding.fingerprint, Entry(finding.fingerprint, finding.criterion, finding.subject, finding.message))
    ordered = sorted(entries.values(), key=lambda entry: (entry.criterion, entry.subject, entry.fingerprint))
    content = {"kind": KIND, "version": VERSION, "findings": [_plain(entry) for entry in ordered]}
    _replace(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    for finding in kept:
        set_state(finding, "baselined")
    report.unmatched_baseline = []
    return len(ordered)


def _plain(entry: Entry) -> dict[str, str]:
    return {name: getattr(entry, name) for name in ("criterion", "fingerprint", "subject", "message")}


def _replace(path: Path, text: str) -> None:
    """Write beside the file and then put it in its place, so that a reader never sees half of it. A link keeps pointing there."""
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        try:
            with beside.open("x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise BaselineError(
            f"{path}: the baseline cannot be written ({error.strerror}). Check the folder, its rights and the space left."
        ) from error
