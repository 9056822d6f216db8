"""Ways to end that are not a result: one message, one exit code, and never a traceback of ours."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Final, ParamSpec

import typer

from .. import terminal
from ..config import ConfigError

VIOLATED: Final = 1
UNUSABLE: Final = 2
NEVER_STARTED: Final = 125
INTERRUPTED: Final = 130

P = ParamSpec("P")


class Failure(Exception):
    """A command that cannot go on. The message says the value, what was expected and the next step."""

    def __init__(self, message: str, code: int = UNUSABLE) -> None:
        super().__init__(message)
        self.code = code


def guarded(command: Callable[P, int | None]) -> Callable[P, None]:
    """Turn a command's return value into the exit code, and what can go wrong into a message.

    Known errors are told in one line. An error that we did not foresee is told with what to do about it; its traceback is shown
    only when `SPANPROOF_DEBUG` asks for it, for it says nothing to whoever typed the command.
    """

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except Failure as failure:
            terminal.complain(f"Error: {failure}")
            code = failure.code
        except ConfigError as error:
            terminal.complain(f"Error: {error}")
            code = UNUSABLE
        except KeyboardInterrupt:
            terminal.complain("Interrupted. What was written until now stays as it is.")
            code = INTERRUPTED
        except typer.Exit:
            raise
        except Exception as error:  # noqa: BLE001 - told as what it is: a defect of ours, in one line
            code = unforeseen(error)
        raise typer.Exit(code or 0)

    return wrapper


def unforeseen(error: Exception) -> int:
    """Tell an error that no command caught; returns the exit code."""
    if _was_foreseen(error):
        terminal.complain(f"Error: {error}")
        return UNUSABLE
    if isinstance(error, OSError):
        terminal.complain(
            f"Error: {error.filename or 'the output'}: {error.strerror or error}. Check the path, its rights and the space left."
        )
        return UNUSABLE
    tell_defect(error, "this is a defect of spanproof")
    return UNUSABLE


def tell_defect(error: Exception, what: str) -> None:
    """Say in one line what nobody foresaw. Its traceback is for whoever mends it, and only on request."""
    if os.environ.get("SPANPROOF_DEBUG"):
        raise error
    terminal.complain(f"Error: {what}: {type(error).__qualname__}: {error}")
    terminal.complain("Set SPANPROOF_DEBUG=1 to see where, and report it with the command that you typed.")


TOLD: Final = (
    ("spanproof.analyzers.errors", "AnalyzerError"),
    ("spanproof.scenarios.discovery", "LibraryMissingError"),
    ("spanproof.scenarios.discovery", "UnknownScenarioError"),
    ("spanproof.scenarios.process", "ScenarioProcessError"),
    ("spanproof.scenarios.sweep", "SweepError"),
    ("spanproof.study.verify", "NoStudyError"),
    ("spanproof.study.extract", "ExtractError"),
    ("spanproof.instrument.attach", "SessionError"),
    ("spanproof.instrument.exporting", "EndpointError"),
)
"""Errors that a room raises on purpose: their text is made for the user, and says all there is to say."""


def _was_foreseen(error: Exception) -> bool:
    """Whether a room refused what it was given; asked without loading a room, for a missing library may be the reason."""
    kinds = (getattr(sys.modules.get(module), name, None) for module, name in TOLD)
    return any(isinstance(error, kind) for kind in kinds if kind is not None)
