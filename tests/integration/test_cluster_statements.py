"""What is said to a cluster or to a server with access control, of which there is none here: at least it parses."""

from typing import Any, cast

import pytest

from stream.base.errors import SettingsError
from stream.base.settings import Settings, load
from stream.sink import access, retention
from stream.sink.clickhouse import ClickHouse, QueryError
from stream.sink.migrate import migrate, steps, target_of


class Recorded:
    """Answers questions as a server of a cluster would, and notes the commands."""

    def __init__(self, *, shards: int = 1, refusal: QueryError | None = None) -> None:
        self.commands: list[str] = []
        self._shards = shards
        self._refusal = refusal

    async def query(self, sql: str, *_: object) -> list[tuple[Any, ...]]:
        if "system.user_directories" in sql:
            return [("users_xml",), ("replicated",)]
        if "system.clusters" in sql:
            return [(self._shards,)]
        if "create_table_query" in sql:
            return [("clicks", "CREATE TABLE x TTL toDateTime(received_at) + toIntervalDay(3) SETTINGS y")]
        if "startsWith(name, 'bi_')" in sql:
            return [("bi_clicks_day",)]
        return []

    async def command(self, sql: str, *_: object) -> None:
        if self._refusal and sql.startswith("CREATE USER"):
            raise self._refusal
        self.commands.append(sql)


@pytest.fixture
def cluster(environ: dict[str, str]) -> Settings:
    environ["GUIDESTREAM_CLICKHOUSE_CLUSTER"] = "main-1"
    environ["GUIDESTREAM_CLICKHOUSE_BI_PASSWORD"] = "it's secret"
    return load(environ)


async def test_every_statement_for_a_cluster_parses(warehouse_settings: Settings, cluster: Settings) -> None:
    recorded = Recorded()
    await migrate(cast("ClickHouse", recorded), cluster)
    async with await ClickHouse.connect(warehouse_settings, database="") as clickhouse:
        for sql in recorded.commands:
            if not sql.startswith("INSERT INTO"):
                assert "ON CLUSTER `main-1`" in sql
            await clickhouse.query("SELECT formatQuery({sql:String})", {"sql": sql})
    assert {statement for step in steps(target_of(cluster)) for statement in step.statements} < set(recorded.commands)


async def test_the_bi_user_may_select_from_views_and_its_password_is_sent_hashed_only(cluster: Settings) -> None:
    recorded = Recorded()
    said = await access.apply(cast("ClickHouse", recorded), cluster)
    create, alter, grant = recorded.commands
    assert "IDENTIFIED WITH sha256_hash BY" in create
    assert "secret" not in create + alter
    assert grant == f"GRANT ON CLUSTER `main-1` SELECT ON {cluster.clickhouse.database}.bi_clicks_day TO bi"
    assert said == ["user bi may read 1 views"]


async def test_without_a_password_no_bi_user_is_made_and_that_is_said(environ: dict[str, str]) -> None:
    recorded = Recorded()
    said = await access.apply(cast("ClickHouse", recorded), load(environ))
    assert (recorded.commands, said) == ([], ["no BI user was made: GUIDESTREAM_CLICKHOUSE_BI_PASSWORD is empty"])


async def test_a_writer_who_may_not_make_users_is_told_what_to_do(cluster: Settings) -> None:
    recorded = Recorded(refusal=QueryError("Not enough privileges", 497))
    with pytest.raises(QueryError, match="grant it ACCESS MANAGEMENT"):
        await access.apply(cast("ClickHouse", recorded), cluster)


async def test_retention_is_altered_on_the_whole_cluster(cluster: Settings) -> None:
    recorded = Recorded()
    assert await retention.apply(cast("ClickHouse", recorded), cluster) == ["clicks: rows are kept 400 days"]
    table = f"{cluster.clickhouse.database}.clicks"
    assert recorded.commands == [
        f"ALTER TABLE {table} ON CLUSTER `main-1` MODIFY TTL toDateTime(received_at) + INTERVAL 400 DAY"
    ]


@pytest.mark.parametrize(("shards", "message"), [(0, "knows no cluster 'main-1'"), (3, "has 3 shards")])
async def test_a_cluster_that_cannot_be_used_is_refused_before_anything_is_made(
    cluster: Settings, shards: int, message: str
) -> None:
    recorded = Recorded(shards=shards)
    with pytest.raises(SettingsError, match=message):
        await migrate(cast("ClickHouse", recorded), cluster)
    assert recorded.commands == []


async def test_a_cluster_is_asked_for_what_a_majority_has_and_one_server_is_not(
    warehouse_settings: Settings, environ: dict[str, str]
) -> None:
    sql = (
        "SELECT name, value FROM system.settings "
        "WHERE name IN ('insert_quorum', 'insert_quorum_parallel', 'select_sequential_consistency')"
    )
    clustered = load(environ | {"GUIDESTREAM_CLICKHOUSE_CLUSTER": "main-1"})
    async with await ClickHouse.connect(clustered, database="") as clickhouse:
        assert dict(await clickhouse.query(sql)) == {
            "insert_quorum": "auto",
            "insert_quorum_parallel": "0",
            "select_sequential_consistency": "1",
        }
    async with await ClickHouse.connect(warehouse_settings, database="") as clickhouse:
        assert dict(await clickhouse.query(sql))["select_sequential_consistency"] == "0"


async def test_inserts_into_a_cluster_wait_for_a_majority_too(migrated: ClickHouse, environ: dict[str, str]) -> None:
    await migrated.command(
        "CREATE TABLE asked (n UInt8, quorum String DEFAULT toString(getSetting('insert_quorum'))) "
        "ENGINE = MergeTree ORDER BY n"
    )
    await migrated.insert("asked", ["n"], b"\x01")
    async with await ClickHouse.connect(load(environ | {"GUIDESTREAM_CLICKHOUSE_CLUSTER": "main-1"})) as clickhouse:
        await clickhouse.insert("asked", ["n"], b"\x02")
        await clickhouse.command("INSERT INTO asked (n) SELECT 3")
    assert await migrated.query("SELECT n, quorum FROM asked ORDER BY n") == [(1, "0"), (2, "auto"), (3, "auto")]
