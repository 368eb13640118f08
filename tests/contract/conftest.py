from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.lab import Lab, make_lab


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with make_lab() as made:
        yield made
