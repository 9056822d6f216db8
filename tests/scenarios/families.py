"""A package of scenarios that go wrong, written to a folder: what the machinery has to survive."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME = "rogue_scenarios"

_HEAD = '''"""{title}."""

import asyncio, os, sys, time
from spanproof.scenarios.scenario import Scenario

scenario = Scenario(__name__, __doc__, must="nothing", hypotheses=(), tail_s=0.0)

@scenario.control
async def plain():
    """Ends at once."""
    await asyncio.sleep(0.01)

@scenario.variant()
async def wrong():
    """Goes wrong."""
    {body}
'''

_BODIES = {
    "raises": 'print("said on stdout"); await asyncio.sleep(0.01); raise ValueError("two\\n  lines")',
    "exits": "await asyncio.sleep(0.01); sys.exit(3)",
    "blocks": "time.sleep(60)",
    "waits": "await asyncio.Event().wait()",
    "dies": 'await asyncio.sleep(0.01); print("famous last words", file=sys.stderr, flush=True); os._exit(7)',
}


def write(folder: Path) -> str:
    """Write the package below a folder, which has to be on `sys.path`. Returns the package's name."""
    family = folder / NAME / "rogue"
    family.mkdir(parents=True)
    (family.parent / "__init__.py").write_text("")
    (family / "__init__.py").write_text("")
    (family / "no_scenario.py").write_text('"""A module of a family that has no scenario."""\n')
    for name, body in _BODIES.items():
        (family / f"{name}.py").write_text(_HEAD.format(title=name, body=body))
    return NAME
