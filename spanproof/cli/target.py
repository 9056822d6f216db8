"""What `trace` is asked to run, found before anything is recorded: a script, a module, or an installed program.

Finding it must not run any of it, so a module's packages are looked up on the path and not imported. What cannot be found, or is
not Python, is told in one message; nothing has started then, and the exit code says so (125).
"""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final, Literal

from . import failure

Kind = Literal["script", "module", "container"]
"""`container` is a folder or a zip file with a `__main__.py` in it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A program that can be started.

    Attributes:
        name: the file as it was typed, or the module's dotted name.
        arguments: what follows it on the command line; becomes `sys.argv[1:]`.
        path_entry: what Python puts first on `sys.path` for it.
    """

    kind: Kind
    name: str
    arguments: tuple[str, ...]
    path_entry: str

    @property
    def title(self) -> str:
        """Short name for the recording: `app` of `src/app.py`, `pkg.tool` of a module."""
        return self.name if self.kind == "module" else Path(self.name).absolute().stem


def find(name: str, arguments: list[str], *, as_module: bool) -> Target:
    """The program that the command line means.

    Raises:
        Failure: there is none (code 125).
    """
    if as_module:
        return _module(name, arguments)
    path = Path(name)
    if path.is_file() and not _is_container(path):
        _must_be_python(path)
        return Target("script", name, tuple(arguments), str(path.resolve().parent))
    if _is_container(path):
        return Target("container", name, tuple(arguments), os.path.abspath(name))  # noqa: PTH100 - as the interpreter makes it
    if path.is_dir() and not shutil.which(name):
        raise _never(f"{name} is a folder without a __main__.py. Name a script in it, or a module with -m.")
    return _program(name, arguments)


def _never(message: str) -> failure.Failure:
    return failure.Failure(message, failure.NEVER_STARTED)


# --- Scripts ---------------------------------------------------------------------------------------------------------------

_ZIP_START: Final = b"PK\x03\x04"


def _is_container(path: Path) -> bool:
    if path.is_dir():
        return (path / "__main__.py").is_file()
    return path.is_file() and path.suffix in {".zip", ".pyz"} and _head(path).startswith(_ZIP_START)


def _head(path: Path, size: int = 512) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(size)
    except OSError as error:
        raise _never(f"{path}: cannot be read ({error.strerror}). Check its rights.") from error


def _must_be_python(path: Path) -> None:
    head = _head(path)
    if path.suffix == ".pyc":
        return
    if b"\x00" in head:
        raise _never(f"{path} is a binary file. Expected a Python script, -m MODULE, or an installed program written in Python.")
    if head.startswith(b"#!") and path.suffix not in {".py", ".pyw"} and _interpreter(path, head) is None:
        first = head.splitlines()[0].decode(errors="replace")
        raise _never(f"{path} is run by {first[2:].strip()!r}, not by Python. Name the Python program that it starts in the end.")


def _interpreter(path: Path, head: bytes) -> str | None:
    """The Python that a script's first line asks for; None when it asks for something else.

    pip writes `#!/bin/sh` with the interpreter on the second line when its path is too long or has a blank.
    """
    lines = [line.decode(errors="replace") for line in head.splitlines()[:2]]
    words = lines[0].removeprefix("#!").split()
    if words and "python" not in lines[0] and len(lines) > 1 and lines[1].startswith("'''exec'"):
        words = lines[1].removeprefix("'''exec'").replace('"', "").split()
    return next((word for word in words if Path(word).name.startswith(("python", "pypy"))), None)


# --- Modules ---------------------------------------------------------------------------------------------------------------


def _module(name: str, arguments: list[str]) -> Target:
    here = str(Path.cwd())
    search = [here, *sys.path[1:]]
    if name.endswith(".py"):
        dotted = name.removesuffix(".py").replace("/", ".")
        raise _never(f"-m takes a module's name, got the file {name!r}. Write: spanproof trace {name}, or -m {dotted}.")
    locations: list[str] | None = search
    reached = ""
    for part in name.split("."):
        whole = f"{reached}.{part}" if reached else part
        spec = PathFinder.find_spec(whole, locations) if locations is not None else None
        if spec is None and not reached and part in sys.builtin_module_names:
            raise _never(f"module {name!r} is built into Python and has no code to run.")
        if spec is None:
            raise _never(
                f"no module named {whole!r} on the path from {here}. Check the name, the folder you are in, and that it is installed here."
            )
        locations = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
        reached = whole
    if locations is not None and PathFinder.find_spec(f"{name}.__main__", locations) is None:
        raise _never(f"{name!r} is a package without a __main__ module, so it cannot be run. Name a module in it: -m {name}.MODULE.")
    return Target("module", name, tuple(arguments), here)


# --- Installed programs ----------------------------------------------------------------------------------------------------


def _program(name: str, arguments: list[str]) -> Target:
    # First those of the environment that we are in: it may be used without being activated.
    found = shutil.which(name, path=str(Path(sys.executable).absolute().parent)) or shutil.which(name)
    if found is None:
        raise _never(f"no script, folder or program {name!r}.{_near(name)}{_maybe_module(name)}")
    path = Path(found)
    python = _interpreter(path, _head(path))
    if python is None:
        raise _never(f"{name} ({found}) is not a Python script. Expected one, or -m MODULE, or an installed program written in Python.")
    if _foreign(python):
        raise _never(
            f"{name} ({found}) belongs to {python}, not to {sys.executable}. Install spanproof there: {python} -m pip install spanproof."
        )
    return Target("script", found, tuple(arguments), str(path.resolve().parent))


def _foreign(python: str) -> bool:
    """Whether the program has an environment of its own. `/usr/bin/env python` takes whichever is first, so it takes ours too."""
    return Path(python).is_absolute() and Path(python).absolute().parent != Path(sys.executable).absolute().parent


def _near(name: str) -> str:
    """Files in the folder that were perhaps meant."""
    folder = Path(name).parent
    if not folder.is_dir():
        return f" There is no folder {str(folder)!r} either."
    candidates = [file.name for file in folder.iterdir() if file.suffix == ".py"]
    matches = difflib.get_close_matches(Path(name).name, candidates, n=1)
    return f" Did you mean {folder / matches[0]}?" if matches else " Check the path, or give a module with -m."


def _maybe_module(name: str) -> str:
    importable = name.isidentifier() and PathFinder.find_spec(name, [str(Path.cwd()), *sys.path[1:]]) is not None
    return f" There is a module of that name: spanproof trace -m {name}." if importable else ""
