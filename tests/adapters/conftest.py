from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.guard import LOOPBACK, Guard
from adapters.upstream import Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream(Guard(LOOPBACK))
    yield made
    await made.close()
