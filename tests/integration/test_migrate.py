"""`guidestream migrate` on the real engine, through HTTP."""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from importlib.resources import files
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from schemas import warehouse as columns
from stream.base.errors import UnavailableError
from stream.base.settings import Settings, load
from stream.cli.migrate import app
from stream.sink import migrate as migration
from stream.sink import rows
from stream.sink.clickhouse import ClickHouse, QueryError
from stream.sink.conversions import orders
from stream.sink.migrate import MigrationError, migrate
from stream.sink.retention import TABLES
from stream.sink.sql import Target

WITH_PARAMETERS = ("bi_return_visits", "bi_unique_visitors")
"""Views whose columns the server does not list."""


@pytest.fixture
async def bare(warehouse_settings: Settings) -> AsyncIterator[ClickHouse]:
    """A client without a database; this test's database does not exist yet, and is gone afterwards."""
    async with await ClickHouse.connect(warehouse_settings, database="") as clickhouse:
        yield clickhouse
        await clickhouse.command(f"DROP DATABASE IF EXISTS {warehouse_settings.clickhouse.database} SYNC")


async def _tables(clickhouse: ClickHouse, settings: Settings) -> list[str]:
    found = await clickhouse.query(
        "SELECT name FROM system.tables WHERE database = {database:String} ORDER BY name",
        {"database": settings.clickhouse.database},
    )
    return [name for (name,) in found]


async def test_a_second_run_changes_nothing_and_says_so(bare: ClickHouse, warehouse_settings: Settings) -> None:
    first: list[str] = []
    assert await migrate(bare, warehouse_settings, report=first.append) == [step.name for step in _steps()]
    assert first[-1].endswith("is up to date")
    second: list[str] = []
    assert await migrate(bare, warehouse_settings, report=second.append) == []
    assert second == [f"{warehouse_settings.clickhouse.database} was up to date"]


async def test_a_dry_run_prints_every_statement_and_makes_nothing(
    bare: ClickHouse, warehouse_settings: Settings
) -> None:
    said: list[str] = []
    assert await migrate(bare, warehouse_settings, dry_run=True, report=said.append)
    assert "CREATE TABLE IF NOT EXISTS" in said[0]
    assert await _tables(bare, warehouse_settings) == []


async def test_four_runs_at_once_end_in_one_schema(bare: ClickHouse, warehouse_settings: Settings) -> None:
    clients = [await ClickHouse.connect(warehouse_settings, database="") for _ in range(4)]
    await asyncio.gather(*(migrate(client, warehouse_settings) for client in clients))
    for client in clients:
        await client.close()
    assert await migrate(bare, warehouse_settings) == []


