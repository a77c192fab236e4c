"""A pipeline of the test's own: topics, database, and the settings that lead there."""

from collections.abc import AsyncIterator

import pytest

from stream.base.settings import Settings, load
from stream.base.topics import delete_topics, ensure_topics
from stream.sink.clickhouse import ClickHouse
from tests.support.warehouse import Warehouse


@pytest.fixture
def fault_settings(environ: dict[str, str], broker: str, warehouse: Warehouse) -> Settings:
    """Real broker and warehouse; windows close after two seconds, so that a test meets closed ones."""
    environ.update(warehouse.environ)
    environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = broker
    environ["GUIDESTREAM_WORKER_GRACE_MS"] = "2000"
    environ["GUIDESTREAM_WORKER_SESSION_MS"] = "6000"
    environ["GUIDESTREAM_WORKER_LATE_MS"] = "500"
    return load(environ)


@pytest.fixture
async def pipeline(
    fault_settings: Settings, warehouse_settings: Settings, migrated: ClickHouse
) -> AsyncIterator[ClickHouse]:
    """Topics and tables are there; a client to look into the latter."""
    await ensure_topics(fault_settings)
    yield migrated
    await delete_topics(fault_settings)
