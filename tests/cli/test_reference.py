"""The reference page of the command line is what the commands say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanproof.cli import reference

if TYPE_CHECKING:
    from pathlib import Path


def test_the_page_is_fresh(checkout: Path) -> None:
    page = checkout / "docs" / "reference" / "command-line.md"
    assert page.read_text(encoding="utf-8") == reference.render(), "python -m spanproof.cli.reference > docs/reference/command-line.md"
