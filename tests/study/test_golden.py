"""The golden traces: recorded by real runs, readable by every later version, and free of the machine that recorded them."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanproof.analyzers import check
from spanproof.scenarios import golden, run_many

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spanproof.scenarios import RunResult
    from spanproof.scenarios.result import Job

ORPHANS = [*(f"{id_} stage {name}" for id_ in ("P04", "[P03]", "[O03]") for name in ("price", "stock")), "R03 pipeline order"]

# What every version must find in each; the ids in brackets follow from another finding; without what is only an information.
FINDINGS = {
    "fan_out_fan_in.some_time_out.virtual": ["P04 stage late", "[P03] stage late", "[O03] stage late", "R03 pipeline statement"],
    "no_timeout.timeout_of_a_client.virtual": ["D02 stage rates"],
    "parallel_cancellation.outside.virtual": [
        *("P02 stage credit", "P02 stage price", "P02 stage stock"),
        *("[P03] stage credit", "[P03] stage price", "[P03] stage stock"),
        *("[O03] stage credit", "[O03] stage price", "[O03] stage stock"),
    ],
    "parallel_cancellation.raised.virtual": ["R03 pipeline order"],
    "parallel_cancellation.timeout.real": ORPHANS,
    "parallel_cancellation.timeout.virtual": ORPHANS,
    "simple_timeout.swallowed.virtual": ["P08 stage quote", "[D01] stage quote", "[R01] stage quote", "[O03] stage quote"],
    "simple_timeout.timeout.real": [],
    "subpipeline_cancellation.timeout.virtual": ["P02 stage collect", "[P03] stage collect", "[O03] stage collect"],
}


@pytest.fixture
def folder(checkout: Path) -> Path:
    """The folder of the golden traces."""
    return checkout / "traces" / "golden"


def traces(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def source_files(paths: Iterable[Path]) -> set[str]:
    """Every source file that the traces name, and any other absolute path in them."""
    return {each for path in paths for each in re.findall(r'"(/[^"]*|[^"]*\.py)"', path.read_text(encoding="utf-8"))}


def test_every_golden_trace_is_there_and_no_other_file(folder: Path) -> None:
    names = {f"{scenario.rpartition('/')[2]}.{variant}.{clock}.json" for scenario, variant, clock in golden.GOLDEN}

    assert {path.name for path in folder.iterdir()} == names | {"README.md"}
    assert {path.stem for path in traces(folder)} == set(FINDINGS)
    assert all(path.stat().st_size < 60_000 for path in traces(folder))


def test_the_findings_in_the_golden_traces_are_these(folder: Path) -> None:
    report = check([folder])

    found: dict[str, list[str]] = {path.stem: [] for path in traces(folder)}
    states: defaultdict[str, int] = defaultdict(int)
    for finding in report.findings:
        if finding.severity == "info":
            continue
        id_ = finding.criterion if finding.implied_by is None else f"[{finding.criterion}]"
        found[Path(finding.file or "").stem].append(f"{id_} {finding.subject}")
        states[finding.state] += 1
    assert {name: sorted(told) for name, told in found.items()} == {name: sorted(told) for name, told in FINDINGS.items()}
    assert dict(states) == {"expected": sum(map(len, FINDINGS.values()))}
    assert (report.exit_code(), report.unmet, report.problems) == (0, [], [])


def test_the_golden_traces_name_only_files_of_the_neutral_folder(folder: Path) -> None:
    files = source_files(traces(folder))

    assert files
    assert all(each.startswith(f"{golden.NEUTRAL.as_posix()}/site-packages/") for each in files), files


@pytest.mark.realtime
def test_they_are_kept_as_they_were_recorded_and_the_neutral_folder_goes_away(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[bytes] = []

    def watched(jobs: Iterable[Job]) -> Iterable[RunResult]:
        for result in run_many(jobs):
            assert result.trace is not None
            recorded.append(result.trace.read_bytes())
            yield result

    monkeypatch.setattr(golden, "run_many", watched)
    neutral, out = tmp_path / "neutral", tmp_path / "out"
    out.mkdir()

    kept = golden.record(out, neutral)

    assert [path.read_bytes() for path in kept] == recorded
    assert sorted(path.name for path in kept) == [path.name for path in traces(folder)]
    assert all(each.startswith(f"{neutral}/site-packages/") for each in source_files(kept))
    assert not neutral.exists()


def test_a_neutral_folder_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")

    with pytest.raises(FileExistsError):
        golden.record(tmp_path, tmp_path)
    assert (tmp_path / "mine").read_text() == "precious"
