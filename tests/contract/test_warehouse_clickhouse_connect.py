"""The most used Python client works against the embedded warehouse unchanged."""

import clickhouse_connect

from tests.support.warehouse import Warehouse


def test_a_client_connects_creates_inserts_and_reads(warehouse: Warehouse) -> None:
    client = clickhouse_connect.get_client(dsn=warehouse.url, username=warehouse.user, password=warehouse.password)
    client.command("CREATE DATABASE v1")
    client.command("CREATE TABLE v1.t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    client.insert("v1.t", [[1, "导购"], [2, "x"]], column_names=["a", "s"])
    assert client.query("SELECT * FROM v1.t ORDER BY a").result_rows == [(1, "导购"), (2, "x")]
    assert client.query("SELECT s FROM v1.t WHERE a = {a:UInt8}", parameters={"a": 1}).result_rows == [("导购",)]
    client.close()
