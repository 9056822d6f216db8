"""The formats of a report, and where each goes: `--format F[=FILE]`, as often as one likes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from .. import terminal
from . import failure

if TYPE_CHECKING:
    from ..analyzers import Report
    from ..analyzers.verdicts import Severity

Name = Literal["text", "json", "markdown"]
NAMES: Final[tuple[Name, ...]] = ("text", "json", "markdown")


@dataclass(frozen=True, slots=True)
class Output:
    """One wanted form of the report. No file: stdout."""

    name: Name
    file: Path | None


def parse(words: list[str]) -> list[Output]:
    """`["text", "json=f.json"]` as outputs.

    Raises:
        Failure: an unknown format, or two of them for one place.
    """
    outputs: list[Output] = []
    for word in words:
        name, equals, file = word.partition("=")
        if name not in NAMES or (equals and not file):
            raise failure.Failure(f"--format {word}: expected {', '.join(NAMES)}, or one of them with a file, such as json=findings.json.")
        outputs.append(Output(name, Path(file) if file else None))
    places = [output.file for output in outputs]
    twice = next((place for place in places if places.count(place) > 1), ...)
    if twice is not ...:
        raise failure.Failure(
            f"--format: two formats for {twice or 'stdout'}. Give all but one a file of its own, such as json=findings.json."
        )
    return outputs


@dataclass(frozen=True, slots=True)
class Reading:
    """How a report is to be read: the options of `check` that decide its status, and whether people want to see the margins."""

    fail_on: Severity
    allow: frozenset[str]
    strict: bool
    margins: bool = False


def write(outputs: list[Output], report: Report, reading: Reading) -> None:
    """Write a report in each of the wanted formats.

    Raises:
        Failure: a file cannot be written.
    """
    for output in outputs:
        if output.file is None and output.name == "text":
            from . import report_text

            status = report.status(reading.fail_on, strict=reading.strict)
            terminal.show(report_text.draw(report, status, margins=reading.margins))
        elif output.file is None:
            terminal.write(render(output.name, report, reading))
        else:
            _into(output.file, render(output.name, report, reading))


def write_refusal(outputs: list[Output], message: str, reading: Reading) -> None:
    """For other programs: input that could not be read at all is a report too. People get the message alone."""
    from ..analyzers import Report

    problem = {"path": None, "line": None, "byte": None, "what": message, "done": "nothing was judged", "severity": "error"}
    write([output for output in outputs if output.name == "json"], Report([], [], [problem], {}, [], 0), reading)


def render(name: Name, report: Report, reading: Reading) -> str:
    """A report as plain text that does not depend on any terminal."""
    if name == "json":
        return report.to_json(reading.fail_on, reading.allow, strict=reading.strict)
    status = report.status(reading.fail_on, strict=reading.strict)
    if name == "markdown":
        from . import report_markdown

        return report_markdown.render(report, status, margins=reading.margins)
    from . import report_text

    return report_text.plain(report, status, margins=reading.margins)


def _into(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise failure.Failure(
            f"{file}: the report cannot be written ({error.strerror}). Check the folder, its rights and the space left."
        ) from error
