"""ClickHouse over HTTP: the only home of clickhouse-connect. Ask, command, insert one block; nothing else.

Nothing here tries again: the caller knows whether its request can be repeated, and repeats it unchanged.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver import exceptions
from clickhouse_connect.driver.asyncclient import AsyncClient

from stream.base.errors import GuidestreamError, UnavailableError
from stream.base.settings import Settings
from stream.sink.external import Table, attached

_EVERY_REQUEST = {
    # The status line waits for the end of the statement. Without it an insert that fails after the first progress
    # header comes back as 200, and its exception, in the body, is read by nobody.
    "wait_end_of_query": "1",
    "send_progress_in_http_headers": "0",
    # Windows are partitioned by the month of the event: how many months one block spans is up to the events.
    "max_partitions_per_insert_block": "0",
}
_ON_A_CLUSTER = {
    # What a majority has not got is not answered as written, and a replica that lags refuses to answer: offsets and
    # recounts are taken from raw rows, and one that misses rows would write wrong numbers. Reads of one's own writes
    # need inserts of a table one after the other; one that comes in between is refused for a passing reason.
    "insert_quorum": "auto",
    "insert_quorum_parallel": "0",
    "select_sequential_consistency": "1",
}
_INSERT = {
    # A retried block that the table knows already must still reach the tables fed by materialized views: the first
    # attempt may have died between the two. Their own deduplication window drops it where it did not.
    "deduplicate_blocks_in_dependent_materialized_views": "1",
}
_ROWS_OF_ONE_PART = {
    # One request is one block is one part: the engine must not cut it by rows or bytes on the way.
    "input_format_parallel_parsing": "0",
    "max_insert_block_size": str(1 << 24),
    "min_insert_block_size_rows": str(1 << 24),
    "min_insert_block_size_bytes": str(1 << 32),
    "max_insert_threads": "1",
    "async_insert": "0",
    # A block holds no two rows of one key, so there is nothing to merge within it; the search for it took 0.6 of 3.1 us
    # a row of `clicks` (2026-11). Were there two, they would be merged later, or by FINAL, as across parts.
    "optimize_on_insert": "0",
}
_PASSING = frozenset(
    {
        159,  # TIMEOUT_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED: the server shuts down
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY: the replica lost its keeper
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        289,  # REPLICA_IS_NOT_IN_QUORUM: it lags
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        439,  # CANNOT_SCHEDULE_TASK
        999,  # KEEPER_EXCEPTION
    }
)
"""ClickHouse error codes that the same request may get past later."""


class QueryError(GuidestreamError):
    """ClickHouse refused a statement, and will refuse it again; `code` is its error code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ClickHouse:
    """A connection pool to one ClickHouse HTTP interface; safe for concurrent use within one event loop.

    To be closed, by `close` or as `async with await ClickHouse.connect(...) as clickhouse`.
    """

    def __init__(self, client: AsyncClient, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s

    @classmethod
    async def connect(cls, settings: Settings, *, database: str | None = None, timeout_ms: int | None = None) -> Self:
        """Connect as the writing user.

        Args:
            settings: where, and as whom.
            database: what an unqualified table name means; the settings' own by default, none at all when empty.
            timeout_ms: for one request; `clickhouse.timeout_ms` by default.

        Raises:
            UnavailableError: nobody answers there.
            QueryError: the user, the password or the database is refused.
        """
        where = settings.clickhouse
        url = urlsplit(where.url)
        timeout_s = (timeout_ms or where.timeout_ms) / 1000
        async with _errors(where.url, timeout_s):
            client = await clickhouse_connect.get_async_client(
                host=url.hostname,
                port=url.port or (8443 if url.scheme == "https" else 8123),
                interface=url.scheme,
                username=where.user,
                password=where.password.get_secret_value(),
                database=where.database if database is None else database,
                settings={**_EVERY_REQUEST, **(_ON_A_CLUSTER if where.cluster else {})},
                client_name="guidestream",
                connect_timeout=min(10.0, timeout_s),
                send_receive_timeout=timeout_s,
                compress=False,
                query_retries=0,
                tz_mode="aware",
                show_clickhouse_errors="scrub",
                autogenerate_session_id=False,
            )
        return cls(client, timeout_s)

    async def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        tables: Mapping[str, Table] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Rows of a SELECT; times come in UTC.

        Args:
            sql: the statement.
            parameters: `{name:Type}` in it is bound by the server from these. Of many values make a table.
            settings: of this statement alone.
            tables: what the statement brings along, by the name it has there.

        Raises:
            UnavailableError: no answer in time, or a passing refusal.
            QueryError: the statement is refused.
        """
        async with _errors(self._client.url, self._timeout_s):
            result = await self._client.query(
                sql,
                dict(parameters or {}),
                settings=dict(settings or {}),
                external_data=attached(tables) if tables else None,
            )
        return [tuple(row) for row in result.result_rows]

    async def command(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Run a statement that returns no rows; raises as `query` does."""
        async with _errors(self._client.url, self._timeout_s):
            await self._client.command(sql, dict(parameters or {}), settings=dict(settings or {}))

    async def insert(
        self, table: str, columns: Sequence[str], block: bytes, *, fmt: str = "RowBinary", token: str = ""
    ) -> None:
        """Insert one block: one request, one part, all or nothing.

        Args:
            table: in this connection's database, or `database.table`.
            columns: names of the block's columns, in its order.
            block: the rows in `fmt`.
            fmt: a ClickHouse input format.
            token: the table drops a block whose token it has seen; the same token must mean the same rows.

        Raises:
            UnavailableError: no answer in time, or a passing refusal: the block may or may not be in.
            QueryError: the block is refused; nothing of it is in.
        """
        settings = {**_INSERT, **_ROWS_OF_ONE_PART}
        if token:
            settings["insert_deduplication_token"] = token
        async with _errors(self._client.url, self._timeout_s):
            await self._client.raw_insert(table, columns, block, settings=settings, fmt=fmt)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; requests under way fail."""
        await self._client.close()


@asynccontextmanager
async def _errors(url: str, timeout_s: float) -> AsyncIterator[None]:
    """Give a request its deadline and its faults our names."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        raise UnavailableError(f"ClickHouse at {url} did not answer within {timeout_s:g} s") from error
    except exceptions.Error as error:
        if error.code is not None and error.code not in _PASSING:
            raise QueryError(f"ClickHouse: {error}", error.code) from error
        if error.code is None and not isinstance(error, exceptions.DatabaseError):
            raise  # the client library was used wrongly
        raise UnavailableError(f"ClickHouse at {url}: {error}") from error
