"""Servers that tests run against, built once and kept outside the repository: `python -m tests.servers.cache` builds what is missing."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
JAEGER: Final = "github.com/jaegertracing/jaeger/cmd/jaeger"


def folder() -> Path:
    """The user's cache folder for us."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spanproof" / "servers"


def jaeger() -> Path:
    """Where the binary of Jaeger is, or will be: its folder is named by the hashes of what it is built from."""
    content = b"".join((HERE / "jaeger" / name).read_bytes() for name in ("go.mod", "go.sum"))
    return folder() / f"jaeger-{hashlib.sha256(content).hexdigest()[:16]}" / "jaeger"


def build() -> int:
    """Build what is missing. Returns the exit code: 1 when something could not be built."""
    target = jaeger()
    if target.is_file():
        print(f"there already: {target}")
        return 0
    go = shutil.which("go")
    if go is None:
        print(
            "Jaeger is built with Go, and there is no `go` on PATH. Install the one that tests/servers/jaeger/go.mod names.",
            file=sys.stderr,
        )
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    print("building Jaeger: a minute of downloads and some ten of work, once")
    with tempfile.TemporaryDirectory(dir=target.parent) as made:
        binary = Path(made, "jaeger")
        environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
        command = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(binary), JAEGER]
        done = subprocess.run(command, cwd=HERE / "jaeger", env=environment, check=False)
        if done.returncode:
            return 1
        binary.rename(target)
    print(f"built: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(build())
