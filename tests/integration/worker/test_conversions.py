"""Conversions through a real worker: what they become in ClickHouse and in the topic `attributed`."""

import asyncio
from pathlib import Path

from schemas.topics import CONVERSIONS
from stream.base.settings import Settings
from stream.sink.clickhouse import ClickHouse
from tests.support.conversion_ledger import ConversionSender, conversion_differences
from tests.support.ledger import all_committed
from tests.support.workers import running


async def test_raw_rows_customers_windows_and_what_others_are_told_are_those_of_the_ledger(
    environ: dict[str, str], ready: Settings, migrated: ClickHouse, tmp_path: Path
) -> None:
    async with (
        ConversionSender(ready) as sender,
        running(environ, ready, tmp_path, "one"),
        asyncio.timeout(100),
    ):
        sent = await sender.send(600)
        await sender.repeat(sent[:30])
        await sender.poison([b"{", b"[]"])
        await all_committed(ready, CONVERSIONS)
        assert await conversion_differences(ready, migrated, sender.ledger) == []
