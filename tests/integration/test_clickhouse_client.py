"""The ClickHouse client: what it asks, and how each fault reaches its caller."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from stream.base.errors import UnavailableError
from stream.base.settings import Settings, load
from stream.sink import external
from stream.sink.clickhouse import ClickHouse, QueryError

_OWN_CODES = {"allow_custom_error_code_in_throwif": 1}
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(behaviour: Peer, environ: dict[str, str]) -> AsyncIterator[Settings]:
    """Settings that lead to something that is not quite ClickHouse."""
    idle = asyncio.Event()
    idle.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        idle.clear()
        await behaviour(reader, writer)
        writer.close()
        await writer.wait_closed()
        idle.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield load(environ | {"GUIDESTREAM_CLICKHOUSE_URL": f"http://127.0.0.1:{port}"})
        await idle.wait()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def broken_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops")
    await writer.drain()


@pytest.mark.parametrize("behaviour", [silent, hanging_up, broken_proxy])
async def test_a_peer_that_does_not_answer_as_it_should_is_unavailable(
    behaviour: Peer, environ: dict[str, str]
) -> None:
    async with peer(behaviour, environ) as settings:
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1"):
            await ClickHouse.connect(settings, timeout_ms=300)


async def test_nobody_listening_is_unavailable(environ: dict[str, str]) -> None:
    async with peer(silent, environ) as settings:
        pass
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1"):
        await ClickHouse.connect(settings)


async def test_a_query_that_takes_too_long_is_unavailable_and_the_next_one_works(
    warehouse_settings: Settings,
) -> None:
    async with await ClickHouse.connect(warehouse_settings, database="", timeout_ms=2_000) as clickhouse:
        with pytest.raises(UnavailableError, match="did not answer within 2 s"):
            await clickhouse.query("SELECT sleep(3)")
        assert await clickhouse.query("SELECT 1") == [(1,)]


async def test_a_refused_statement_carries_the_code_of_clickhouse(migrated: ClickHouse) -> None:
    with pytest.raises(QueryError, match="no_such_table") as caught:
        await migrated.query("SELECT * FROM no_such_table")
    assert caught.value.code == 60


async def test_a_passing_refusal_is_unavailable(migrated: ClickHouse) -> None:
    with pytest.raises(UnavailableError, match="MEMORY_LIMIT_EXCEEDED"):
        await migrated.query(
            "SELECT groupArray(number) FROM numbers(10000000)", settings={"max_memory_usage": 10_000_000}
        )


async def test_a_wrong_password_is_refused(warehouse_settings: Settings, environ: dict[str, str]) -> None:
    with pytest.raises(QueryError) as caught:
        await ClickHouse.connect(load(environ | {"GUIDESTREAM_CLICKHOUSE_PASSWORD": "wrong"}))
    assert caught.value.code in (194, 516)


async def test_a_block_that_cannot_be_read_is_refused_whole(migrated: ClickHouse) -> None:
    block = b'{"kafka_offset": 1, "received_at": "2026-11-20 12:00:00"}\n{"kafka_offset": "x"}\n'
    with pytest.raises(QueryError):
        await migrated.insert("clicks", ["kafka_offset", "received_at"], block, fmt="JSONEachRow")
    assert await migrated.query("SELECT count() FROM clicks") == [(0,)]


async def test_a_block_may_reach_over_more_months_than_an_engine_takes_by_itself(migrated: ClickHouse) -> None:
    months = [f"{2020 + month // 12}-{month % 12 + 1:02d}-01 00:00:00" for month in range(120)]
    block = "".join(f'{{"window_start": "{month}"}}\n' for month in months).encode()
    await migrated.insert("link_windows", ["window_start"], block, fmt="JSONEachRow")
    await migrated.command("INSERT INTO link_windows (window_start) SELECT window_start FROM link_windows")
    assert await migrated.query("SELECT count() FROM link_windows") == [(240,)]


async def test_what_a_lagging_replica_says_is_passing(migrated: ClickHouse) -> None:
    assert await migrated.query("SELECT errorCodeToName(289)") == [("REPLICA_IS_NOT_IN_QUORUM",)]
    with pytest.raises(UnavailableError, match="289"):
        await migrated.query("SELECT throwIf(1, 'it lags', 289::Int16)", settings=_OWN_CODES)


async def test_parameters_are_bound_by_the_server_whatever_is_in_them(migrated: ClickHouse) -> None:
    hostile = "导购'); DROP TABLE clicks; --\\\n\t{x:String}"
    at = datetime(2026, 11, 20, 12, 0, 0, 123_000, tzinfo=UTC)
    found = await migrated.query(
        "SELECT {text:String}, {list:Array(String)}, {at:DateTime64(3, 'UTC')}, {pairs:Array(Tuple(UInt16, String))}",
        {"text": hostile, "list": [hostile, ""], "at": at, "pairs": [(7, hostile)]},
    )
    assert found == [(hostile, [hostile, ""], at, [(7, hostile)])]


async def test_values_come_along_as_tables_whatever_is_in_them(migrated: ClickHouse) -> None:
    hostile = ["导购'); DROP TABLE clicks; --\\\n\t{x:String}", "", "--boundary\r\n\r\n\0", "x" * 100_000]
    found = await migrated.query(
        "SELECT value, at_ms, value IN (SELECT value FROM texts), at_ms IN numbers FROM moments ORDER BY at_ms",
        tables={
            "moments": external.moments([(text, at_ms) for at_ms, text in enumerate(hostile)]),
            "texts": external.texts(hostile[:2]),
            "numbers": external.numbers([0, 3]),
        },
    )
    assert found == [(text, n, n < 2, n in (0, 3)) for n, text in enumerate(hostile)]
    with pytest.raises(QueryError, match="moments"):
        await migrated.query("SELECT * FROM moments")  # gone with its question


async def test_a_setting_holds_for_its_query_alone(migrated: ClickHouse) -> None:
    shown = "SELECT value FROM system.settings WHERE name = 'max_threads'"
    assert await migrated.query(shown, settings={"max_threads": 3}) == [("3",)]
    assert await migrated.query(shown) != [("3",)]
