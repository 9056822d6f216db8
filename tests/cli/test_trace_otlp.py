"""`--otlp` and `--max-bytes` on the command line: where a recording goes besides its file, and how much of it is kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from spanproof.cli import failure, options
from tests.cli import programs
from tests.instrument.sinks import endpoints

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.cli.conftest import Command


@pytest.mark.parametrize("serve", [endpoints.http, endpoints.grpc])
def test_a_traced_program_goes_to_an_endpoint_too(
    serve: Callable[[], AbstractContextManager[endpoints.Endpoint]], spanproof: Command, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(programs.WORKS)
    with serve() as came:
        protocol = "grpc" if serve is endpoints.grpc else "http"
        done = spanproof("trace", "--otlp", came.url, "--otlp-protocol", protocol, "--name", "shop", "app.py")
    assert (done.returncode, done.stdout) == (0, "[1, 2]\n")
    assert sorted(came.names()) == ["program shop", "recording", "task main", "task work", "task work"]
    (line,) = done.stderr.splitlines()
    assert line.startswith("spanproof check traces/shop-")


@pytest.mark.realtime
@pytest.mark.parametrize("serve", [None, endpoints.raw])
def test_no_endpoint_holds_the_exit_up(
    serve: Callable[[], AbstractContextManager[endpoints.Endpoint]] | None, spanproof: Command, tmp_path: Path
) -> None:
    ends = "import asyncio, sys, time\nasyncio.run(asyncio.sleep(0.01))\nprint(time.time())\nsys.exit(3)\n"
    (tmp_path / "app.py").write_text(ends)

    def ending(*options: str) -> tuple[float, str]:
        done = spanproof("trace", *options, "app.py")
        assert done.returncode == 3
        return time.time() - float(done.stdout), done.stderr

    if serve is None:
        taken, told = ending("--otlp", endpoints.nobody())
    else:
        with serve() as came:
            taken, told = ending("--otlp", came.url)
    plain, _ = ending()
    assert taken - plain < 1.0
    warning, last = told.splitlines()
    assert warning.startswith("spanproof: 3 of 3 units were not sent to http://127.0.0.1:")
    file = last.removeprefix("spanproof check ")
    assert warning.endswith(f"{file} has everything")


@pytest.mark.parametrize("command", [("trace", "app.py"), ("run", "exact_timeout"), ("study",)])
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("--otlp", "localhost:4318"), "Error: 'localhost:4318' is no OTLP endpoint."),
        (("--otlp", "http://localhost:1", "--otlp-protocol", "thrift"), "Error: 'thrift' is no protocol"),
    ],
)
def test_a_wrong_endpoint_is_told_before_anything_runs(
    command: tuple[str, ...], wrong: tuple[str, ...], told: str, spanproof: Command, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text("print('ran')\n")
    name, *rest = command
    done = spanproof(name, *wrong, *rest)
    assert done.returncode == (failure.NEVER_STARTED if name == "trace" else failure.UNUSABLE)
    assert done.stdout == ""
    assert done.stderr.startswith(told), done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.py"]


def test_what_the_environment_says_wrong_is_told_before_the_program_runs(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('ran')\n")
    done = spanproof("trace", "--otlp", "http://localhost:4317", "app.py", env={"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"})
    assert (done.returncode, done.stdout) == (failure.NEVER_STARTED, "")
    assert "no exporter can be made for http://localhost:4317: ValueError" in done.stderr


def test_scenarios_go_to_an_endpoint_too(spanproof: Command) -> None:
    with endpoints.http() as came:
        done = spanproof("run", "exact_timeout", "--otlp", came.url)
    assert done.returncode == 0, done.stderr
    assert came.names().count("recording") == 3
    assert "not sent" not in done.stderr


def test_scenarios_say_once_what_did_not_reach_the_endpoint(spanproof: Command) -> None:
    url = endpoints.nobody()
    done = spanproof("run", "exact_timeout", "--otlp", url)
    assert done.returncode == 0, done.stderr
    assert f"3 of 3 runs were not sent to {url}/v1/traces: Connection refused; traces has everything\n" in done.stderr


# --- --max-bytes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"), [("1048576", 2**20), ("100MB", 100_000_000), ("2 GiB", 2**31), ("1.5gb", 1_500_000_000), ("2048KiB", 2**21)]
)
def test_sizes(text: str, size: int) -> None:
    assert options.bytes_of(text, "--max-bytes") == size


@pytest.mark.parametrize("text", ["", "much", "-1", "100 miles", "1e9", "0", "1KB", "1MB2"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(failure.Failure, match=rf"^--max-bytes {text}: .* Expected "):
        options.bytes_of(text, "--max-bytes")


def test_a_limit_for_the_trace(spanproof: Command, tmp_path: Path) -> None:
    many = """
import asyncio

async def main():
    for _ in range(150):
        await asyncio.gather(*[asyncio.create_task(asyncio.sleep(0)) for _ in range(50)])
        await asyncio.sleep(0.005)

asyncio.run(main())
"""
    (tmp_path / "app.py").write_text(many)
    done = spanproof("trace", "--max-bytes", "1MiB", "app.py")
    assert done.returncode == 0
    assert "the oldest parts were deleted to stay below --max-bytes" in done.stderr


def test_a_wrong_limit_is_told_before_the_program_runs(spanproof: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('ran')\n")
    done = spanproof("trace", "--max-bytes", "lots", "app.py")
    assert (done.returncode, done.stdout) == (failure.NEVER_STARTED, "")
    assert done.stderr == (
        "Error: --max-bytes lots: no size. Expected a number of bytes, or one with KB, MB, GB, KiB, MiB or GiB, such as 500MB.\n"
    )
