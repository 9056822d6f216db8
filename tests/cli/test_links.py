"""Findings with the address of their span on a Jaeger's pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from spanproof.analyzers.tinytrace_otlp import write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython


def test_each_finding_has_its_link_in_every_format(run_python: RunPython, tmp_path: Path) -> None:
    file = write(tmp_path / "faulty.json", "m::0-100:main  t::10-900:creator=m")
    out = {name: tmp_path / f"report.{name}" for name in ("text", "markdown", "json")}
    formats = [part for name, path in out.items() for part in ("--format", f"{name}={path}")]
    asked = ("-m", "spanproof", "check", str(file), *formats)
    assert run_python(*asked).returncode == 1
    (found, *_) = [each for criterion in json.loads(out["json"].read_text())["criteria"] for each in criterion["violations"]]
    assert found["link"] is None
    assert run_python(*asked, "--jaeger-url", "http://jaeger.example:16686/").returncode == 1
    link = f"http://jaeger.example:16686/trace/{found['trace_id']}?uiFind={found['span_id']}"
    (found, *_) = [each for criterion in json.loads(out["json"].read_text())["criteria"] for each in criterion["violations"]]
    assert found["link"] == link
    assert f"<{link}>" in out["markdown"].read_text()
    assert link in "".join(out["text"].read_text().split())
    refused = run_python(*asked, "--jaeger-url", "jaeger.example")
    assert refused.returncode == 2
    assert "no address of a Jaeger" in refused.stderr
