"""The recorder as an OpenTelemetry instrumentor: in code, and by `opentelemetry-instrument` alone."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanproof.instrument import StageflowInstrumentor, attach
from spanproof.instrument.sinks import MemorySink

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Generator
    from pathlib import Path

    from tests.conftest import RunPython

APP = """
import asyncio
import sys

from opentelemetry import trace

async def work():
    await asyncio.sleep(0.01)

async def main():
    with trace.get_tracer("app").start_as_current_span("request"):
        await asyncio.create_task(work())

if __name__ == "__main__":
    asyncio.run(main())
    print("ran", sys.argv[1:], file=sys.stderr)
"""

INSTRUMENT = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
"""What the script `opentelemetry-instrument` does."""


@pytest.fixture
def provider() -> Generator[tuple[TracerProvider, InMemorySpanExporter]]:
    exporter = InMemorySpanExporter()
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(exporter))
    yield made, exporter
    made.shutdown()


def names(exporter: InMemorySpanExporter) -> list[str]:
    return [span.name for span in exporter.get_finished_spans()]


def test_units_go_to_the_given_provider_and_to_no_file(
    provider: tuple[TracerProvider, InMemorySpanExporter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    instrumentor = StageflowInstrumentor()
    for _ in range(2):  # the second does nothing
        instrumentor.instrument(tracer_provider=provider[0])
    asyncio.run(asyncio.sleep(0))
    for _ in range(2):
        instrumentor.uninstrument()
    asyncio.run(asyncio.sleep(0))
    assert names(provider[1]).count("task sleep") == 1
    assert attach.active() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["out", "variable"])
def test_a_file_is_written_where_a_folder_is_named(
    how: str, provider: tuple[TracerProvider, InMemorySpanExporter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"tracer_provider": provider[0]}
    if how == "out":
        options["out"] = tmp_path
    else:
        monkeypatch.setenv("SPANPROOF_TRACES", str(tmp_path))
    StageflowInstrumentor().instrument(**options)
    asyncio.run(asyncio.sleep(0))
    StageflowInstrumentor().uninstrument()
    (file,) = tmp_path.glob("[!.]*.json")
    assert b'"task sleep"' in file.read_bytes()
    assert "task sleep" in names(provider[1])


def test_a_session_that_records_already_is_joined(provider: tuple[TracerProvider, InMemorySpanExporter]) -> None:
    with attach.session(sink=MemorySink()) as session:
        StageflowInstrumentor().instrument(tracer_provider=provider[0])
        asyncio.run(asyncio.sleep(0))
        StageflowInstrumentor().uninstrument()
        assert attach.active() is session.recorder
    assert names(provider[1]) == []


@pytest.mark.parametrize("value", ["true", "TRUE", " true "])
def test_a_disabled_sdk_disables_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)
    StageflowInstrumentor().instrument(sink=MemorySink())
    assert attach.active() is None
    StageflowInstrumentor().uninstrument()


# --- opentelemetry-instrument ----------------------------------------------------------------------------------------------


def instrumented(run_python: RunPython, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `opentelemetry-instrument COMMAND` with the console exporter."""
    environ = {
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        # Others that are installed wrap coroutines, and then the units bear their names.
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "asyncio",
        **environ,
    }
    return run_python("-c", INSTRUMENT, sys.executable, *command, env=environ)


def spans(printed: str) -> dict[str, dict[str, Any]]:
    """What the console exporter printed, by name: objects one after the other."""
    found: dict[str, dict[str, Any]] = {}
    decoder, rest = json.JSONDecoder(), printed.lstrip()
    while rest:
        span, end = decoder.raw_decode(rest)
        found[span["name"]] = span
        rest = rest[end:].lstrip()
    return found


def test_opentelemetry_instrument_alone(run_python: RunPython, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    done = instrumented(run_python, "app.py", "one", "--two", OTEL_SERVICE_NAME="shop")
    assert (done.returncode, done.stderr) == (0, "ran ['one', '--two']\n")
    found = spans(done.stdout)
    assert set(found) == {"program app", "task main", "request", "task work"}
    assert found["task main"]["parent_id"] is None
    assert found["request"]["parent_id"] == found["task main"]["context"]["span_id"]
    assert found["task work"]["parent_id"] == found["request"]["context"]["span_id"]
    assert found["task work"]["attributes"]["spanproof.outcome"] == "completed"
    assert found["task work"]["resource"]["attributes"]["service.name"] == "shop"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.py"]


def test_opentelemetry_instrument_with_a_folder_for_traces(run_python: RunPython, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    done = instrumented(run_python, "-m", "app", SPANPROOF_TRACES=str(tmp_path / "kept"))
    assert (done.returncode, done.stderr) == (0, "ran []\n")
    (file,) = (tmp_path / "kept").glob("[!.]*.json")
    assert file.name.startswith("app-")
    found, written = spans(done.stdout), file.read_text()
    for name in ("program app", "task main", "task work"):
        assert f'"spanId":"{found[name]["context"]["span_id"].removeprefix("0x")}"' in written


def test_opentelemetry_instrument_in_front_of_the_command(run_python: RunPython, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    both = instrumented(run_python, "-m", "spanproof", "trace", "app.py")
    assert both.returncode == 125
    assert "Error: this process is recorded already" in both.stderr
    assert "ran" not in both.stderr
    one = instrumented(run_python, "-m", "spanproof", "trace", "app.py", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="spanproof")
    assert one.returncode == 0
    assert one.stderr.startswith("ran []\nspanproof check ")


def test_opentelemetry_instrument_with_a_disabled_sdk(run_python: RunPython, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    done = instrumented(run_python, "app.py", OTEL_SDK_DISABLED="true", SPANPROOF_TRACES=str(tmp_path / "kept"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "ran []\n")
    assert [path.name for path in tmp_path.iterdir()] == ["app.py"]
