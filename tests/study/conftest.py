"""What tests of the study have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanproof.study import run_study

if TYPE_CHECKING:
    from spanproof.study import StudyResult


@pytest.fixture(scope="session")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """The whole study, on the virtual clock alone: made once for all that are in the group `study`. Nobody may change it."""
    return run_study(clock="virtual", out=tmp_path_factory.mktemp("studies"))
