"""A tap shows up in the BI views under the names of its guide and store, and under new ones once they change."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx

from stream.base.settings import Settings, load
from stream.embedded.demo.brand import demo_brand
from stream.embedded.demo.load import load_brand
from stream.registry.writer import Writer
from stream.sink.clickhouse import ClickHouse
from tests.support.edge import edge_process
from tests.support.registry import writes
from tests.support.warehouse import Warehouse
from tests.support.workers import running

NAMES = "SELECT DISTINCT guide_name, store_name, region_name, campaign_name FROM bi_clicks_{grain}"


async def test_names_of_the_registry_stand_beside_clicks(
    environ: dict[str, str], kafka_topics: Settings, migrated: ClickHouse, warehouse: Warehouse, tmp_path: Path
) -> None:
    settings = load(environ)
    brand = demo_brand(1, owned_from_ms=0)
    link = next(link for link in brand.links if link.touchpoint == "moments")
    guide = next(guide for guide in brand.guides if guide.id == link.owners[0].guide_id)
    store = next(store for store in brand.stores if store.id == guide.store_id)
    campaign = next(campaign for campaign in brand.campaigns if campaign.id == link.campaign_id)
    await load_brand(settings, brand)
    environ_of_bi = environ | {
        "GUIDESTREAM_CLICKHOUSE_USER": warehouse.bi_user,
        "GUIDESTREAM_CLICKHOUSE_PASSWORD": warehouse.bi_password,
        "GUIDESTREAM_CLICKHOUSE_BI_USER": "another",  # two users of one name are refused
    }
    bi = await ClickHouse.connect(load(environ_of_bi))
    try:
        async with running(environ, settings, tmp_path) as (worker,), asyncio.timeout(60):
            with edge_process(environ) as edge:
                async with httpx.AsyncClient(trust_env=False) as client:
                    assert (await client.get(f"{edge.url}/{link.code}")).status_code == 302
                await worker.ready()
                await shown(bi, (guide.name, store.name, store.region_name, campaign.name))
                await Writer(settings).change(writes(replace(guide, name="欧阳娜娜"), replace(store, name="静安寺店")))
                await shown(bi, ("欧阳娜娜", "静安寺店", store.region_name, campaign.name))
            found = await bi.query("SELECT count() FROM bi_links")
            assert found == [(len(brand.links),)]
    finally:
        await bi.close()


async def shown(bi: ClickHouse, names: tuple[str, ...]) -> None:
    for grain in ("minute", "hour", "day"):
        while await bi.query(NAMES.format(grain=grain)) != [names]:
            await asyncio.sleep(0.1)
