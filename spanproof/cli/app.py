"""The table of commands. A module is imported when its command is run, or when the list of commands is shown."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from .. import __version__, config, terminal
from . import failure
from .options import Quiet

GROUPS: Final = {
    "Record": ("trace", "run", "study"),
    "Judge": ("check", "explain", "criteria", "new-criterion"),
    "Look": ("ls", "show", "query"),
    "Share": ("convert", "push", "pull"),
    "Prove": ("verify", "compare", "extract"),
    "Help": ("scenarios", "doctor"),
}
"""Commands under the heading that the list of commands puts them."""

COMMANDS: Final = tuple(name for names in GROUPS.values() for name in names)

HELP: Final = """
Proves from recorded traces whether timeouts and cancellations in async Python programs really work.

\b
  spanproof trace app.py           record any Python program, unchanged
  spanproof check                  judge the newest recording
  spanproof show                   see it as a tree with times
  spanproof explain P04            what a criterion means, and how to fix it
  spanproof study                  what stageflow does with timeouts and cancellations

PATH is a trace file, a folder, a glob or - (stdin); left out, it is the newest recording.
Settings: command line, then SPANPROOF_* variables, then [tool.spanproof] in the nearest pyproject.toml.
"""

SETTINGS: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

ROOM_FOR_NAMES: Final = 30
"""Columns that options may take in a help page before their text goes below them."""


class Command(TyperCommand):
    """A command whose help names arguments as we wrote them, without Typer's brackets and type names around them."""

    def collect_usage_pieces(self, ctx: object) -> list[str]:
        return usage_of(self)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        records: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                name = _written(param) if param.param_type_name == "argument" else record[0]
                records[param.param_type_name].append((name, record[1]))
        for heading, kind in (("Arguments", "argument"), ("Options", "option")):
            if records[kind]:
                with formatter.section(heading):
                    formatter.write_dl(records[kind], col_max=ROOM_FOR_NAMES)


def _written(argument: object) -> str:
    """The name of an argument as its module gives it."""
    return str(getattr(argument, "metavar", ""))


def usage_of(command: TyperCommand) -> list[str]:
    """What stands after the command's name in its line of usage."""
    arguments = (_written(param) for param in command.params if param.param_type_name == "argument")
    return [str(command.options_metavar), *arguments]


class Commands(TyperGroup):
    """Knows the commands by name; builds one from its module when it is wanted."""

    def list_commands(self, ctx: object) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | None:
        return build(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # Typer looks for near misses among the commands that it registered itself.
        self.commands = dict.fromkeys(COMMANDS, self)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for heading, names in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, build(name).get_short_help_str(limit=70)) for name in names], col_max=20)


def build(name: str) -> TyperCommand:
    """The command of that name, made from the function of that name in the module of that name, with `_` for `-`."""
    inner = name.replace("-", "_")
    module = import_module(f".{inner}", __package__)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    settings = SETTINGS | getattr(module, "CONTEXT", {})
    alone.command(name, cls=Command, context_settings=settings)(failure.guarded(getattr(module, inner)))
    command = typer.main.get_command(alone)
    if not isinstance(command, TyperCommand):
        raise TypeError(f"command {name}: Typer built a {type(command).__qualname__}, expected a TyperCommand.")
    return command


app = typer.Typer(
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they replace sys.excepthook, and the traced program runs in this process
    rich_markup_mode=None,
    context_settings=SETTINGS,
)


def _version(wanted: bool) -> None:
    if wanted:
        terminal.write(f"spanproof {__version__} (Python {sys.version.split()[0]})\n")
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction]
    version: Annotated[bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
    quiet: Quiet = False,
) -> None:
    pass


def environment_variables() -> list[str]:
    """The variables that settings can come from, for help and documentation."""
    return [f"SPANPROOF_{name.upper()}" for name in config.meanings()]
