"""Deliveries are seen in two ways; every test that takes `record` runs with each way that this Python has."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from spanproof.instrument.testing import recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanproof.instrument.attach import Delivery

WAYS: tuple[Delivery, ...] = ("probe", "monitoring") if sys.version_info >= (3, 12) else ("probe",)


@pytest.fixture(params=WAYS)
def record(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`recorded`, with the way of seeing deliveries that is on trial."""
    return partial(recorded, delivery=request.param)
