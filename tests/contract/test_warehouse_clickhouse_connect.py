"""The Python client of ClickHouse, sync and async, works against the embedded warehouse as against a server."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import pandas as pd
import pyarrow as pa
import pytest
from clickhouse_connect.driver import AsyncClient, Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from tests.support.warehouse import Warehouse

COMPRESSIONS: list[str | None] = ["lz4", "zstd", "gzip", None]


def arguments(warehouse: Warehouse, **more: Any) -> dict[str, Any]:
    where = urlsplit(warehouse.url)
    return {
        "host": where.hostname,
        "port": where.port,
        "username": warehouse.user,
        "password": warehouse.password,
        **more,
    }


@pytest.fixture
def database(warehouse: Warehouse, environ: dict[str, str]) -> Iterator[str]:
    name = environ["GUIDESTREAM_CLICKHOUSE_DATABASE"]
    with clickhouse_connect.get_client(**arguments(warehouse)) as client:
        client.command(f"CREATE DATABASE {name}")
        client.command(
            f"CREATE TABLE {name}.taps (id UInt64, guide LowCardinality(String), at DateTime64(3, 'UTC'), "
            "tags Array(String), note Nullable(String)) ENGINE = MergeTree ORDER BY id"
        )
        yield name
        client.command(f"DROP DATABASE {name}")


@pytest.fixture
def client(warehouse: Warehouse, database: str) -> Iterator[Client]:
    with clickhouse_connect.get_client(**arguments(warehouse, database=database)) as made:
        yield made


@pytest.fixture
async def async_client(warehouse: Warehouse, database: str) -> AsyncIterator[AsyncClient]:
    made = await clickhouse_connect.get_async_client(**arguments(warehouse, database=database))
    yield made
    await made.close()


def rows(count: int) -> list[list[Any]]:
    at = datetime(2026, 5, 1, 8, 30, 0, 123000, tzinfo=UTC)
    return [[number, f"导购{number % 7}", at, ["a", "b"], None if number % 2 else "x"] for number in range(count)]


def test_what_was_inserted_comes_back_the_same(client: Client) -> None:
    summary = client.insert("taps", rows(1000), column_names=["id", "guide", "at", "tags", "note"])
    assert summary.written_rows == 1000
    found = client.query("SELECT * FROM taps ORDER BY id", tz_mode="aware").result_rows
    assert found == [tuple(row) for row in rows(1000)]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression_works_both_ways(warehouse: Warehouse, database: str, compression: str | None) -> None:
    with clickhouse_connect.get_client(
        **arguments(warehouse, database=database, compress=compression or False)
    ) as client:
        client.insert("taps", rows(5000), column_names=["id", "guide", "at", "tags", "note"])
        found = client.query("SELECT id FROM taps ORDER BY id").result_columns[0]
        assert list(found) == list(range(5000))


def test_parameters_are_bound_by_the_server(client: Client) -> None:
    found = client.query(
        "SELECT {text:String}, {number:Int64}, {list:Array(String)}, {when:DateTime64(3)}, {name:Identifier} "
        "FROM (SELECT 7 AS seven)",
        parameters={
            "text": "it's a\ttab\nand 中文 \\",
            "number": -5,
            "list": ["a", "b'c"],
            "when": datetime(2026, 5, 1, 8, 30, 0, 123000),  # noqa: DTZ001 - naive, as a caller may have it
            "name": "seven",
        },
    )
    text, number, items, when, seven = found.result_rows[0]
    assert (text, number, items, seven) == ("it's a\ttab\nand 中文 \\", -5, ["a", "b'c"], 7)
    assert when.replace(tzinfo=None) == datetime(2026, 5, 1, 8, 30, 0, 123000)  # noqa: DTZ001 - as above


def test_a_large_result_streams_in_blocks(client: Client) -> None:
    total, blocks = 0, 0
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(1000000)") as stream:
        for block in stream:
            total += sum(row[0] for row in block)
            blocks += 1
    assert total == 999_999 * 1_000_000 // 2
    assert blocks > 5


def test_a_query_that_fails_inside_its_stream_is_an_error_for_the_client(client: Client) -> None:
    sql = "SELECT number, throwIf(number = 3000000, 'too far') FROM numbers(10000000)"
    with (
        pytest.raises(StreamFailureError, match="too far"),
        client.query_row_block_stream(sql, settings={"max_block_size": 10000}) as stream,
    ):
        for _ in stream:
            pass


def test_data_frames_and_arrow_tables_come_and_go(client: Client) -> None:
    frame = pd.DataFrame({"id": [1, 2], "guide": ["张三", "李四"], "tags": [["x"], []]})
    client.insert_df("taps", frame)
    assert client.query_df("SELECT id, guide FROM taps ORDER BY id")["guide"].tolist() == ["张三", "李四"]
    client.insert_arrow("taps", pa.table({"id": pa.array([3], pa.uint64()), "guide": ["王五"], "tags": [["y"]]}))
    table = client.query_arrow("SELECT id, guide FROM taps ORDER BY id", use_strings=True)
    assert table.to_pylist() == [
        {"id": 1, "guide": "张三"},
        {"id": 2, "guide": "李四"},
        {"id": 3, "guide": "王五"},
    ]
    with client.query_arrow_stream("SELECT number FROM numbers(300000)") as stream:
        assert sum(batch.num_rows for batch in stream) == 300_000


def test_raw_bytes_go_in_and_out_in_a_named_format(client: Client) -> None:
    client.raw_insert("taps", ["id", "guide"], insert_block=b"1,a\n2,b\n", fmt="CSV")
    assert (
        client.raw_query("SELECT id, guide FROM taps ORDER BY id", fmt="CSVWithNames")
        == b'"id","guide"\n1,"a"\n2,"b"\n'
    )
    with client.raw_stream("SELECT number FROM numbers(200000)", fmt="TSVWithNames") as stream:
        lines = stream.read().split(b"\n")
    assert lines[0] == b"number"
    assert lines[1:-1] == [str(number).encode() for number in range(200_000)]


def test_a_setting_holds_for_its_query_and_set_for_the_session(client: Client) -> None:
    ask = "SELECT getSetting('max_threads'), getSetting('max_block_size')"
    assert client.query(ask, settings={"max_threads": 3}).result_rows[0][0] == 3
    before = client.query(ask).result_rows[0]
    assert before[0] != 3
    client.command("SET max_block_size = 777")
    assert client.query(ask, settings={"max_block_size": 55}).result_rows[0][1] == 55
    assert client.query(ask).result_rows[0][1] == 777


def test_a_temporary_table_lives_in_its_session_alone(warehouse: Warehouse, client: Client) -> None:
    client.command("CREATE TEMPORARY TABLE mine (a UInt8)")
    client.insert("mine", [[1], [2]], column_names=["a"], column_type_names=["UInt8"])
    assert client.query("SELECT sum(a) FROM mine").first_item == {"sum(a)": 3}
    with (
        clickhouse_connect.get_client(**arguments(warehouse)) as other,
        pytest.raises(DatabaseError, match="UNKNOWN_TABLE"),
    ):
        other.query("SELECT * FROM mine")


def test_an_error_in_a_session_leaves_nothing_for_the_next_query(client: Client) -> None:
    with pytest.raises(DatabaseError, match="FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"):
        client.raw_query(
            "SELECT throwIf(number = 199999) FROM numbers(200000) FORMAT JSON", settings={"max_block_size": 99}
        )
    assert client.raw_query("SELECT 42") == b"42\n"


def test_external_data_are_a_table_of_their_query(client: Client) -> None:
    for value in (b"1\n2\n", b"3\n"):
        extra = ExternalData(file_name="wanted", fmt="CSV", structure="id UInt64", data=value)
        found = client.query("SELECT groupArray(id) FROM wanted", external_data=extra).result_rows[0][0]
        assert found == [int(line) for line in value.split()]


def test_errors_carry_the_codes_of_clickhouse(warehouse: Warehouse, client: Client) -> None:
    for sql, code in (
        ("SELECT * FROM missing", 60),
        ("SELEC 1", 62),
        ("SELECT missing()", 46),
        ("SELECT * FROM a.b", 81),
    ):
        with pytest.raises(DatabaseError) as caught:
            client.command(sql)
        assert caught.value.code == code
    with pytest.raises(DatabaseError) as caught:
        clickhouse_connect.get_client(**arguments(warehouse, password="wrong"))
    assert caught.value.code == 516


def test_an_insert_with_a_repeated_token_is_dropped(client: Client) -> None:
    client.command(
        "CREATE TABLE once (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100"
    )
    for _ in range(3):
        client.insert("once", [[1], [2]], column_names=["a"], settings={"insert_deduplication_token": "offsets 1-2"})
    assert client.command("SELECT count() FROM once") == 2
    client.insert("once", [[1], [2]], column_names=["a"], settings={"insert_deduplication_token": "offsets 3-4"})
    client.insert("once", [[9]], column_names=["a"], settings={"async_insert": 1, "wait_for_async_insert": 1})
    assert client.command("SELECT count() FROM once") == 5


async def test_the_async_client_inserts_queries_and_streams(async_client: AsyncClient) -> None:
    await async_client.insert("taps", rows(500), column_names=["id", "guide", "at", "tags", "note"])
    found = await async_client.query("SELECT count() FROM taps WHERE guide = {g:String}", parameters={"g": "导购3"})
    assert found.first_row == (71,)
    frame = await async_client.query_df("SELECT id FROM taps ORDER BY id LIMIT 3")
    assert frame["id"].tolist() == [0, 1, 2]
    table = await async_client.query_arrow("SELECT number FROM numbers(10)")
    assert table.num_rows == 10
    total = 0
    async with await async_client.query_row_block_stream("SELECT number FROM numbers(300000)") as stream:
        async for block in stream:
            total += len(block)
    assert total == 300_000
    assert await async_client.raw_query("SELECT 1 FORMAT CSV") == b"1\n"
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        await async_client.command("SELECT * FROM missing")


async def test_many_requests_of_one_async_client_run_at_once(async_client: AsyncClient) -> None:
    import asyncio  # noqa: PLC0415 - only here

    found = await asyncio.gather(
        *(async_client.query("SELECT sum(number) FROM numbers({n:UInt64})", parameters={"n": n}) for n in range(1, 60))
    )
    assert [result.result_rows[0][0] for result in found] == [n * (n - 1) // 2 for n in range(1, 60)]
