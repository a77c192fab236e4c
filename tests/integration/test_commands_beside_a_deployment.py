"""Commands find the broker and the warehouse that run below the same data.dir, on whatever ports."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from stream.base import runfile
from stream.base.settings import Settings, load
from stream.sink.clickhouse import ClickHouse
from tests.support.warehouse import Warehouse


@pytest.fixture
def beside(environ: dict[str, str], broker: str, warehouse: Warehouse) -> Iterator[dict[str, str]]:
    """Variables that name no address: where the two are stands in their run files."""
    variables = environ | warehouse.environ
    del variables["GUIDESTREAM_CLICKHOUSE_URL"]
    settings = load(variables)
    for process, address in (("broker", broker), ("warehouse", warehouse.url.removeprefix("http://"))):
        host, _, port = address.rpartition(":")
        runfile.publish(settings, process, host=host, port=int(port))
    yield variables
    asyncio.run(_drop(load(variables | warehouse.environ)))


async def _drop(settings: Settings) -> None:
    async with await ClickHouse.connect(settings, database="") as clickhouse:
        await clickhouse.command(f"DROP DATABASE IF EXISTS {settings.clickhouse.database} SYNC")


def test_a_registry_and_a_schema_are_made_and_asked_without_an_address(beside: dict[str, str]) -> None:
    for command, says in (
        ("topics", "created"),
        ("migrate", "0001"),
        ("store add s1 --name 南京路店 --region-id east --region-name 华东", "s1"),
        ("store list", "南京路店"),
        ("link list", "code"),
        ("dead-letters list", "0 in all"),
    ):
        arguments = [sys.executable, "-m", "stream", *command.split()]
        done = subprocess.run(arguments, env=os.environ | beside, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert says in done.stdout
