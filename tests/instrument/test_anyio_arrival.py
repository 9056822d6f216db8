"""anyio that comes after the session began: seen without being imported by us, and nothing of ours left in the import system."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.instrument.anyio.arrival import Arrival, loaded
from spanproof.instrument.anyio.internals import Internals, UnknownInternalsError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

NAME = "late_backend"


@pytest.fixture
def late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A module that can be imported and is not."""
    file = tmp_path / f"{NAME}.py"
    file.write_text("import json\nhere = __loader__\nmade = 5\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield file
    sys.modules.pop(NAME, None)


def test_the_module_is_told_of_once_it_is_complete(late: Path) -> None:
    assert late.exists()
    told: list[int] = []
    arrival = Arrival(lambda module: told.append(module.made), NAME)
    before = list(sys.meta_path)
    arrival.listen()
    assert sys.meta_path == [arrival, *before]
    assert importlib.import_module("json") is json
    module = importlib.import_module(NAME)
    assert told == [5]
    # The import system is as it was: no finder, and the plain loader, which carries nothing of ours.
    assert sys.meta_path == before
    assert type(module.__loader__) is SourceFileLoader
    assert module.here is module.__loader__
    assert "exec_module" not in vars(module.__loader__)
    arrival.look()
    assert told == [5]


def test_a_session_that_ends_before_leaves_nothing_behind(late: Path) -> None:
    assert late.exists()
    told: list[ModuleType] = []
    before = list(sys.meta_path)
    arrival = Arrival(told.append, NAME)
    arrival.listen()
    # Somebody has asked where the module is, and has not imported it.
    spec = importlib.util.find_spec(NAME)
    assert spec is not None
    assert spec.loader is not None
    assert "exec_module" in vars(spec.loader)
    arrival.leave()
    assert sys.meta_path == before
    assert "exec_module" not in vars(spec.loader)
    importlib.import_module(NAME)
    assert told == []


def test_a_module_that_fails_to_import_fails_as_without_us(late: Path) -> None:
    late.write_text("raise ImportError('broken')\n", encoding="utf-8")
    told: list[ModuleType] = []
    arrival = Arrival(told.append, NAME)
    arrival.listen()
    try:
        with pytest.raises(ImportError, match="broken"):
            importlib.import_module(NAME)
        assert (told, loaded(NAME)) == ([], None)
        late.write_text("made = 6\n" + "#" * 100, encoding="utf-8")
        importlib.invalidate_caches()
        importlib.import_module(NAME)
        assert len(told) == 1
    finally:
        arrival.leave()


def test_a_hook_that_stands_before_ours_keeps_the_moment_but_not_the_module(late: Path) -> None:
    class Hook:
        """Finds the module by itself, as pytest's rewriting of assertions does."""

        def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
            assert (path, target) == (None, None)
            return importlib.util.spec_from_file_location(name, late) if name == NAME else None

    told: list[ModuleType] = []
    arrival, hook = Arrival(told.append, NAME), Hook()
    arrival.listen()
    sys.meta_path.insert(0, hook)
    try:
        module = importlib.import_module(NAME)
        assert told == []
        arrival.look()
        assert told == [module]
        assert arrival not in sys.meta_path
    finally:
        sys.meta_path.remove(hook)
        arrival.leave()


def test_a_loader_that_takes_no_attribute_is_left_alone(late: Path) -> None:
    class Loader:
        """Has no room for anything."""

        __slots__ = ()

        def create_module(self, spec: Any) -> None:
            assert spec.name == NAME

        def exec_module(self, module: Any) -> None:
            module.made = 7

    class Finder:
        """Gives that loader."""

        def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
            assert (path, target) == (None, None)
            return importlib.util.spec_from_loader(name, loader) if name == NAME else None

    assert late.exists()
    loader: Any = Loader()
    told: list[ModuleType] = []
    arrival, finder = Arrival(told.append, NAME), Finder()
    sys.meta_path.insert(0, finder)
    arrival.listen()
    try:
        module = importlib.import_module(NAME)
        assert (module.made, told) == (7, [])
        arrival.look()
        assert told == [module]
    finally:
        sys.meta_path.remove(finder)
        arrival.leave()


def test_an_anyio_with_other_internals_is_named_by_what_it_lacks() -> None:
    from anyio._backends import _asyncio as backend

    assert Internals(backend).scope is backend.CancelScope
    other = ModuleType("other")
    other.CancelScope = type("CancelScope", (), {"__enter__": 1, "__exit__": 1, "cancel": 1, "deadline": 1})  # type: ignore[attr-defined]
    other.TaskGroup = backend.TaskGroup  # type: ignore[attr-defined]
    with pytest.raises(UnknownInternalsError, match="no _deliver_cancellation in CancelScope"):
        Internals(other)


PROGRAM = """
import asyncio, sys
assert "anyio" not in sys.modules
{imports}
async def main():
    {inside}
    with anyio.move_on_after(0.01):
        await anyio.sleep(1)
asyncio.run(main())
left = [type(finder).__module__ for finder in sys.meta_path if not isinstance(finder, type)]
assert not any(name.startswith("spanproof.instrument.anyio") for name in left), left
"""


def traced(program: str, folder: Path) -> list[dict[str, Any]]:
    """The documents of a real `spanproof trace` of a script."""
    script = folder / "program.py"
    script.write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "spanproof", "trace", "--out", str(folder / "traces"), str(script)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    (file,) = (folder / "traces").glob("program-*.json")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("imports", "inside"), [("import anyio", "pass"), ("", "global anyio; import anyio")], ids=["before", "in the loop"]
)
def test_a_traced_program_imports_anyio_after_the_session_began(tmp_path: Path, imports: str, inside: str) -> None:
    documents = traced(PROGRAM.format(imports=imports, inside=inside), tmp_path)
    names = [span["name"] for document in documents for scope in document["resourceSpans"][0]["scopeSpans"] for span in scope["spans"]]
    assert "timeout main" in names
    seams = [
        value["stringValue"]
        for attribute in documents[-1]["resourceSpans"][0]["resource"]["attributes"]
        if attribute["key"] == "spanproof.seams"
        for value in attribute["value"]["arrayValue"]["values"]
    ]
    assert "anyio=held" in seams


def test_a_traced_program_without_anyio_does_not_get_it(tmp_path: Path) -> None:
    program = "import asyncio, sys\nasyncio.run(asyncio.sleep(0))\nassert not any(name.split('.')[0] == 'anyio' for name in sys.modules)\n"
    documents = traced(program, tmp_path)
    assert "anyio=absent: anyio's backend for asyncio was not imported" in json.dumps(documents[-1])
