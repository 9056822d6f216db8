"""The public names, and that nothing behind them is loaded before it is used."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

import spanproof

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython

NAMES = ("session", "start", "stop", "detached", "resource", "heartbeat", "load", "check")


def test_the_names_are_there_and_are_what_they_say() -> None:
    assert set(NAMES) <= set(dir(spanproof))
    for name in NAMES:
        assert callable(getattr(spanproof, name)), name


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'sesion'; it has check, detached"):
        spanproof.sesion  # noqa: B018  # pyright: ignore[reportUnusedExpression]


@pytest.mark.parametrize(
    ("name", "loads"),
    [("", []), ("session", []), ("check", ["duckdb"])],
)
def test_a_name_loads_its_room_alone(run_python: RunPython, name: str, loads: list[str]) -> None:
    heavy = {"duckdb", "opentelemetry", "stageflow", "typer", "rich"}
    program = f"import spanproof, sys\n{f'spanproof.{name}' if name else ''}\nprint(sorted({heavy!r} & set(sys.modules)))"
    assert run_python("-c", program).stdout == f"{loads!r}\n"


def test_the_version_is_the_packages(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == spanproof.__version__
