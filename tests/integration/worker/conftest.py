"""Settings with topics and tables of the test's own, for a worker that is a static member."""

from collections.abc import AsyncIterator

import pytest

from stream.base.settings import Settings, load
from stream.base.topics import delete_topics, ensure_topics
from stream.sink.clickhouse import ClickHouse
from tests.support.warehouse import Warehouse


@pytest.fixture
async def ready(
    environ: dict[str, str], broker: str, warehouse: Warehouse, migrated: ClickHouse
) -> AsyncIterator[Settings]:
    environ.update(warehouse.environ)
    environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = broker
    environ["GUIDESTREAM_WORKER_INSTANCE"] = "one"
    settings = load(environ)
    await ensure_topics(settings)
    yield settings
    await delete_topics(settings)
