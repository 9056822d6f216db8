"""One Jaeger for all tests of a run. They are in one group, so that one process has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import cache
from tests.servers.running import RunningJaeger, running_jaeger

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(scope="session")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningJaeger]:
    """A real one, empty at the beginning of the run."""
    if not cache.jaeger().is_file():
        pytest.skip("Jaeger is not built: `make servers` builds it (Go, some ten minutes, once)")
    with running_jaeger(tmp_path_factory.mktemp("jaeger")) as running:
        yield running
