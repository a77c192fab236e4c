"""Long work in turns: whatever else a worker does, clicks above all, comes in between.

Of the lanes of conversions one works at a time, under a lock that they share, while the others wait for ClickHouse.
Taking turns with each other they would all come to ask at the same time, and then wait for it together, and the memory
of four batches would push each other out of the processor's cache.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")
_AT_ONCE: Final = 250
"""Conversions: some 5 ms of one stage, and what it needs of them, states above all, fits into half a megabyte."""


async def turns(items: Sequence[Item]) -> AsyncIterator[Sequence[Item]]:
    """The items in their order, some at a time."""
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
        await asyncio.sleep(0)
