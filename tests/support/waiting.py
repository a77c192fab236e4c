"""Waiting for what happens in the background, with a limit far above what it takes."""

import asyncio
from collections.abc import Callable


async def eventually(holds: Callable[[], bool], *, limit_s: float = 60) -> None:
    """Return as soon as `holds()`; TimeoutError when it never does."""
    async with asyncio.timeout(limit_s):
        while not holds():
            await asyncio.sleep(0.01)
