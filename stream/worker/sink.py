"""ClickHouse as the path sees it: what is handed over is in when the call returns.

A request that fails in passing is repeated unchanged, with the same deduplication token, for as long as it takes:
meanwhile the lane takes nothing new, its partition is not fetched, and the lag stays in Kafka. A refusal is an error
that ends the process.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from stream.base import log, metrics
from stream.base.errors import UnavailableError
from stream.sink import recount
from stream.sink.clickhouse import ClickHouse
from stream.worker.lease import Lease

Answer = TypeVar("Answer")
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_logger = log.get(__name__)


class Sink:
    """One per process; safe for concurrent use within its event loop."""

    def __init__(self, clickhouse: ClickHouse, lease: Lease) -> None:
        self._clickhouse = clickhouse
        self._lease = lease

    async def ask(self, statement: str, question: Callable[[ClickHouse], Awaitable[Answer]]) -> Answer:
        """The answer to a question, asked until there is one. `statement` is a label of metrics and logs."""
        pause_s = _FIRST_PAUSE_S
        while True:
            self._lease.check()
            try:
                return await question(self._clickhouse)
            except UnavailableError as error:
                metrics.SINK_ERRORS.labels(statement).inc()
                _logger.warning("trying again", statement=statement, pause_s=pause_s, error=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def insert(
        self, table: str, columns: Sequence[str], block: bytes, token: str, *, fmt: str = "RowBinary"
    ) -> None:
        """Insert one block. The token must mean these very rows, for ever: it names their origin and their number."""
        await self.ask(
            f"insert_{table}", lambda clickhouse: clickhouse.insert(table, columns, block, fmt=fmt, token=token)
        )

    async def known(self, table: recount.RawTable, event_ids: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
        """Where events of these ids are already: (partition, offset) of each of their rows."""
        return await self.ask(f"known_{table}", lambda clickhouse: recount.known(clickhouse, table, event_ids))
