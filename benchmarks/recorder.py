"""What recording costs: per task, per stage, per timeout, against what people would do by hand and against other tools.

    python benchmarks/recorder.py [--quick]

Question: may one leave the recorder on? A good answer, for a task: the program's own thread pays at most 0.33x of what a hand-written
OpenTelemetry span around it costs (SDK, batch processor), all threads together at most 0.5x of such a span exported to a file; arming
a timeout costs a hundredth of a millisecond, which is a hundredth of the bar that the study sets; and when no session runs, nothing.

Ratios come from interleaved runs in one process, of each the least disturbed one. Two clocks: the CPU time of the loop's thread (what
the program waits for) and the CPU time of all threads until everything is written (what the machine pays).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
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

    from spanproof.instrument.attach import Session
    from spanproof.instrument.records import Unit
    from spanproof.instrument.vocabulary import EndedBy

Work = Callable[[int], Awaitable[None]]


# --- Where spans go --------------------------------------------------------------------------------------------------------


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


class NoSink:
    """Where units go to be forgotten: what is left is the recorder's own work in the program's thread."""

    def opened(self, unit: Unit) -> None:
        """Nothing."""

    def changed(self, unit: Unit) -> None:
        """Nothing."""

    def ended(self, unit: Unit) -> None:
        """Nothing."""

    def close(self, ended_by: EndedBy, open_units: list[Unit]) -> None:
        """Nothing."""


# --- What is done ----------------------------------------------------------------------------------------------------------


async def step() -> None:
    """A task of two steps."""
    await asyncio.sleep(0)


async def tasks(count: int) -> None:
    """`count` tasks, 100 at a time."""
    for _ in range(count // 100):
        await asyncio.gather(*(asyncio.create_task(step()) for _ in range(100)))


def spanned_tasks(tracer: trace.Tracer) -> Work:
    """The same with a span around each task."""

    async def spanned() -> None:
        with tracer.start_as_current_span("task step") as span:
            span.set_attribute("app.kind", "task")
            await asyncio.sleep(0)

    async def work(count: int) -> None:
        for _ in range(count // 100):
            await asyncio.gather(*(asyncio.create_task(spanned()) for _ in range(100)))

    return work


async def _stage(_ctx: Any) -> StageOutput:
    return StageOutput.ok()


def spanned_stage(tracer: trace.Tracer) -> Any:
    """A stage with a hand-written span around its body."""

    async def stage(_ctx: Any) -> StageOutput:
        with tracer.start_as_current_span("stage") as span:
            span.set_attribute("app.stage", "s")
            return StageOutput.ok()

    return stage


def pipeline_of(stage: Any) -> Work:
    """Runs of a pipeline of 10 stages, one after the other; `count` stages in all."""
    pipeline = Pipeline(name="bench").with_stage("s0", stage, "transform")
    for number in range(1, 10):
        pipeline = pipeline.with_stage(f"s{number}", stage, "transform", dependencies=(f"s{number - 1}",))

    async def work(count: int) -> None:
        for _ in range(count // 10):
            await pipeline.run(PipelineContext())

    return work


async def timeouts(count: int) -> None:
    """Timeouts armed and left."""
    for _ in range(count):
        async with asyncio.timeout(10):  # noqa: ASYNC100 - arming and leaving is what is measured
            pass


async def waits(count: int) -> None:
    """`wait_for` around a coroutine that is done at once."""
    for _ in range(count):
        await asyncio.wait_for(step(), 10)


async def cancels(count: int) -> None:
    """Tasks that are cancelled while they wait."""
    for _ in range(count // 100):
        waiting = [asyncio.create_task(asyncio.sleep(10)) for _ in range(100)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def groups(count: int) -> None:
    """Members of TaskGroups, 10 in each."""
    for _ in range(count // 10):
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(step())


# --- Ways to watch it ------------------------------------------------------------------------------------------------------


@dataclass
class Way:
    """One way to run the work: `around` is entered outside of the loop and left when all is written."""

    work: Work
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    inside: Callable[[], Any] | None = None
    """Entered inside the loop, as an async context."""


def by_hand(work: Callable[[trace.Tracer], Work], exporter: Callable[[], SpanExporter]) -> Way:
    """A span that the program opens itself."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter(), max_queue_size=500_000))

    @contextmanager
    def around() -> Generator[None]:
        yield
        provider.force_flush()

    return Way(work(provider.get_tracer("bench")), around)


def instrumentor() -> Way | None:
    """OpenTelemetry's own instrumentation of asyncio; None where it is not installed."""
    try:
        made: Any = import_module("opentelemetry.instrumentation.asyncio").AsyncioInstrumentor
    except ImportError:
        return None
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Discard(), max_queue_size=500_000))

    @contextmanager
    def around() -> Generator[None]:
        os.environ["OTEL_PYTHON_ASYNCIO_COROUTINE_NAMES_TO_TRACE"] = "step"
        made().instrument(tracer_provider=provider)
        try:
            yield
            provider.force_flush()
        finally:
            made().uninstrument()

    return Way(tasks, around)


def pyleak() -> Way | None:
    """pyleak, which finds tasks that are left over; None where it is not installed."""
    try:
        made: Any = import_module("pyleak").no_task_leaks
    except ImportError:
        return None
    return Way(tasks, inside=lambda: made(action="log", enable_creation_tracking=True))


