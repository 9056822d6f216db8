"""The door of the room."""

from __future__ import annotations

import spanproof.analyzers
from tests.house.tree import ROOT


def test_no_public_name_is_the_name_of_a_module() -> None:
    # Importing a submodule sets it as an attribute of the package, and hides what the door would have served.
    modules = {path.name.removesuffix(".py") for path in (ROOT / "analyzers").iterdir()}
    assert modules & set(spanproof.analyzers._BEHIND) == set()
