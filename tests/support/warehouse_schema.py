"""A database of the test's own in the real ClickHouse engine, migrated."""

from collections.abc import AsyncIterator

import pytest

from stream.base.settings import Settings, load
from stream.sink.clickhouse import ClickHouse
from stream.sink.migrate import migrate
from tests.support.warehouse import Warehouse


@pytest.fixture
def warehouse_settings(environ: dict[str, str], warehouse: Warehouse) -> Settings:
    """Settings with the real warehouse; `environ` carries them too, for processes that the test starts."""
    environ.update(warehouse.environ)
    return load(environ)


@pytest.fixture
async def migrated(warehouse_settings: Settings) -> AsyncIterator[ClickHouse]:
    """A client whose database is this test's own and has every table and view; dropped afterwards."""
    name = warehouse_settings.clickhouse.database
    admin = await ClickHouse.connect(warehouse_settings, database="")
    await migrate(admin, warehouse_settings)
    clickhouse = await ClickHouse.connect(warehouse_settings)
    try:
        yield clickhouse
    finally:
        await clickhouse.close()
        await admin.command(f"DROP DATABASE {name} SYNC")
        await admin.close()
