"""What is installed: one package, complete, that works beside any folder of the user's.

Wheel and sdist are built once, with the locked build backend and without a network.
"""

from __future__ import annotations

import tarfile
import tomllib
import zipfile
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.house.tree import ROOMS, ROOT, named, room_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython

# One worker builds; the others take other tests.
pytestmark = [pytest.mark.xdist_group("package"), pytest.mark.slow]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION: str = PROJECT["version"]


class Built(NamedTuple):
    """The two files that a release consists of, and the wheel that the sdist yields."""

    wheel: Path
    sdist: Path
    wheel_from_sdist: Path


def run_ok(run_python: RunPython, *arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run Python, which must succeed; what it wrote to stdout."""
    result = run_python(*arguments, cwd=cwd, env=env, timeout=110)
    assert result.returncode == 0, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module builds and installs."""
    return tmp_path_factory.mktemp("package")


@pytest.fixture
def built(folder: Path, run_python: RunPython) -> Built:
    """Build as `python -m build` does: the sdist, a wheel from it; and the wheel straight from the checkout."""
    for name, arguments in {"both": [], "direct": ["--wheel"]}.items():
        if not (folder / name).is_dir():
            run_ok(run_python, "-m", "build", "--no-isolation", *arguments, "--outdir", str(folder / name), str(ROOT))
    wheel = f"spanproof-{VERSION}-py3-none-any.whl"
    return Built(folder / "direct" / wheel, folder / "both" / f"spanproof-{VERSION}.tar.gz", folder / "both" / wheel)


@pytest.fixture
def installed(folder: Path, built: Built, run_python: RunPython) -> dict[str, str]:
    """The surroundings of a user who has installed the wheel: it comes before the editable checkout."""
    target = folder / "site"
    if not target.is_dir():
        options = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(target))
        run_ok(run_python, "-I", "-m", "pip", "install", *options, str(built.wheel))
    return {"PYTHONPATH": str(target)}


def contents(wheel: Path) -> dict[str, bytes]:
    """Name and bytes of each file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_one_package(built: Built) -> None:
    assert {name.split("/")[0] for name in contents(built.wheel)} == {"spanproof", f"spanproof-{VERSION}.dist-info"}


def test_the_wheel_holds_every_file_of_the_rooms(built: Built) -> None:
    expected = {named(path) for path in room_files("spanproof")}
    expected |= {f"spanproof/{named(path)}" for room in ROOMS for path in room_files(room)}
    assert {".py", ".sql", ".json", ".typed"} <= {f".{name.rpartition('.')[2]}" for name in expected}
    held = {name for name in contents(built.wheel) if name.startswith("spanproof/")}
    assert (sorted(expected - held), sorted(held - expected)) == ([], []), "(left out, not asked for)"


def test_the_sdist_yields_the_same_wheel(built: Built) -> None:
    assert contents(built.wheel_from_sdist) == contents(built.wheel)


def test_the_sdist_holds_each_room_once(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        members = archive.getmembers()
    inside = [member.name.removeprefix(f"spanproof-{VERSION}/") for member in members]
    assert [member.name for member in members if not member.isfile()] == []
    assert [name for name in inside if name.startswith(tuple(f"spanproof/{room}/" for room in ROOMS))] == []
    assert {f"{room}/__init__.py" for room in ROOMS} <= set(inside)


def test_the_installed_command_says_its_version(installed: dict[str, str], run_python: RunPython, folder: Path) -> None:
    assert VERSION in run_ok(run_python, "-m", "spanproof", "--version", env=installed)
    assert VERSION in run_ok(run_python, str(folder / "site" / "bin" / "spanproof"), "--version", env=installed)


def test_it_works_beside_folders_of_the_same_name(installed: dict[str, str], run_python: RunPython, tmp_path: Path) -> None:
    for name in (*ROOMS, "cli", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong folder')\n", encoding="utf-8")
    program = f"""
import sys, spanproof, spanproof.instrument, spanproof.analyzers, spanproof.scenarios
from spanproof import check, session
assert spanproof.__file__.startswith({installed["PYTHONPATH"]!r}), spanproof.__file__
print([name for name in {ROOMS!r} if name in sys.modules])
"""
    assert run_ok(run_python, "-c", program, cwd=tmp_path, env=installed) == "[]\n"
    assert VERSION in run_ok(run_python, "-m", "spanproof", "--version", cwd=tmp_path, env=installed)
    # The editable install of the checkout has the rooms on sys.path, and must do as well.
    assert VERSION in run_ok(run_python, "-m", "spanproof", "--version", cwd=tmp_path)
    assert "P02" in run_ok(run_python, "-m", "spanproof", "criteria", cwd=tmp_path, env=installed)


def test_it_leaves_a_users_pytest_alone(installed: dict[str, str], run_python: RunPython, tmp_path: Path) -> None:
    # A dependency may bring a pytest plugin that every pytest in that environment then loads; it must not need more than we bring.
    fixture = "import pytest\n@pytest.fixture\ndef answer() -> int:\n    return 42\n"
    (tmp_path / "test_users.py").write_text(f"{fixture}def test_it(answer: int) -> None:\n    assert answer == 42\n", encoding="utf-8")
    assert "1 passed" in run_ok(run_python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path, env=installed)


def test_one_version_everywhere() -> None:
    import spanproof

    assert spanproof.__version__ == VERSION
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {VERSION}" in changelog
