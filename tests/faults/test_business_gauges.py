"""Clicks per guide and per link on /metrics: right after restarts and after partitions moved, whoever shows them."""

import asyncio
import random
from collections import Counter
from pathlib import Path

from schemas.windows import WINDOW_MS, window_of
from stream.aggregate.shares import SPANS
from stream.base.clock import wall_clock
from stream.base.days import day_at
from stream.base.settings import Settings
from stream.sink.clickhouse import ClickHouse
from tests.support.ledger import Ledger, Sender, all_committed
from tests.support.scrape import Labels, Scrape, scrape
from tests.support.workers import WorkerProcess, running

TOP_LINKS = 3
"""Of 36 that get clicks, for each worker."""
Shown = dict[str, Counter[Labels]]


async def test_gauges_survive_a_stop_and_a_kill(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path, fault_seed: int
) -> None:
    rng = random.Random(fault_seed)
    async with (
        Sender(fault_settings, fault_seed) as sender,
        running(environ, fault_settings, tmp_path, "one") as (worker,),
        asyncio.timeout(100),
    ):
        await worker.ready()
        await sender.send(1_500)
        await all_committed(fault_settings)
        assert worker.stop() == 0
        worker.start()
        await agree(fault_settings, sender.ledger, worker)
        await sender.send(1_500)
        await asyncio.sleep(rng.random())
        worker.kill()
        worker.start()
        await agree(fault_settings, sender.ledger, worker)


async def test_gauges_of_two_workers_add_up_and_move_with_their_partitions(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path
) -> None:
    environ["GUIDESTREAM_WORKER_TOP_LINKS"] = str(TOP_LINKS)
    async with (
        Sender(fault_settings) as sender,
        running(environ, fault_settings, tmp_path, "one") as (one,),
        asyncio.timeout(100),
    ):
        await one.ready()
        await sender.send(1_000)
        await agree(fault_settings, sender.ledger, one)
        async with running(environ, fault_settings, tmp_path, "two") as (two,):
            await two.ready()
            await sender.send(1_000)
            await agree(fault_settings, sender.ledger, one, two)
            for worker in (one, two):
                own = (await scrape(await worker.ready())).by("link_clicks", "link", "window")
                assert sum(span == "day" for _, span in own) == TOP_LINKS
            assert one.stop() == 0
            await agree(fault_settings, sender.ledger, two)


async def agree(settings: Settings, ledger: Ledger, *workers: WorkerProcess) -> None:
    """Wait until the workers together show what the ledger says: clicks per guide, and every click in a link's number.

    They show it a moment after it is written, and minutes leave the spans meanwhile, so it is looked at again.
    """
    await all_committed(settings)
    while (shown := shown_by(await scrape(*[await one.ready() for one in workers]))) != (
        expected := expected_of(ledger, settings)
    ):
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError as error:
            error.add_note(f"shown: {shown}\nexpected: {expected}")
            raise


def shown_by(seen: Scrape) -> Shown:
    links = seen.by("link_clicks", "window")
    return {
        "guide": seen.by("guide_clicks", "guide", "window"),
        "human": seen.by("guide_human_clicks", "guide", "window"),
        "links": links + seen.by("link_clicks_rest", "window"),
    }


def expected_of(ledger: Ledger, settings: Settings) -> Shown:
    now_ms = wall_clock()
    minute = window_of(now_ms)
    since = {
        "5m": minute - 4 * WINDOW_MS,
        "1h": minute - 59 * WINDOW_MS,
        "day": day_at(now_ms, settings.brand.zone).start_ms,
    }
    found: Shown = {"guide": Counter(), "human": Counter(), "links": Counter()}
    for sent in ledger.accepted:
        for span in SPANS:
            if window_of(sent.time) >= since[span]:
                found["guide"][sent.click["guide"], span] += 1
                found["human"][sent.click["guide"], span] += sent.human
                found["links"][(span,)] += 1
    return found
