"""Repetitions and poison: each event has one fate, and good neighbours none but the good one."""

import asyncio
import random
from pathlib import Path

from schemas.topics import CLICKS
from stream.base.clock import wall_clock
from stream.base.errors import RejectLimitError
from stream.base.settings import Settings, load
from stream.embedded.machine import guidestream
from stream.embedded.output import Output
from stream.embedded.supervisor import Supervisor
from stream.sink.clickhouse import ClickHouse
from tests.support.events import encode
from tests.support.ledger import Sender, Sent, all_committed, differences
from tests.support.poison import corpus
from tests.support.raw_records import send_batch
from tests.support.workers import running


async def test_what_is_sent_again_is_counted_once(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path, fault_seed: int
) -> None:
    rng = random.Random(fault_seed)
    async with (
        Sender(fault_settings, fault_seed) as sender,
        running(environ, fault_settings, tmp_path, "one") as (worker,),
        asyncio.timeout(60),
    ):
        await worker.ready()
        sent = await sender.send(3_000)
        await sender.repeat(rng.sample(sent, 300))  # some still in the same batch
        await sender.send_clicks([sender.a_click() for _ in range(200)], marked=True)  # the first did not arrive
        await asyncio.sleep(rng.random())
        worker.kill()
        await sender.repeat(rng.sample(sent, 300))
        worker.start()
        await all_committed(fault_settings)
        assert await differences(fault_settings, pipeline, sender.ledger) == []


async def test_poison_goes_to_dead_letters_and_its_neighbours_are_unharmed(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path
) -> None:
    bad = corpus(wall_clock() + 60_000)
    async with (
        Sender(fault_settings) as sender,
        running(environ, fault_settings, tmp_path, "one") as (worker,),
        asyncio.timeout(60),
    ):
        await worker.ready()
        for one in bad:
            await sender.send(3)
            await sender.poison([one.value])
        await sender.send(500)
        await all_committed(fault_settings)
        assert await differences(fault_settings, pipeline, sender.ledger) == []
        rows = await pipeline.query("SELECT DISTINCT hex(value), reason FROM dead_letters")
        assert set(rows) == {((one.value or b"").hex().upper(), one.reason) for one in bad}
        assert worker.process.poll() is None


async def test_a_header_that_no_client_can_read_makes_its_record_a_dead_letter_and_no_other(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path
) -> None:
    async with (
        Sender(fault_settings) as sender,
        running(environ, fault_settings, tmp_path, "one") as (worker,),
        asyncio.timeout(60),
    ):
        await worker.ready()
        await sender.send(100)
        clicks = [sender.a_click() for _ in range(4)]
        written = await send_batch(fault_settings, CLICKS, 1, [encode(one) for one in clicks], bad=(0, 2))
        for number in (1, 3):
            sender.ledger.accepted.append(Sent(clicks[number], 1, written.offset + number, written.timestamp))
        sender.ledger.rejected |= {(1, written.offset), (1, written.offset + 2)}
        await sender.send(100)
        worker.kill()
        worker.start()
        await sender.send(100)
        await all_committed(fault_settings)
        assert await pipeline.query("SELECT DISTINCT reason FROM dead_letters") == [("unreadable",)]
        assert await differences(fault_settings, pipeline, sender.ledger) == []
        assert worker.process.poll() is None


async def test_a_worker_that_would_reject_nearly_everything_stops_for_good_and_says_why(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path
) -> None:
    environ["GUIDESTREAM_WORKER_REJECT_LIMIT_EVENTS"] = "200"
    environ["GUIDESTREAM_WORKER_INSTANCE"] = "one"
    command = guidestream(load(environ), "worker", name="worker-one")
    async with Sender(fault_settings) as sender, asyncio.timeout(90):
        with (tmp_path / "up.log").open("w+") as said:
            supervisor = Supervisor([command], output=Output(said))
            await supervisor.start()
            await sender.send(50)
            await sender.poison([b'{"v":2}'] * 1_000)
            while supervisor.pid("worker-one") is not None:
                await asyncio.sleep(0.05)
            await supervisor.stop()
            assert "GUIDESTREAM_WORKER_REJECT_LIMIT" in (tmp_path / "up.log").read_text()
        rejected = await _dead_letters(pipeline)
        assert rejected < 200
        for _ in range(2):  # a supervisor that knows no better
            async with running(environ, fault_settings, tmp_path, "one") as (worker,):
                assert await worker.ended() == RejectLimitError.exit_code
                assert "unknown_version" in worker.log()
        assert await _dead_letters(pipeline) == rejected
        environ["GUIDESTREAM_WORKER_REJECT_LIMIT"] = "1"
        async with running(environ, fault_settings, tmp_path, "one"):
            await all_committed(fault_settings)
        assert await differences(fault_settings, pipeline, sender.ledger) == []


async def _dead_letters(clickhouse: ClickHouse) -> int:
    ((count,),) = await clickhouse.query("SELECT uniqExact(kafka_partition, kafka_offset) FROM dead_letters")
    return int(count)
