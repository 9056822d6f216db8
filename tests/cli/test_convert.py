"""`spanproof convert`: what it writes, what it tells, what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command

GOLDEN = ROOT / "traces" / "golden" / "simple_timeout.timeout.real.json"


def test_what_is_lost_is_told_on_stderr(spanproof: Command, tmp_path: Path) -> None:
    result = spanproof("convert", GOLDEN, "--to", "jaeger", "-o", "out.json")
    assert (result.returncode, result.stdout) == (0, "")
    assert "what jaeger cannot hold" in result.stderr
    assert "times with nanoseconds" in result.stderr
    assert result.stderr.endswith("spans as jaeger\n")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["data"]


def test_nothing_is_overwritten_unasked(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text("mine", encoding="utf-8")
    result = spanproof("convert", GOLDEN, "--to", "otlp", "-o", "out.json")
    assert result.returncode == 2
    assert result.stderr == "Error: out.json exists, and nothing is overwritten. Name another, or add --force.\n"
    assert (tmp_path / "out.json").read_text(encoding="utf-8") == "mine"
    assert spanproof("convert", GOLDEN, "--to", "otlp", "-o", "out.json", "--force", "-q").stderr == ""
    assert (tmp_path / "out.json").read_text(encoding="utf-8").startswith('{"resourceSpans"')


def test_force_deletes_no_folder_of_others(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear", encoding="utf-8")
    result = spanproof("convert", GOLDEN, "--to", "parquet", "-o", "home", "--force")
    assert (result.returncode, "does not delete" in result.stderr) == (2, True)
    assert (tmp_path / "home" / "letter.txt").exists()


@pytest.mark.parametrize(("output", "says"), [("-", "needs a name"), ("no/such/out.json", "there is no folder")])
def test_where_nothing_can_be_written(output: str, says: str, spanproof: Command) -> None:
    result = spanproof("convert", GOLDEN, "--to", "otlp", "-o", output)
    assert (result.returncode, says in result.stderr) == (2, True), result.stderr


def test_parquet_is_checked_as_the_trace_is(spanproof: Command, tmp_path: Path) -> None:
    assert spanproof("convert", GOLDEN, "--to", "parquet", "-o", "traces.parquet").returncode == 0
    both = [json.loads(spanproof("check", path, "--format", "json").stdout) for path in (GOLDEN, tmp_path / "traces.parquet")]
    first, second = ([(c["id"], c["verdict"], [v["fingerprint"] for v in c["violations"]]) for c in each["criteria"]] for each in both)
    assert first == second