async def test_a_run_that_died_half_way_is_finished_by_the_next(
    bare: ClickHouse, warehouse_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ClickHouse.command
    left = 7

    async def dying(self: ClickHouse, sql: str, *args: object, **kwargs: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise UnavailableError("gone")
        await real(self, sql, *args, **kwargs)  # type: ignore[arg-type] # handed through as they came

    with monkeypatch.context() as patch:
        patch.setattr(ClickHouse, "command", dying)
        with pytest.raises(UnavailableError):
            await migrate(bare, warehouse_settings)
    assert await migrate(bare, warehouse_settings)
    assert await migrate(bare, warehouse_settings) == []


async def test_an_applied_file_that_changed_is_refused_by_name(
    migrated: ClickHouse, warehouse_settings: Settings
) -> None:
    await migrated.command(
        "INSERT INTO schema_migrations (name, checksum) SELECT '0002_link_windows.sql', repeat('0', 64)"
    )
    with pytest.raises(MigrationError, match=r"0002_link_windows\.sql was changed"):
        await migrate(migrated, warehouse_settings)


async def test_a_statement_that_fails_is_named_by_file_and_number(
    bare: ClickHouse, warehouse_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = migration.Step("0001_broken.sql", "0" * 64, ("SELECT 1", "CREATE nonsense"), once=True)
    monkeypatch.setattr(migration, "steps", lambda _: [broken])
    with pytest.raises(MigrationError, match=r"0001_broken\.sql, statement 2: .*62"):
        await migrate(bare, warehouse_settings)


@pytest.mark.parametrize("table", list(TABLES))
async def test_retention_of_each_table_follows_its_setting_in_both_directions(
    table: str, migrated: ClickHouse, warehouse_settings: Settings, environ: dict[str, str]
) -> None:
    async def kept(days: int) -> dict[str, str]:
        environ[f"GUIDESTREAM_CLICKHOUSE_{TABLES[table].setting.upper()}"] = str(days)
        await migrate(migrated, load(environ))
        found = await migrated.query(
            "SELECT name, extract(create_table_query, 'toIntervalDay\\(([0-9]+)\\)') FROM system.tables "
            "WHERE database = currentDatabase() AND name IN {names:Array(String)}",
            {"names": list(TABLES)},
        )
        return dict(found)

    others = {"clicks": "400", "dead_letters": "400", "duplicates": "400"}
    before = {name: others.get(name, "") for name in TABLES}
    assert [await kept(days) for days in (30, 500, 0, 8)] == [before | {table: days} for days in ("30", "500", "", "8")]


@pytest.mark.parametrize("table", list(TABLES))
async def test_rows_older_than_the_retention_go(
    table: str, migrated: ClickHouse, warehouse_settings: Settings, environ: dict[str, str]
) -> None:
    kept = TABLES[table]
    environ[f"GUIDESTREAM_CLICKHOUSE_{kept.setting.upper()}"] = "400"
    await migrate(migrated, load(environ))
    name = "alias" if table == "customer_aliases" else "customer_id" if table == "customer_states" else "kafka_offset"
    await migrated.command(
        f"INSERT INTO {table} ({name}, {kept.column}) "
        "SELECT toString(number), now64(3) - toIntervalDay(number * 300) FROM numbers(3)"
    )
    await migrated.command(f"OPTIMIZE TABLE {table} FINAL")
    assert await migrated.query(f"SELECT toString({name}) FROM {table} ORDER BY 1") == [("0",), ("1",)]


async def test_a_shorter_retention_takes_rows_that_are_there(
    migrated: ClickHouse, warehouse_settings: Settings, environ: dict[str, str]
) -> None:
    await migrated.command(
        "INSERT INTO conversions (kafka_offset, received_at) "
        "SELECT number, now64(3) - toIntervalDay(number * 30) FROM numbers(3)"
    )
    environ["GUIDESTREAM_CLICKHOUSE_CONVERSIONS_TTL_DAYS"] = "40"
    await migrate(migrated, load(environ))
    await migrated.command("OPTIMIZE TABLE conversions FINAL")
    assert await migrated.query("SELECT kafka_offset FROM conversions ORDER BY 1") == [(0,), (1,)]


async def test_views_follow_the_brands_time_zone(
    migrated: ClickHouse, warehouse_settings: Settings, environ: dict[str, str]
) -> None:
    await migrated.command(
        "INSERT INTO link_windows (window_start, link, version, clicks) SELECT '2026-11-20 18:30:00', 'a', 1, 1"
    )
    days = "SELECT toString(day) FROM bi_clicks_day"
    assert await migrated.query(days) == [("2026-11-21",)]
    environ["GUIDESTREAM_BRAND_TIMEZONE"] = "Europe/Berlin"
    applied = await migrate(migrated, load(environ))
    assert applied
    assert all(name.startswith(("base_", "bi_")) for name in applied)
    assert await migrated.query(days) == [("2026-11-20",)]


async def test_columns_of_tables_are_those_of_the_contract(migrated: ClickHouse) -> None:
    contract = {
        "clicks": columns.CLICKS,
        "link_windows": columns.LINK_WINDOWS,
        "dead_letters": columns.DEAD_LETTERS,
        "duplicates": columns.DUPLICATES,
    }
    for table, names in contract.items():
        found = await migrated.query(
            "SELECT name FROM system.columns "
            "WHERE database = currentDatabase() AND table = {table:String} ORDER BY position",
            {"table": table},
        )
        assert tuple(name for (name,) in found) == names


def test_the_workers_encoders_write_every_column() -> None:
    assert sorted(rows.CLICK_COLUMNS) == sorted(columns.CLICKS)
    assert sorted(rows.WINDOW_COLUMNS) == sorted(columns.LINK_WINDOWS)
    assert sorted(rows.DEAD_LETTER_COLUMNS) == sorted(set(columns.DEAD_LETTERS) - {"replayed_at"})
    assert sorted(rows.DUPLICATE_COLUMNS) == sorted(columns.DUPLICATES)


async def test_every_table_view_and_column_is_explained_in_both_languages(migrated: ClickHouse) -> None:
    silent = await migrated.query(
        """
        SELECT name FROM system.tables WHERE database = currentDatabase() AND name != 'link_visitors_feed'
            AND NOT match(comment, '\\p{Han}.* / [a-zA-Z]')
        UNION ALL
        SELECT concat(table, '.', name) FROM system.columns
        WHERE database = currentDatabase() AND table NOT IN {unlisted:Array(String)}
            AND NOT match(comment, '\\p{Han}.* / [a-zA-Z]')
        """,
        {"unlisted": ["link_visitors_feed", *WITH_PARAMETERS]},
    )
    assert silent == []


async def test_views_have_plain_columns_only(migrated: ClickHouse) -> None:
    odd = await migrated.query(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND startsWith(table, 'bi_') "
        "AND (type LIKE '%AggregateFunction%' OR type LIKE '%Tuple%' OR type LIKE '%Map%')"
    )
    assert odd == []


async def test_the_bi_user_reads_views_and_nothing_else(migrated: ClickHouse, environ: dict[str, str]) -> None:
    views = await migrated.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'bi%'"
    )
    environ["GUIDESTREAM_CLICKHOUSE_USER"] = environ.pop("GUIDESTREAM_CLICKHOUSE_BI_USER")
    environ["GUIDESTREAM_CLICKHOUSE_BI_USER"] = "another"  # two users of one name are refused
    environ["GUIDESTREAM_CLICKHOUSE_PASSWORD"] = environ["GUIDESTREAM_CLICKHOUSE_BI_PASSWORD"]
    async with await ClickHouse.connect(load(environ)) as reader:
        for (view,) in views:
            arguments = "(dimension = 'all', since = '2026-11-20', until = '2026-11-21')"
            await reader.query(f"SELECT * FROM {view}{arguments if view in WITH_PARAMETERS else ''} LIMIT 1")
        refusals = [f"SELECT count() FROM {name}" for name in ("clicks", "link_windows", "customers", "conversions")]
        for refused in (*refusals, "DROP VIEW bi_clicks_day"):
            with pytest.raises(QueryError):
                await reader.query(refused)


async def test_every_example_beside_a_view_can_be_run(migrated: ClickHouse) -> None:
    directory = files("schemas").joinpath("clickhouse")
    texts = [file.read_text(encoding="utf-8") for file in directory.iterdir() if file.name.startswith("bi_")]
    indented = "\n".join(re.sub(r"^(?!--   ).*$", "", text, flags=re.MULTILINE) for text in texts).replace("--   ", "")
    examples = re.findall(r"^SELECT .*(?:\n(?!SELECT ).+)*", indented.replace("{grain}", "day"), flags=re.MULTILINE)
    assert len(examples) > 10
    for example in examples:
        await migrated.query(example)


async def test_how_far_raw_rows_reach_is_answered_by_the_projection(migrated: ClickHouse) -> None:
    await migrated.command(
        "INSERT INTO clicks (kafka_partition, kafka_offset, received_at) "
        "SELECT number % 3, number, now() FROM numbers(100)"
    )
    reach = "SELECT kafka_partition, max(kafka_offset) FROM clicks GROUP BY kafka_partition ORDER BY 1"
    forced = {"force_optimize_projection_name": "reach"}
    assert await migrated.query(reach, settings=forced) == [(0, 99), (1, 97), (2, 98)]


async def test_orders_are_found_through_the_projection_by_their_ids(
    migrated: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrated.command(
        "INSERT INTO conversions (kafka_partition, kafka_offset, type, order_id, received_at) "
        "SELECT 2 - number % 2, number, if(number % 3 = 0, 'order_paid', 'lead'), toString(number % 30000), now() "
        "FROM numbers(60000)"
    )
    forced = partial(migrated.query, settings={"force_optimize_projection_name": "order_ids"})
    monkeypatch.setattr(migrated, "query", forced)
    assert await orders(migrated, ["3", "6", "7", "none"]) == {"3": (1, 3), "6": (2, 6)}


async def test_a_block_with_a_known_token_is_dropped_and_so_are_its_visitors(migrated: ClickHouse) -> None:
    block = orjson.dumps({"kafka_offset": 7, "visitor_id": "v", "is_human": True, "received_at": "2026-11-20 12:00:00"})
    names = ["kafka_offset", "visitor_id", "is_human", "received_at"]
    for _ in range(3):
        await migrated.insert("clicks", names, block, fmt="JSONEachRow", token="clicks:0:7-7")
    assert await migrated.query("SELECT count() FROM clicks") == [(1,)]
    assert await migrated.query("SELECT count(), uniqCombined64Merge(visitors) FROM link_visitors") == [(1, 1)]


async def test_one_insert_of_the_largest_batch_is_one_part(migrated: ClickHouse) -> None:
    block = b"".join(b'{"kafka_offset": %d, "received_at": "2026-11-20 12:00:00"}\n' % n for n in range(50_000))
    await migrated.insert("clicks", ["kafka_offset", "received_at"], block, fmt="JSONEachRow")
    parts = (
        "SELECT count(), sum(rows) FROM system.parts WHERE database = currentDatabase() AND table = 'clicks' AND active"
    )
    assert await migrated.query(parts) == [(1, 50_000)]


def test_the_command_says_what_it_did(warehouse_settings: Settings, environ: dict[str, str], tmp_path: Path) -> None:
    said = CliRunner().invoke(app, [], env=environ)
    assert said.exit_code == 0, said.output
    assert "applied 0001_clicks.sql (1 statements)" in said.output
    assert said.output.endswith("is up to date\n")
    asyncio.run(_drop(warehouse_settings))


async def _drop(settings: Settings) -> None:
    async with await ClickHouse.connect(settings, database="") as clickhouse:
        await clickhouse.command(f"DROP DATABASE {settings.clickhouse.database} SYNC")


def _steps() -> list[migration.Step]:
    return migration.steps(Target("any", "", "Asia/Shanghai"))
