"""`check` with what is asked beyond the judgement, `criteria --try` and `new-criterion`: what people and programs get."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest

from spanproof.analyzers.tinytrace_otlp import write
from tests.cli.test_check import CLEAN, SCHEMA, TORN, VIOLATED, found

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command

NEAR = "p.run::0-900=f s.a:run:0-188=t:d100!,!100>188/timer s.b:run:0-101=t:d100!,!100>101/timer"


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    for name, text in {"violated": VIOLATED, "clean": CLEAN, "torn": TORN, "near": NEAR}.items():
        write(tmp_path / f"{name}.json", text)
    return tmp_path


def test_margins_and_what_if(spanproof: Command, traces: Path) -> None:
    asked = ["near.json", "--select", "D01", "--margins", "--what-if", "D01.tolerance_ms=20"]
    shown = spanproof("check", *asked, "--format", "text", "--format", "json=f.json", "--format", "markdown=f.md", "--format", "text=f.txt")
    # The exit status is that of the ordinary judgement.
    assert shown.returncode == 0, shown.stderr
    flat = " ".join(shown.stdout.split())
    assert "held with 12 ms to spare, 88 % of the bound" in flat
    assert "What if D01.tolerance_ms=20 (now 100) D01 deadline-overrun: HOLDS, would be VIOLATED" in flat
    assert "+ stage 'a' went on for 88 ms past its deadline" in flat
    assert "88 % of the bound" in " ".join((traces / "f.txt").read_text().split())
    assert "held with 12 ms to spare" in (traces / "f.md").read_text()
    report = json.loads((traces / "f.json").read_text())
    jsonschema.validate(report, SCHEMA)
    assert report["what_if"][0]["verdict"] == {"from": "holds", "to": "violated"}
    plain = found(spanproof("check", "near.json", "--select", "D01", "--format", "json"))
    assert plain["criteria"][0]["margins"]["used"] == 0.88
    assert "what_if" not in plain
    assert "blind_spots" not in plain


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("D01.tolerance_ms", "--what-if: 'D01.tolerance_ms' is not a parameter. Expected ID.NAME=NUMBER"),
        ("D01.nonsense=3", "D01 has no parameter 'nonsense'"),
        ("D01.tolerance_ms=20ms", "Did you mean 20?"),
    ],
)
def test_what_cannot_be_supposed(spanproof: Command, traces: Path, value: str, told: str) -> None:
    shown = spanproof("check", "near.json", "--what-if", value)
    assert shown.returncode == 2
    assert told in shown.stderr


def test_blind_spots(spanproof: Command, traces: Path) -> None:
    shown = spanproof("check", "torn.json", "--blind-spots", "--format", "text", "--format", "json=f.json", "--format", "markdown=f.md")
    assert shown.returncode == 2
    flat = " ".join(shown.stdout.split())
    assert "Blind spots of the recordings the recording has no end" in flat.replace("what files ", "")
    assert "Blind spots criterion by criterion" in flat
    assert "## Blind spots criterion by criterion" in (traces / "f.md").read_text()
    report = json.loads((traces / "f.json").read_text())
    jsonschema.validate(report, SCHEMA)
    assert {spot["kind"] for spot in report["blind_spots"]["recordings"]} >= {"torn"}


def test_suppressions_of_the_project(spanproof: Command, traces: Path) -> None:
    rules = '{ subject = "stage b", reason = "ends by itself" }, { criterion = "P04", subject = "stage nobody", reason = "once" }'
    (traces / "pyproject.toml").write_text(f"[tool.spanproof]\nsuppress = [{rules}]\n")
    shown = spanproof("check", "violated.json")
    assert shown.returncode == 0, shown.stdout
    assert "Suppressed, and no longer found (take the suppression out)" in shown.stdout
    assert "criterion 'P04', subject 'stage nobody' (once)" in shown.stdout
    report = found(spanproof("check", "violated.json", "--format", "json"))
    jsonschema.validate(report, SCHEMA)
    assert report["findings"]["suppressed"] == len([v for c in report["criteria"] for v in c["violations"]]) > 1
    assert report["unmatched_suppressions"] == [{"criterion": "P04", "subject": "stage nobody", "reason": "once"}]


def test_what_follows_from_a_suppressed_finding_comes_forward(spanproof: Command, traces: Path) -> None:
    (traces / "pyproject.toml").write_text('[[tool.spanproof.suppress]]\ncriterion = "P04"\nreason = "known"\n')
    shown = spanproof("check", "violated.json", "--select", "P03,P04")
    assert shown.returncode == 1
    assert "P03 child-outlives-parent  stage b" in shown.stdout
    assert "suppressed" in shown.stdout


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('suppress = [{ criterion = "P04" }]', "suppress[0]: a suppression needs a reason"),
        ('suppress = "P04"', "can only be set in pyproject.toml: each suppression is a table"),
        ('suppress = [{ criterion = "P99", reason = "x" }]', "no criterion 'P99'"),
    ],
)
def test_suppressions_that_cannot_be_used(spanproof: Command, traces: Path, table: str, told: str) -> None:
    (traces / "pyproject.toml").write_text(f"[tool.spanproof]\n{table}\n")
    shown = spanproof("check", "violated.json")
    assert shown.returncode == 2
    assert told in shown.stderr


def test_a_baseline_from_first_to_last(spanproof: Command, traces: Path) -> None:
    assert spanproof("check", "violated.json").returncode == 1
    written = spanproof("check", "violated.json", "--write-baseline", "known.json")
    assert written.returncode == 0
    assert "known.json: " in written.stderr
    assert spanproof("check", "violated.json", "--baseline", "known.json").returncode == 0
    (traces / "pyproject.toml").write_text('[tool.spanproof]\nbaseline = "known.json"\n')
    assert found(spanproof("check", "violated.json", "--format", "json"))["findings"]["error"] == 0
    fixed = spanproof("check", "clean.json")
    assert fixed.returncode == 0
    assert "In the baseline, and no longer found (fixed? write the baseline anew)" in fixed.stdout


def test_only_a_baseline_is_overwritten(spanproof: Command, traces: Path) -> None:
    before = (traces / "clean.json").read_text()
    shown = spanproof("check", "violated.json", "--write-baseline", "clean.json")
    assert shown.returncode == 2
    assert "will not be overwritten" in shown.stderr
    assert (traces / "clean.json").read_text() == before
    missing = spanproof("check", "violated.json", "--baseline", "none.json")
    assert missing.returncode == 2
    assert "`spanproof check --write-baseline none.json` writes one" in missing.stderr


def test_a_criterion_of_ones_own_from_first_to_last(spanproof: Command, traces: Path) -> None:
    made = spanproof("new-criterion", "X01", "--name", "slow-fanout", "-o", "rules")
    assert (made.returncode, made.stdout.split()) == (0, ["rules/X01_slow_fanout.sql", "rules/X01.traces", "rules/X01.md"])
    assert made.stderr.splitlines()[-1] == "spanproof check --criteria rules"
    assert "X01" in spanproof("check", "clean.json", "--criteria", "rules").stdout
    tried = spanproof("criteria", "--criteria", "rules", "--try")
    assert tried.returncode == 0, tried.stdout
    assert "1 criterion, 7 cases: all as they must be." in tried.stdout
    assert spanproof("criteria", "--criteria", "rules", "--pages").stdout == "rules/X01.md\n"
    again = spanproof("new-criterion", "X01", "-o", "rules")
    assert again.returncode == 2
    assert "X01 is taken by rules/X01_slow_fanout.sql. Take another id, for example X02." in again.stderr
    (traces / "rules" / "X01.traces").write_text("holds: it does not\n    p.p::0-2000  s.a:p:0-1500\n")
    wrong = spanproof("criteria", "--criteria", "rules", "--try")
    assert wrong.returncode == 1
    assert "rules/X01.traces:1: X01 holds: it does not is VIOLATED" in " ".join(wrong.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--try"], "there are no criteria of your own"),
        (["--pages"], "there are no criteria of your own"),
        (["--cases", "rules"], "Add --try"),
        (["--try", "--cases", "missing"], "missing: no such folder. `--cases` takes a folder that holds .traces files."),
    ],
)
def test_trying_with_something_that_is_not_there(spanproof: Command, arguments: list[str], told: str) -> None:
    shown = spanproof("criteria", *arguments)
    assert shown.returncode == 2
    assert told in shown.stderr