def ours(work: Work, folder: Path | None, **options: Any) -> Way:
    """A session; without a folder its units go nowhere."""

    def around() -> AbstractContextManager[Session]:
        return session(folder, name="bench", sink=None if folder is not None else NoSink(), **options)

    return Way(work, around)


# --- Measuring -------------------------------------------------------------------------------------------------------------


def measure(way: Way, count: int) -> tuple[float, float]:
    """CPU time in µs for each of `count`: of the loop's thread, and of all threads until everything is written."""

    async def main() -> None:
        if way.inside is None:
            await way.work(count)
        else:
            async with way.inside():
                await way.work(count)

    gc.collect()
    everything = time.process_time()
    with way.around():
        mine = time.thread_time()
        asyncio.run(main())
        mine = time.thread_time() - mine
    everything = time.process_time() - everything
    return mine / count * 1e6, everything / count * 1e6


def interleaved(ways: Mapping[str, Way], count: int, rounds: int) -> dict[str, tuple[float, float, float]]:
    """Of each way the best (loop's thread, all threads), and how far the worst round was above the best."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seen[name].append(measure(way, count))
    best: dict[str, tuple[float, float, float]] = {}
    for name, pairs in seen.items():
        mine, everything = ([pair[which] for pair in pairs] for which in (0, 1))
        best[name] = (min(mine), min(everything), max(mine) / min(mine) - 1)
    return best


def table(title: str, rows: Iterable[tuple[str, ...]], columns: Iterable[str]) -> Table:
    """A table with numbers at the right."""
    made = Table(title=title)
    for column in columns:
        made.add_column(column, justify="right" if column else "left")
    for row in rows:
        made.add_row(*row)
    return made


def compare(title: str, ways: Mapping[str, Way], count: int, rounds: int) -> Table:
    """All ways against the first, which is bare; ratios against the second (loop's thread) and the third (all threads)."""
    found = interleaved(ways, count, rounds)
    bare, span, filed = list(ways)[:3]
    mine_of_span, all_of_file = found[span][0] - found[bare][0], found[filed][1] - found[bare][1]
    rows = [
        (
            name,
            f"{mine:.1f}",
            f"+{spread * 100:.0f} %",
            f"{mine - found[bare][0]:.2f}",
            "" if name == bare else f"{(mine - found[bare][0]) / mine_of_span:.2f}x",
            f"{everything - found[bare][1]:.2f}",
            "" if name == bare else f"{(everything - found[bare][1]) / all_of_file:.2f}x",
        )
        for name, (mine, everything, spread) in found.items()
    ]
    heads = ("", "loop's thread, µs", "spread", "adds", f"of {span}", "all threads add", f"of {filed}")
    return table(f"{title}: CPU, {count} each, best of {rounds} interleaved rounds, Python {sys.version.split()[0]}", rows, heads)


def small_things(count: int, rounds: int) -> Table:
    """What arming, cancelling and grouping cost more while it is recorded."""
    works: dict[str, Work] = {
        "asyncio.timeout, armed and left": timeouts,
        "wait_for around a coroutine": waits,
        "a task that is cancelled": cancels,
        "a member of a TaskGroup": groups,
    }
    rows: list[tuple[str, ...]] = []
    for name, work in works.items():
        found = interleaved({"bare": Way(work), "recorded": ours(work, None)}, count, rounds)
        bare, adds = found["bare"][0], found["recorded"][0] - found["bare"][0]
        rows.append((name, f"{bare:.2f}", f"{adds:.2f}", f"{1_000 / adds:.0f} times"))
    return table("Recorded, in the loop's thread", rows, ("", "bare, µs", "adds µs", "goes into 1 ms"))


def main() -> None:
    """Measure and print."""
    quick = "--quick" in sys.argv
    rounds = 3 if quick else 7
    logging.disable(logging.CRITICAL)
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        named: dict[str, Way | None] = {
            "bare asyncio": Way(tasks),
            "hand-written span": by_hand(spanned_tasks, Discard),
            "hand-written span to a file": by_hand(spanned_tasks, lambda: ToFile(root / "tasks.json")),
            "OpenTelemetry's asyncio instrumentor": instrumentor(),
            "pyleak, creation tracked": pyleak(),
            "spanproof, discarded": ours(tasks, None),
            "spanproof to its file": ours(tasks, root / "ours"),
            "spanproof, session over": Way(tasks),
        }
        missing = [name for name, way in named.items() if way is None]
        for name in missing:
            console.print(f"not installed, so not compared: {name}. Next: pip install opentelemetry-instrumentation-asyncio pyleak")
        ways = {name: way for name, way in named.items() if way is not None}
        console.print(compare("A task", ways, 4_000 if quick else 20_000, rounds))
        stages = {
            "bare stageflow": Way(pipeline_of(_stage)),
            "hand-written span": by_hand(lambda tracer: pipeline_of(spanned_stage(tracer)), Discard),
            "hand-written span to a file": by_hand(lambda tracer: pipeline_of(spanned_stage(tracer)), lambda: ToFile(root / "stages.json")),
            "spanproof, discarded": ours(pipeline_of(_stage), None),
            "spanproof to its file": ours(pipeline_of(_stage), root / "ours"),
        }
        console.print(compare("A stage", stages, 1_000 if quick else 4_000, rounds))
    console.print(small_things(1_000 if quick else 5_000, rounds))
    monitored = sys.version_info >= (3, 12)
    console.print(f"deliveries seen by {'sys.monitoring, tool ' + TOOL_NAME if monitored else 'the coroutine probe'}")


if __name__ == "__main__":
    main()
