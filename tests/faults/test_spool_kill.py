"""Kills of the spool's owner, of its shipping process and of the broker, at random moments: nothing kept is lost."""

import asyncio
import contextlib
import os
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator

import psutil

from schemas.topics import CLICKS
from stream.base.settings import PREFIX, Settings, load
from stream.base.topics import ensure_topics
from stream.spool import Shipper, Spool, survey
from tests.support.private_broker import PrivateBroker
from tests.support.spool_writer import key_of, problems, shipped, spool_directory


class Writer:
    """The process of `tests.support.spool_writer`, and the numbers that it called kept."""

    def __init__(self, environ: dict[str, str]) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._environ = inherited | environ
        self._lives: list[range] = []

    @property
    def kept(self) -> list[int]:
        return [number for life in self._lives for number in life]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        """One life, which ends by kill -9; its numbers are its own, as a number may be kept and not yet told."""
        first = len(self._lives) * 10_000_000
        self._lives.append(range(first, first))
        command = (sys.executable, "-m", "tests.support.spool_writer", str(first))
        process = await asyncio.create_subprocess_exec(*command, env=self._environ, stdout=PIPE)
        reading = asyncio.create_task(self._read(process))
        try:
            await self.more(1)
            yield process
        finally:
            process.kill()
            await process.wait()
            await reading

    async def more(self, count: int) -> None:
        """Wait until this life has kept so many more."""
        target = len(self._lives[-1]) + count
        async with asyncio.timeout(30):
            while len(self._lives[-1]) < target:
                await asyncio.sleep(0.01)

    async def _read(self, process: Process) -> None:
        assert process.stdout
        async for line in process.stdout:
            self._lives[-1] = range(self._lives[-1].start, int(line) + 1)


async def drained(settings: Settings) -> None:
    """Ship what is left, by an owner that comes after all the killed ones."""
    with Spool.of(settings, "writer", CLICKS) as spool:
        shipper = Shipper(spool, settings, CLICKS)
        running = asyncio.create_task(shipper.run())
        async with asyncio.timeout(60):
            while survey.survey(spool.directory).waiting_bytes:
                await asyncio.sleep(0.05)
        await shipper.stop(5000)
        await running


async def test_owner_and_shipper_are_killed_and_nothing_is_lost_or_doubled_unmarked(
    kafka_topics: Settings, environ: dict[str, str], fault_seed: int
) -> None:
    rng = random.Random(fault_seed)
    writer = Writer(environ)
    shippers: list[psutil.Process] = []
    for _ in range(4):
        async with writer.running() as process:
            await asyncio.sleep(rng.random() * 1.5)
            shippers += psutil.Process(process.pid).children()
            if rng.random() < 0.5:
                for child in psutil.Process(process.pid).children():
                    child.kill()
                await asyncio.sleep(rng.random())
    await drained(kafka_topics)
    found = await shipped(kafka_topics)
    assert problems(found, writer.kept) == []
    assert survey.survey(spool_directory(kafka_topics)).waiting_bytes == 0
    psutil.wait_procs(shippers, timeout=10)
    assert not any(shipper.is_running() for shipper in shippers), "a shipper outlived its owner"


async def test_a_broker_that_is_down_killed_frozen_and_back_gets_everything(
    environ: dict[str, str], private_broker: PrivateBroker
) -> None:
    rng = random.Random(1)
    settings = load(environ)
    writer = Writer(environ)
    async with writer.running():
        await writer.more(1000)  # nobody answers yet
        await asyncio.to_thread(private_broker.start)
        await ensure_topics(settings)
        await asyncio.sleep(0.5 + rng.random())
        private_broker.kill()
        await asyncio.sleep(rng.random() * 2)
        await writer.more(1000)
        await asyncio.to_thread(private_broker.start)
        await asyncio.sleep(0.5 + rng.random())
        private_broker.freeze()
        await asyncio.sleep(2 + rng.random())
        await writer.more(1000)
        private_broker.thaw()
        await asyncio.sleep(1)
    await drained(settings)
    found = await shipped(settings)
    assert problems(found, writer.kept) == []
    assert key_of(0) in {record.key for record in found}
    # A backlog is not marked as a whole: only what was under way when the outcome became unknown.
    assert sum(record.marked for record in found) < len(found) / 2
