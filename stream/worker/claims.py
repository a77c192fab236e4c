"""Event ids that a batch of this process is about to write: two lanes must not both find an id unknown and write it.

One event may reach two partitions, for its producers may know different things of it and so give it different keys.
Of two workers each sees only its own claims; there the look-up alone must do.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager


class Claims:
    """One per process."""

    def __init__(self) -> None:
        self._claimed: set[str] = set()
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def of(self, event_ids: Collection[str]) -> AsyncIterator[None]:
        """Hold some ids, once nobody else holds any of them: all at once, so that no two lanes wait for each other."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._claimed.isdisjoint(event_ids))
            mine = set(event_ids)
            self._claimed |= mine
        try:
            yield
        finally:
            async with self._changed:
                self._claimed -= mine
                self._changed.notify_all()
