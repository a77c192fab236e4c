"""How much can be one person."""

from unittest.mock import AsyncMock

import pytest

from stream.base.errors import InputError
from stream.sink.people import MOST_CLICKS, clicks_of


async def test_more_clicks_than_anybody_makes_are_no_person() -> None:
    ids = [(f"click-{number}",) for number in range(MOST_CLICKS + 1)]
    assert len(await clicks_of(AsyncMock(query=AsyncMock(return_value=ids[1:])), ["v"], 1)) == MOST_CLICKS
    with pytest.raises(InputError, match="cannot be one person"):
        await clicks_of(AsyncMock(query=AsyncMock(return_value=ids)), ["v"], 1)
