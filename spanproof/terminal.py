"""What we write where: the result to stdout, all else to stderr, and never a character that the terminal cannot show.

Rich is loaded only where something is drawn. `NO_COLOR`, `FORCE_COLOR` and `TERM=dumb` are Rich's own business; what it leaves to
us: a stream whose encoding lacks our symbols, a reader that went away (`| head -1`), and a stable width in files and pipes.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPE_WIDTH: Final = 100
"""Columns of what goes into a file or a pipe: there is no terminal to ask, and a report must not depend on who wrote it."""

NARROWEST: Final = 40
"""Below this no table can be read; we keep drawing for this width and let the terminal wrap."""


HOLDS: Final = "✓"
VIOLATED: Final = "✗"
UNKNOWN: Final = "?"
NOT_EXERCISED: Final = "·"
DOT: Final = "·"
MORE: Final = "…"

STAND_INS: Final = str.maketrans(
    {"✓": "+", "✗": "x", "·": "-", "…": "...", "–": "-", "→": "->", "×": "x", "µ": "u", "─": "-", "│": "|", "├": "|", "└": "`"}
)
"""What ASCII has for the characters that we write ourselves. Names of the user's come out as escapes."""


def readable(text: str, stream: TextIO | None = None) -> str:
    """The text as `stream` (default: stdout) can show it."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return text.translate(STAND_INS).encode("ascii", "backslashreplace").decode()
    return text


def console(*, stderr: bool = False) -> Console:
    """A Rich console for one of the streams: coloured on a terminal, plain and of a fixed width elsewhere."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    made = Console(file=stream, highlight=False, emoji=False, markup=False, soft_wrap=False, safe_box=True)
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal():
        made.width = max(int(columns), NARROWEST)
    elif not stream.isatty():
        made.width = PIPE_WIDTH
    else:
        made.width = max(made.width, NARROWEST)
    return made


def show(*parts: RenderableType) -> None:
    """Draw on stdout. In a file or a pipe no line ends with blanks."""
    drawing = console()
    with drawing.capture() as captured:
        drawing.print(*parts, sep="\n")
    text = captured.get()
    write(text if drawing.is_terminal else "".join(f"{line.rstrip()}\n" for line in text.splitlines()))


def write(text: str) -> None:
    """Put a result on stdout."""
    try:
        sys.stdout.write(readable(text))
        sys.stdout.flush()
    except BrokenPipeError:
        _reader_went_away()


def write_bytes(parts: Iterable[bytes]) -> None:
    """Put a binary result on stdout."""
    try:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _reader_went_away()


def _reader_went_away() -> None:
    """Nobody reads any more, which is their right and no error: what is still to come goes nowhere.

    The descriptor itself is replaced, because the interpreter flushes stdout once more at its end.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class _Quiet:
    """Whether `-q` was given. One process runs one command, so this is process-wide on purpose."""

    on = False


def be_quiet() -> None:
    """Suppress notes from here on; errors are still told."""
    _Quiet.on = True


def note(text: str) -> None:
    """A remark on stderr, left out with `-q`."""
    if not _Quiet.on:
        complain(text)


def complain(text: str) -> None:
    """A line on stderr that `-q` does not suppress. A closed stderr is nobody's error either."""
    try:
        sys.stderr.write(f"{readable(text, sys.stderr)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def progress_wanted() -> bool:
    """Progress is for people who look: only on a terminal, and not with `-q`."""
    return not _Quiet.on and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def progress(text: str) -> None:
    """Replace the line of progress on stderr; an empty text takes it away."""
    if progress_wanted():
        sys.stderr.write(f"\r\x1b[2K{text}")
        sys.stderr.flush()


def next_command(*words: str | Path) -> None:
    """The last line of a recording: what to type next."""
    note(" ".join(shlex.quote(str(word)) for word in ("spanproof", *words)))


def shortest(path: Path, base: Path | None = None) -> str:
    """`path` as it is quickest to type from `base` (default: the working folder)."""
    base = Path.cwd() if base is None else base
    try:
        return str(path.absolute().relative_to(base))
    except ValueError:
        return str(path)
