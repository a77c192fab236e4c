"""Settings with topics and tables of the test's own, for a worker that is a static member, and one that runs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stream.base.settings import Settings, load
from stream.base.topics import delete_topics, ensure_topics
from stream.intake import Intake
from stream.sink.clickhouse import ClickHouse
from tests.support.shop import FAST, Shop
from tests.support.warehouse import Warehouse
from tests.support.workers import running


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


@pytest.fixture
async def shop(environ: dict[str, str], ready: Settings, migrated: ClickHouse, tmp_path: Path) -> AsyncIterator[Shop]:
    environ.update(FAST)
    async with Intake.open(ready, "api") as intake, running(environ, ready, tmp_path, "one"), asyncio.timeout(150):
        yield Shop(ready, migrated, intake)
