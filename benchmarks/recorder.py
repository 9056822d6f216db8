"""What recording costs the program: per task and per stage, against a hand-written OpenTelemetry span around each.

    python benchmarks/recorder.py [--quick]

Question: may one leave the recorder on? A good answer: a recorded task adds at most 0.33x of what a hand-written span around it
adds (batch processor, exporter that discards), and a recorded stage no more than the hand-written span around it. Ratios come from
interleaved runs in one process; the least disturbed run of each counts, with the spread of the rest.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from rich.console import Console
from rich.table import Table
from stageflow import Pipeline, StageOutput
from stageflow.stages.context import PipelineContext

from spanproof.instrument import session
from spanproof.instrument.monitoring import TOOL_NAME

if TYPE_CHECKING:
    from opentelemetry import trace

Work = Callable[[int], Awaitable[None]]


class Discard(SpanExporter):
    """The cheapest exporter there is."""

    def export(self, spans: Any) -> SpanExportResult:
        """Throw them away."""
        del spans
        return SpanExportResult.SUCCESS


class ToFile(SpanExporter):
    """One JSON line a span, by the SDK's own `to_json`: what a hand-written trace file costs."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def export(self, spans: Any) -> SpanExportResult:
        """Write them."""
        lines: list[ReadableSpan] = list(spans)
        self._file.writelines(span.to_json(indent=None) + "\n" for span in lines)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the file."""
        self._file.close()


async def tasks(count: int) -> None:
    """`count` tasks of two steps each, 100 at a time."""
    for _ in range(count // 100):
        await asyncio.gather(*(asyncio.create_task(asyncio.sleep(0)) for _ in range(100)))


def spanned_tasks(tracer: trace.Tracer) -> Work:
    """The same with a span around each task."""

    async def spanned() -> None:
        with tracer.start_as_current_span("task sleep") as span:
            span.set_attribute("app.kind", "task")
            await asyncio.sleep(0)

    async def work(count: int) -> None:
        for _ in range(count // 100):
            await asyncio.gather(*(asyncio.create_task(spanned()) for _ in range(100)))

    return work


async def _stage(_ctx: Any) -> StageOutput:
    return StageOutput.ok()


def pipeline_of(stage: Any) -> Work:
    """Runs of a pipeline of 10 stages, one after the other; `count` stages in all."""
    pipeline = Pipeline(name="bench").with_stage("s0", stage, "transform")
    for number in range(1, 10):
        pipeline = pipeline.with_stage(f"s{number}", stage, "transform", dependencies=(f"s{number - 1}",))

    async def work(count: int) -> None:
        for _ in range(count // 10):
            await pipeline.run(PipelineContext())

    return work


def spanned_stage(tracer: trace.Tracer) -> Any:
    """A stage with a hand-written span around its body."""

    async def stage(_ctx: Any) -> StageOutput:
        with tracer.start_as_current_span("stage") as span:
            span.set_attribute("app.stage", "s")
            return StageOutput.ok()

    return stage


@contextmanager
def nothing() -> Generator[None]:
    """No recorder."""
    yield


@contextmanager
def recording(folder: Path) -> Generator[None]:
    """Our recorder, with its file."""
    with session(folder, name="bench"):
        yield


def measure(work: Work, count: int, around: Callable[[], Any]) -> tuple[float, float]:
    """(wall, CPU of all threads) in µs for each of `count`."""
    gc.collect()
    with around():
        wall, cpu = time.perf_counter(), time.process_time()
        asyncio.run(work(count))  # type: ignore[arg-type]
        wall = time.perf_counter() - wall
    cpu = time.process_time() - cpu
    return wall / count * 1e6, cpu / count * 1e6


def compare(title: str, count: int, rounds: int, ways: dict[str, tuple[Work, Callable[[], Any]]]) -> Table:
    """Interleaved rounds of all ways; the first is bare, the second the peer."""
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (work, around) in ways.items():
            each_wall, each_cpu = measure(work, count, around)
            wall[name].append(each_wall)
            cpu[name].append(each_cpu)
    bare, peer = list(ways)[:2]
    table = Table(title=f"{title}: {count} each, best of {rounds} interleaved rounds, Python {sys.version.split()[0]}")
    for column in ("", "µs", "spread", "adds µs", f"adds / {peer}", "CPU adds / peer"):
        table.add_column(column, justify="left" if not column else "right")
    peer_adds, peer_cpu = min(wall[peer]) - min(wall[bare]), min(cpu[peer]) - min(cpu[bare])
    for name in ways:
        best = min(wall[name])
        adds = best - min(wall[bare])
        ratio = "" if name == bare else f"{adds / peer_adds:.2f}x"
        cpu_ratio = "" if name == bare else f"{(min(cpu[name]) - min(cpu[bare])) / peer_cpu:.2f}x"
        table.add_row(name, f"{best:.1f}", f"+{(max(wall[name]) / best - 1) * 100:.0f} %", f"{adds:.1f}", ratio, cpu_ratio)
    return table


def main() -> None:
    """Measure and print."""
    quick = "--quick" in sys.argv
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        null, to_file = TracerProvider(), TracerProvider()
        null.add_span_processor(BatchSpanProcessor(Discard(), max_queue_size=200_000))
        to_file.add_span_processor(BatchSpanProcessor(ToFile(root / "peer.json"), max_queue_size=200_000))
        null_tracer, file_tracer = null.get_tracer("bench"), to_file.get_tracer("bench")

        def ours() -> Any:
            return recording(root / "ours")

        console = Console()
        console.print(
            compare(
                "a task",
                4_000 if quick else 20_000,
                3 if quick else 7,
                {
                    "bare": (tasks, nothing),
                    "hand-written span, discarded": (spanned_tasks(null_tracer), nothing),
                    "hand-written span, to a file": (spanned_tasks(file_tracer), nothing),
                    "spanproof, to its file": (tasks, ours),
                },
            )
        )
        console.print(
            compare(
                "a stage",
                1_000 if quick else 4_000,
                3 if quick else 7,
                {
                    "bare": (pipeline_of(_stage), nothing),
                    "hand-written span, discarded": (pipeline_of(spanned_stage(null_tracer)), nothing),
                    "hand-written span, to a file": (pipeline_of(spanned_stage(file_tracer)), nothing),
                    "spanproof, to its file": (pipeline_of(_stage), ours),
                },
            )
        )
        null.shutdown()
        to_file.shutdown()
    monitored = sys.version_info >= (3, 12)
    console.print(f"deliveries seen by {'sys.monitoring, tool ' + TOOL_NAME if monitored else 'the coroutine probe'}")


if __name__ == "__main__":
    main()
