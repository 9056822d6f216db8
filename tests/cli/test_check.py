"""`spanproof check`: exit codes, formats, and a report that people read."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from spanproof.analyzers.tinytrace_otlp import write
from tests.cli import programs
from tests.cli.conftest import steady

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.cli.conftest import Command, Snapshot

# Stage a times out and its run is aborted; b, its sibling, is not asked and runs on: P04, from which P03 follows.
VIOLATED = "p.run::0-60=t s.a:run:0-50=t:d50!,!50/timer s.b:run:0-400"
CLEAN = "p.run::0-60 s.a:run:0-50:d100-50 s.b:run:0-60:deps="
NOTHING = "a::0-10"
LEAVES_ONE_TO_THE_RUNNER = """
import asyncio

async def main():
    kept = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)

asyncio.run(main())
"""
TORN = "p.run::0- s.a:run:0-:d50 %torn %until=60 %n=2 %rec=torn"


SCHEMA = json.loads((resources.files("spanproof.analyzers") / "findings.schema.json").read_text(encoding="utf-8"))


def found(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    for name, text in {"violated": VIOLATED, "clean": CLEAN, "nothing": NOTHING, "torn": TORN}.items():
        write(tmp_path / f"{name}.json", text)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["violated.json"], 1, "violated"),
        (["violated.json", "--ignore", "error,warning"], 2, "empty"),
        (["violated.json", "--select", "P03,P04"], 1, "violated"),
        (["violated.json", "--select", "sibling-not-cancelled"], 1, "violated"),
        (["violated.json", "--select", "D01"], 0, "ok"),
        (["violated.json", "--ignore", "P"], 0, "ok"),
        (["clean.json"], 0, "ok"),
        (["violated.json", "--select", "R07"], 2, "empty"),
        (["violated.json", "--select", "R07", "--allow", "empty"], 0, "empty"),
        (["torn.json"], 2, "unknown"),
        (["torn.json", "--allow", "unknown,empty"], 0, "unknown"),
        (["missing.json"], 2, "error"),
    ],
)
def test_exit_codes_and_the_status_in_json(spanproof: Command, traces: Path, arguments: list[str], code: int, status: str) -> None:
    shown = spanproof("check", *arguments, "--format", "json")
    report = found(shown)
    assert (shown.returncode, report["exit_code"], report["status"]) == (code, code, status), shown.stderr
    jsonschema.validate(report, SCHEMA)


def test_the_conclusion_denies_no_finding_that_does_not_count(spanproof: Command, traces: Path) -> None:
    assert "OK: nothing is violated." in spanproof("check", "clean.json").stdout
    (traces / "app.py").write_text(LEAVES_ONE_TO_THE_RUNNER)
    shown = spanproof("trace", "--check", "app.py")
    assert shown.returncode == 0, shown.stderr
    assert "OK: nothing that counts is violated. Criteria: 1 violated" in shown.stderr


def test_an_empty_file_is_named_as_the_reason_why_nothing_was_judged(spanproof: Command, traces: Path) -> None:
    (traces / "empty.json").write_text("")
    shown = spanproof("check", "empty.json")
    assert shown.returncode == 2
    assert "empty.json: an empty file; nothing was read" in shown.stdout
    assert "an empty file" not in spanproof("check", "empty.json", "clean.json").stdout


def test_settings_change_the_verdict_as_options_do(spanproof: Command, traces: Path) -> None:
    (traces / "pyproject.toml").write_text("[tool.spanproof]\nignore = ['P']\n")
    assert spanproof("check", "violated.json").returncode == 0
    assert spanproof("check", "violated.json", "--ignore", "D").returncode == 1
    assert spanproof("check", "violated.json", env={"SPANPROOF_IGNORE": "D"}).returncode == 1


def test_parameters_reach_the_criteria(spanproof: Command, tmp_path: Path) -> None:
    write(tmp_path / "late.json", "s.a::0-160=t:d50!,!50/timer")
    assert found(spanproof("check", "late.json", "--select", "D01", "--format", "json"))["parameters"]["D01.tolerance_ms"] == 100
    strict = found(spanproof("check", "late.json", "--select", "D01", "--param", "D01.tolerance_ms=5", "--format", "json"))
    assert strict["parameters"]["D01.tolerance_ms"] == 5


def test_the_report(spanproof: Command, snapshot: Snapshot, traces: Path) -> None:
    shown = spanproof("check", "violated.json")
    assert (shown.returncode, shown.stderr) == (1, "")
    snapshot(shown.stdout, "check-violated.txt")
    snapshot(spanproof("check", "clean.json").stdout, "check-clean.txt")
    snapshot(spanproof("check", "torn.json").stdout, "check-torn.txt")


def test_the_report_in_ascii_and_narrow(spanproof: Command, snapshot: Snapshot, traces: Path) -> None:
    shown = spanproof("check", "violated.json", env={"PYTHONIOENCODING": "ascii", "COLUMNS": "50"})
    assert shown.stdout.isascii()
    assert max(map(len, shown.stdout.splitlines())) <= 52  # an ellipsis becomes three dots
    snapshot(shown.stdout, "check-ascii-narrow.txt")


def test_markdown(spanproof: Command, snapshot: Snapshot, traces: Path) -> None:
    snapshot(spanproof("check", "violated.json", "torn.json", "--format", "markdown").stdout, "check.md")


def test_several_formats_at_once(spanproof: Command, traces: Path) -> None:
    shown = spanproof(
        "check", "violated.json", "--format", "text", "--format", "json=f.json", "--format", "markdown=f.md", "--format", "text=f.txt"
    )
    assert shown.returncode == 1
    assert "P04 sibling-not-cancelled" in shown.stdout
    assert json.loads((traces / "f.json").read_text())["status"] == "violated"
    assert (traces / "f.md").read_text().startswith("# VIOLATED.")
    assert "P04 sibling-not-cancelled" in (traces / "f.txt").read_text()


def test_the_same_traces_give_the_same_bytes(spanproof: Command, traces: Path) -> None:
    first, second = (spanproof("check", "violated.json", "torn.json", "--format", "json").stdout for _ in range(2))
    assert first == second


def test_a_thousand_of_one_defect_are_one_defect(spanproof: Command, tmp_path: Path) -> None:
    """The pattern, the count and three examples; all stay in JSON. Names that differ in their numbers have fingerprints that differ."""
    runs = " ".join(f"p.run{n}::0-60=t s.a{n}:run{n}:0-50=t:d50!,!50/timer s.b{n}:run{n}:0-400" for n in range(1000))
    write(tmp_path / "many.json", runs)
    shown = spanproof("check", "many.json", "--select", "P04", "--format", "text", "--format", "markdown=f.md", "--format", "json=f.json")
    assert shown.returncode == 1
    assert re.search(r"^x? ?.*P04 sibling-not-cancelled  stage b\*  error .* 1,000 times$", shown.stdout, flags=re.MULTILINE)
    assert re.findall(r"stage 'b\d+' from 2023-11-14 22:13:20\.000, trace [0-9a-f]{8} in many\.json", shown.stdout) == [
        f"stage 'b{n}' from 2023-11-14 22:13:20.000, trace {'0' * 8} in many.json" for n in range(3)
    ]
    assert len(shown.stdout.splitlines()) < 40
    page = (tmp_path / "f.md").read_text()
    assert "## P04 sibling-not-cancelled (error, 1,000 times)" in page
    assert "- Subject: stage b\\*" in page
    assert page.count("from 2023-11-14") == 3
    report = json.loads((tmp_path / "f.json").read_text())
    violations = next(each for each in report["criteria"] if each["id"] == "P04")["violations"]
    assert len(violations) == len({each["fingerprint"] for each in violations}) == 1000


def test_a_long_list_of_different_defects_has_an_end(spanproof: Command, tmp_path: Path) -> None:
    names = [f"{one}{two}" for one in "abcdef" for two in "ghijklmnop"]
    runs = " ".join(f"p.run{n}::0-60=t s.x{n}:run{n}:0-50=t:d50!,!50/timer s.{n}:run{n}:0-400" for n in names)
    write(tmp_path / "many.json", runs)
    shown = spanproof("check", "many.json", "--select", "P04")
    assert len(shown.stdout.splitlines()) < 130
    assert re.search(r"and \d+ more; --format json lists all", shown.stdout)


def test_tasks_of_one_line_are_one_defect_whatever_they_are_called(spanproof: Command, tmp_path: Path) -> None:
    tasks = " ".join(f"m{n}::0-100 {name}:m{n}:0-400:file=jobs.py,line=7" for n, name in enumerate(("one", "two", "three", "four")))
    write(tmp_path / "jobs.json", tasks)
    shown = spanproof("check", "jobs.json", "--select", "P03")
    assert re.search(r"P03 child-outlives-parent  task \*  error .* 4 times$", shown.stdout, flags=re.MULTILINE)
    assert shown.stdout.count("from 2023-11-14") == 3


def test_ignoring_a_cause_brings_its_consequences_forward(spanproof: Command, traces: Path) -> None:
    told = spanproof("check", "violated.json", "--select", "P03,P04").stdout
    assert "Also P03 follows from it" in " ".join(told.split())
    assert "P03 child-outlives-parent" not in told
    alone = spanproof("check", "violated.json", "--select", "P03,P04", "--ignore", "P04")
    assert alone.returncode == 1
    assert "P03 child-outlives-parent  stage b" in alone.stdout


def test_expected_findings_are_known_and_strict_counts_them(spanproof: Command, tmp_path: Path) -> None:
    env = {"SPANPROOF_TRACES": str(tmp_path / "out")}
    ran = spanproof("run", "parallel_cancellation/timeout", env=env)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "P04 R03 as expected" in ran.stdout
    usual = spanproof("check", env=env)
    assert usual.returncode == 0
    assert re.search(r"^Known\n  P04 +expected", usual.stdout, flags=re.MULTILINE)
    assert spanproof("check", "--strict", env=env).returncode == 1


@pytest.mark.realtime
def test_a_program_with_a_fault_and_without_it(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(programs.ORPHANS.replace("PRICE_S", "10"))
    traced = spanproof("trace", "app.py")
    assert (traced.returncode, traced.stdout) == (0, "UnifiedStageExecutionError\n")
    shown = spanproof("check")
    assert shown.returncode == 1
    assert "P04 sibling-not-cancelled" in shown.stdout
    assert re.search(r"stage 'stock' was at work .* ran on for [\d.]+ m?s", " ".join(shown.stdout.split()))
    (tmp_path / "app.py").write_text(programs.ORPHANS.replace("PRICE_S", "0.1"))
    assert spanproof("trace", "app.py").returncode == 0
    assert spanproof("check").returncode == 0


@pytest.mark.realtime
def test_trace_with_check_exits_with_the_verdict_of_a_clean_program(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(programs.ORPHANS.replace("PRICE_S", "10"))
    traced = spanproof("trace", "--check", "app.py")
    assert (traced.returncode, traced.stdout) == (1, "UnifiedStageExecutionError\n")
    assert "P04 sibling-not-cancelled" in traced.stderr
    assert traced.stderr.splitlines()[-1].startswith("spanproof show traces/app-")
    (tmp_path / "fails.py").write_text(programs.ORPHANS.replace("PRICE_S", "10") + "raise SystemExit(7)\n")
    failed = spanproof("trace", "--check", "fails.py")
    assert failed.returncode == 7
    assert "P04 sibling-not-cancelled" in failed.stderr


def test_explain_with_traces(spanproof: Command, traces: Path) -> None:
    shown = spanproof("explain", "P04", "violated.json")
    assert shown.returncode == 0
    assert "Why it matters" in shown.stdout
    assert "P04 VIOLATED, 1 subject" in shown.stdout or re.search(r"P04 VIOLATED, \d subjects", shown.stdout)


def test_next_command_can_be_typed(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "a b.py").write_text(programs.WORKS)
    last = spanproof("trace", "--out", "my traces", "a b.py").stderr.splitlines()[-1]
    assert re.fullmatch(r"spanproof check 'my traces/a_b-TIME-PID.json'", steady(last, tmp_path)), last
