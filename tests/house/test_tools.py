"""Packaging, lock files, Makefile and CI say the same."""

from __future__ import annotations

import re
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("runtime", "dev")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def locked(name: str) -> dict[str, tuple[str, str]]:
    """Package name to its exact version and the rest of its entry, from one lock file."""
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    entries = re.findall(r"^([a-z0-9.-]+)==(\S+)(.*(?:\n .*)*)", text, flags=re.MULTILINE)
    return {package: (version, rest) for package, version, rest in entries}


def wanted(requirements: list[Any]) -> set[str]:
    """The bare package names of a list of requirements, as lock files write them."""
    return {canonicalize_name(re.split(r"[^A-Za-z0-9.-]", text, maxsplit=1)[0]) for text in requirements if isinstance(text, str)}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_has_a_hash_for_everything_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert locked(name)
    assert [package for package, (_, rest) in locked(name).items() if "--hash=sha256:" not in rest] == []


def test_the_lock_files_hold_what_pyproject_asks_for() -> None:
    project, groups = PYPROJECT["project"], PYPROJECT["dependency-groups"]
    runtime = wanted([*project["dependencies"], *groups["build"]])
    assert (sorted(runtime - set(locked("runtime"))), "make lock") == ([], "make lock")
    assert (sorted((runtime | wanted(groups["dev"])) - set(locked("dev"))), "make lock") == ([], "make lock")


def test_tests_run_on_the_versions_that_users_get() -> None:
    runtime, dev = locked("runtime"), locked("dev")
    assert {package: entry[0] for package, entry in runtime.items()} == {package: dev[package][0] for package in runtime if package in dev}


def test_the_build_backend_is_locked_as_asked_for() -> None:
    assert PYPROJECT["build-system"]["requires"] == PYPROJECT["dependency-groups"]["build"]


def test_ci_takes_the_oldest_and_the_newest_supported_python() -> None:
    prefix = "Programming Language :: Python :: "
    classifiers: list[str] = PYPROJECT["project"]["classifiers"]
    supported = sorted((c.removeprefix(prefix) for c in classifiers if c.startswith(prefix)), key=lambda v: int(v.split(".")[1]))
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^(oldest|newest)=(.*)$", script, flags=re.MULTILINE) == [("oldest", supported[0]), ("newest", supported[-1])]
    assert PYPROJECT["project"]["requires-python"] == f">={supported[0]}"


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the checkout."""
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_make_alone_explains_every_target() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert phony is not None
    told = re.findall(r"^  ([a-z]+) ", make().stdout, flags=re.MULTILINE)
    assert sorted(told) == sorted(phony[1].split())


@pytest.mark.parametrize(("code", "advice"), [("exit 127", "needs Python 3.11 or newer"), ("exit 1", "needs Python 3.11 or newer")])
def test_make_without_a_usable_python_says_what_to_do(tmp_path: Path, code: str, advice: str) -> None:
    fake = tmp_path / "python3.9"
    fake.write_text(f"#!/bin/sh\n{code}\n", encoding="utf-8")
    fake.chmod(0o755)
    result = make("study", f"PYTHON={fake}")
    assert result.returncode == 2
    assert advice in result.stderr
    assert "make study PYTHON=" in result.stderr
    assert not (ROOT / ".venvs" / "none").exists()
