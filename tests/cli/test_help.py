"""What `--help` says, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanproof.cli.app import COMMANDS, build

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Snapshot
    from tests.conftest import RunPython

HEAVY = ("duckdb", "opentelemetry", "stageflow", "rich")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_pages(spanproof: Command, snapshot: Snapshot, command: str) -> None:
    shown = spanproof(*filter(None, [command]), "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    snapshot(shown.stdout, f"help{'-' if command else ''}{command}.txt")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples_and_says_what_each_option_does(command: str) -> None:
    built = build(command)
    assert "Example" in (built.help or "")
    assert f"spanproof {command}" in (built.help or "")
    silent = [param.name for param in built.params if not getattr(param, "help", None)]
    assert silent == []


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["--version"], ["trace", "missing.py"]])
def test_what_is_not_needed_is_not_imported(run_python: RunPython, arguments: list[str]) -> None:
    program = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr))\n"
        "from spanproof.__main__ import main\n"
        f"main({arguments!r})\n"
    )
    shown = run_python("-c", program)
    assert shown.stderr.splitlines()[-1] == "[]", shown.stderr


def test_a_command_loads_only_its_own_module(run_python: RunPython) -> None:
    program = (
        "import sys, atexit\n"
        "commands = {f'spanproof.cli.{name}' for name in ('check', 'query', 'show', 'doctor')}\n"
        "atexit.register(lambda: print(sorted(commands & set(sys.modules))))\n"
        "from spanproof.__main__ import main\n"
        "main(['doctor', '--nonsense'])\n"
    )
    assert run_python("-c", program).stdout == "['spanproof.cli.doctor']\n"


def test_version(spanproof: Command) -> None:
    import spanproof as package

    assert spanproof("--version").stdout.startswith(f"spanproof {package.__version__} (Python 3.")


def test_completion_is_there(spanproof: Command) -> None:
    shown = spanproof(env={"_SPANPROOF_COMPLETE": "complete_bash", "COMP_WORDS": "spanproof che", "COMP_CWORD": "1"})
    assert shown.stdout.split() == ["check"]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["chekc"], "error-unknown-command.txt"),
        (["check", "--basline", "x"], "error-unknown-option.txt"),
        (["check", "--format", "xml"], "error-unknown-format.txt"),
        (["check", "--format", "text", "--format", "json"], "error-two-formats-for-stdout.txt"),
        (["check", "--fail-on", "fatal"], "error-fail-on.txt"),
        (["check", "--allow", "everything"], "error-allow.txt"),
        (["check", "--param", "D01.tolerance_ms=much"], "error-param-value.txt"),
        (["check", "--param", "tolerance"], "error-param-form.txt"),
        (["run", "app.py"], "error-run-a-script.txt"),
        (["run"], "error-run-nothing.txt"),
        (["run", "paralel_cancellation"], "error-unknown-scenario.txt"),
        (["query", "-c", "x", "-f", "y"], "error-two-statements.txt"),
        (["query", "-f", "missing.sql"], "error-no-statement-file.txt"),
    ],
)
def test_wrong_usage_is_told_in_one_message(spanproof: Command, snapshot: Snapshot, arguments: list[str], name: str) -> None:
    shown = spanproof(*arguments)
    assert shown.returncode == 2
    assert shown.stdout == ""
    assert "Traceback" not in shown.stderr
    snapshot(shown.stderr, name)
