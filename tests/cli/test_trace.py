"""`spanproof trace`: a traced program does what it does without us, and ends as it ends without us."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanproof.cli import failure, launch, target
from tests.cli import programs

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import RunPython

Done = subprocess.CompletedProcess[str]


def recording(shown: Done, folder: Path) -> Path:
    """The file that the last line on stderr names."""
    words = shown.stderr.splitlines()[-1].split()
    assert words[:2] == ["spanproof", "check"], shown.stderr
    file = folder / words[2]
    for line in file.read_text().splitlines():
        json.loads(line)
    return file


def same(python: Done, traced: Done, folder: Path) -> None:
    """Status, stdout and stderr are the same, but for the last line, which names the recording."""
    assert traced.returncode == python.returncode
    assert traced.stdout == python.stdout
    assert "".join(traced.stderr.splitlines(keepends=True)[:-1]) == python.stderr
    recording(traced, folder)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        (programs.ITSELF, 0),
        (programs.WORKS, 0),
        (programs.RAISES, 1),
        (programs.RAISES_IN_A_TASK_GROUP, 1),
        (programs.DOES_NOT_COMPILE, 1),
        (programs.EXITS_3, 3),
        (programs.EXITS_WITH_A_TEXT, 1),
        (programs.EXITS_WITH_NOTHING, 0),
        (programs.HAS_A_HOOK, 1),
        (programs.OUTLIVES_ITS_MAIN, 0),
        (programs.PICKLES, 0),
        (programs.FORKS, 0),
        (programs.INTERRUPTED, -signal.SIGINT),
    ],
)
def test_a_script_behaves_as_it_does_without_us(
    spanproof: Command, run_python: RunPython, tmp_path: Path, source: str, status: int
) -> None:
    (tmp_path / "app.py").write_text(source)
    python = run_python("app.py", "one", "--check", "-h")
    assert python.returncode == status
    same(python, spanproof("trace", "app.py", "one", "--check", "-h"), tmp_path)


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_children_of_multiprocessing_find_their_main_module(spanproof: Command, run_python: RunPython, tmp_path: Path, method: str) -> None:
    (tmp_path / "app.py").write_text(programs.SPAWNS)
    traced = spanproof("trace", "app.py", method)
    assert (traced.returncode, traced.stdout) == (0, "[2, 4, 6]\n"), traced.stderr
    module = spanproof("trace", "-m", "app", method)
    assert (module.returncode, module.stdout) == (0, "[2, 4, 6]\n"), module.stderr


def test_a_signal_ends_the_recording_as_it_ends_the_program(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(programs.TERMINATED)
    traced = spanproof("trace", "app.py")
    assert traced.returncode == -signal.SIGTERM
    assert traced.stdout == "before\n"
    assert spanproof("ls").returncode == 0


def test_stdin_belongs_to_the_program(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(programs.READS)
    assert spanproof("trace", "app.py", stdin="hello").stdout == "HELLO\n"


def test_a_script_elsewhere_finds_its_neighbours(spanproof: Command, run_python: RunPython, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "neighbour.py").write_text("VALUE = 3\n")
    (tmp_path / "place" / "app.py").write_text("import neighbour, sys\nprint(neighbour.VALUE, sys.path[0])\n")
    (tmp_path / "link.py").symlink_to("place/app.py")
    same(run_python("place/app.py"), spanproof("trace", "place/app.py"), tmp_path)
    same(run_python("link.py"), spanproof("trace", "link.py"), tmp_path)


@pytest.mark.parametrize("name", ["pack", "pack.tool", "pack.__main__", "single"])
def test_modules(spanproof: Command, run_python: RunPython, tmp_path: Path, name: str) -> None:
    (tmp_path / "pack").mkdir()
    told = "import sys\nprint(__name__, __package__, __spec__.name, __file__, sys.argv, sys.path[0])\n"
    (tmp_path / "pack" / "__init__.py").write_text("print('the package')\n")
    (tmp_path / "pack" / "__main__.py").write_text(told)
    (tmp_path / "pack" / "tool.py").write_text(f"from . import __main__ as other\n{told}")
    (tmp_path / "single.py").write_text(told)
    same(run_python("-m", name, "-x"), spanproof("trace", "-m", name, "-x"), tmp_path)


def test_folders_and_archives(spanproof: Command, run_python: RunPython, tmp_path: Path) -> None:
    told = "import sys, helper\nprint(__name__, __package__, __file__, sys.argv, sys.path[0], helper.VALUE)\n"
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text(told)
    (tmp_path / "app" / "helper.py").write_text("VALUE = 1\n")
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        for file in ("__main__.py", "helper.py"):
            archive.write(tmp_path / "app" / file, file)
    for name in ("app", "app.pyz"):
        same(run_python(name, "x"), spanproof("trace", name, "x"), tmp_path)


def install(folder: Path, name: str, first_lines: str, body: str) -> dict[str, str]:
    """An installed program; returns the environment in which it is found."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"{first_lines}\n{body}")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize(
    "first_lines",
    [f"#!{sys.executable}", "#!/usr/bin/env python3", f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''"],
    ids=["interpreter", "env", "long path"],
)
def test_an_installed_program_runs_in_this_process(spanproof: Command, tmp_path: Path, first_lines: str) -> None:
    env = install(tmp_path / "bin", "tool", first_lines, "import sys\nprint('tool', sys.argv[1:])\nsys.exit(5)\n")
    traced = spanproof("trace", "tool", "--help", env=env)
    assert (traced.returncode, traced.stdout) == (5, "tool ['--help']\n"), traced.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "nothing to trace. Expected SCRIPT, -m MODULE or PROGRAM"),
        (["missing.py"], "no script, folder or program 'missing.py'"),
        (["ap.py"], "Did you mean app.py?"),
        (["nowhere/app.py"], "There is no folder 'nowhere' either."),
        (["empty"], "empty is a folder without a __main__.py"),
        (["picture"], "picture is a binary file"),
        (["script.sh"], "script.sh is run by '/bin/sh', not by Python"),
        (["shelltool"], "is not a Python script"),
        (["foreigntool"], "belongs to /somewhere/else/bin/python3"),
        (["-m", "missing"], "no module named 'missing'"),
        (["-m", "empty.missing"], "no module named 'empty.missing'"),
        (["-m", "app.py"], "Write: spanproof trace app.py, or -m app."),
        (["-m", "empty"], "is a package without a __main__ module"),
        (["-m", "sys"], "is built into Python"),
        (["app"], "spanproof trace -m app"),
        (["--nonsense", "app.py"], "No such option"),
        (["--out"], "requires an argument"),
    ],
)
def test_what_never_started_is_told_and_exits_125(spanproof: Command, tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "app.py").write_text("print('ran')\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "picture").write_bytes(b"\x89PNG\x00\x00")
    (tmp_path / "script.sh").write_text("#!/bin/sh\necho ran\n")
    install(tmp_path / "bin", "shelltool", "#!/bin/sh", "echo ran\n")
    env = install(tmp_path / "bin", "foreigntool", "#!/somewhere/else/bin/python3", "print('ran')\n")
    traced = spanproof("trace", *arguments, env=env)
    assert (traced.returncode, traced.stdout) == (125, "")
    assert told in traced.stderr
    assert "Traceback" not in traced.stderr
    assert not (tmp_path / "traces").exists()


def test_the_command_itself_can_be_traced(spanproof: Command) -> None:
    traced = spanproof("trace", "-m", "spanproof", "--version")
    assert traced.returncode == 0, traced.stderr
    assert traced.stdout.startswith("spanproof ")
    assert traced.stderr.startswith("spanproof check ")


@pytest.mark.parametrize(("code", "status"), [(0, 0), (None, 0), (2, 125), (130, 130)])
def test_ctrl_c_before_the_program_began_is_no_refusal(code: object, status: int) -> None:
    assert launch.exit_code(code, ["-q", "trace", "app.py"]) == status


def test_a_file_that_may_not_be_read(guarded: Path) -> None:
    with pytest.raises(failure.Failure, match=r"closed\.py: cannot be read \(Permission denied\)") as caught:
        target.find(str(guarded / "closed.py"), [], as_module=False)
    assert caught.value.code == 125


def test_where_the_file_goes(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(programs.WORKS)
    assert recording(spanproof("trace", "app.py"), tmp_path).parent == tmp_path / "traces"
    assert (tmp_path / "traces" / ".gitignore").read_text() == "*\n"
    (tmp_path / "pyproject.toml").write_text("[tool.spanproof]\ntraces = 'by-file'\n")
    assert recording(spanproof("trace", "app.py"), tmp_path).parent == tmp_path / "by-file"
    by_variable = spanproof("trace", "app.py", env={"SPANPROOF_TRACES": "by-variable"})
    assert recording(by_variable, tmp_path).parent == tmp_path / "by-variable"
    by_option = spanproof("trace", "--out", "by-option", "--name", "shop", "app.py", env={"SPANPROOF_TRACES": "by-variable"})
    file = recording(by_option, tmp_path)
    assert file.parent == tmp_path / "by-option"
    assert file.name.startswith("shop-")


def test_a_program_that_moves_does_not_move_its_recording(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "app.py").write_text("import os\nos.chdir('elsewhere')\nos.environ['SPANPROOF_TRACES'] = 'wrong'\n")
    assert recording(spanproof("trace", "app.py"), tmp_path).parent == tmp_path / "traces"


def test_a_folder_that_cannot_be_written(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(programs.WORKS)
    (tmp_path / "full").write_text("a file, no folder")
    traced = spanproof("trace", "--out", "full/traces", "app.py")
    assert (traced.returncode, traced.stdout) == (0, "[1, 2]\n")
    assert "recording into" in traced.stderr
    file = Path(traced.stderr.splitlines()[-1].split()[-1])
    assert spanproof("ls", file).returncode == 0


def test_quiet(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(programs.WORKS)
    for arguments in (["-q", "trace", "app.py"], ["trace", "-q", "app.py"]):
        traced = spanproof(*arguments)
        assert (traced.returncode, traced.stdout, traced.stderr) == (0, "[1, 2]\n", "")


def test_a_program_that_killed_its_streams(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import sys\nsys.stdout.close()\nsys.stderr = None\n")
    assert spanproof("trace", "app.py").returncode in {0, 120}


def test_beside_a_folder_called_instrument(spanproof: Command, tmp_path: Path) -> None:
    for room in ("instrument", "analyzers", "scenarios"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("WHOSE = 'the user'\n")
    (tmp_path / "app.py").write_text(f"import instrument, analyzers, scenarios\nprint(instrument.WHOSE)\n{programs.WORKS}")
    traced = spanproof("trace", "app.py")
    assert (traced.returncode, traced.stdout) == (0, "the user\n[1, 2]\n"), traced.stderr
    assert spanproof("ls").returncode == 0


def test_files_of_the_user_that_are_called_like_ours_and_like_libraries(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    for name in ("duckdb", "orjson", "typer", "rich"):
        (tmp_path / "place" / f"{name}.py").write_text("raise ImportError('this is not the library')\n")
    (tmp_path / "place" / "app.py").write_text(programs.WORKS)
    traced = spanproof("trace", "--check", "place/app.py")
    assert traced.stdout == "[1, 2]\n"
    assert "this is not the library" not in traced.stderr
