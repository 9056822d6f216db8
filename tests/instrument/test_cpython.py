"""CPython's own tests of asyncio pass while they are recorded: nobody knows its promises better."""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython

MODULES = ["taskgroups", "timeouts", "waitfor", "runners", "queues", "locks"]
if sys.version_info >= (3, 12):
    MODULES.append("eager_task_factory")


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.skipif(
    importlib.util.find_spec("test.test_asyncio") is None,
    reason="this Python came without its own tests (Debian: install libpython3-testsuite; pyenv's and python.org's have them)",
)
def test_asyncio_keeps_every_promise_that_cpython_tests(run_python: RunPython, tmp_path: Path) -> None:
    names = [f"test.test_asyncio.test_{module}" for module in MODULES]
    ran = run_python("-m", "spanproof", "trace", "--out", "traces", "-m", "unittest", *names)
    assert ran.returncode == 0, ran.stderr
    assert "\nOK" in ran.stderr
    lines = [line for file in tmp_path.glob("traces/unittest*.json") for line in file.read_text(encoding="utf-8").splitlines()]
    spans = [span for line in lines for span in json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    faults = [event for span in spans if span["name"] == "recording" for event in span.get("events", ()) if event["name"] == "probe.fault"]
    assert faults == []
    assert sum(span["name"].startswith("task ") for span in spans) > 200
