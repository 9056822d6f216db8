"""A Jaeger for a test: on loopback, on free ports, stopped by its process id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import urllib3

from tests.servers.cache import HERE, jaeger

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

START_S: Final = 60.0
"""How long it may take until it answers; a second is usual."""

PORTS: Final = ("QUERY_HTTP", "QUERY_GRPC", "HEALTH", "OTLP_GRPC", "OTLP_HTTP")


@dataclass(frozen=True, slots=True)
class RunningJaeger:
    """Addresses of one."""

    query: str
    otlp_http: str
    otlp_grpc: str


def _free_ports(count: int) -> list[int]:
    # All held at once, so that no two are the same.
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running_jaeger(logs: Path) -> Generator[RunningJaeger]:
    """Run one; what it says is written to a file in `logs`."""
    ports = dict(zip(PORTS, map(str, _free_ports(len(PORTS))), strict=True))
    said = logs / "jaeger.log"
    with said.open("wb") as file:
        server = subprocess.Popen(
            [jaeger(), "--config", HERE / "jaeger" / "config.yaml"], env={**os.environ, **ports}, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        _wait(server, f"http://127.0.0.1:{ports['HEALTH']}/status", said)
        yield RunningJaeger(
            f"http://127.0.0.1:{ports['QUERY_HTTP']}", f"http://127.0.0.1:{ports['OTLP_HTTP']}", f"http://127.0.0.1:{ports['OTLP_GRPC']}"
        )
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], status: str, said: Path) -> None:
    until = time.monotonic() + START_S
    with urllib3.PoolManager(retries=False, timeout=2) as pool:
        while time.monotonic() < until:
            if server.poll() is not None:
                raise RuntimeError(f"Jaeger has ended: {said.read_text('utf-8', 'replace')[-2000:]}")
            try:
                if b"StatusOK" in pool.request("GET", status).data:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.05)
    raise RuntimeError(f"Jaeger does not answer: {said.read_text('utf-8', 'replace')[-2000:]}")
