"""Kafka dies or freezes under a follower and a writer: what is shown stays, and nobody waits for ever."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import Popen

import psutil
import pytest

from stream.base import kafka
from stream.base.clock import wall_clock
from stream.base.days import day_at
from stream.base.errors import UnavailableError
from stream.base.settings import Settings, load
from stream.base.topics import ensure_topics
from stream.registry import topic, writer
from stream.registry.follower import Follower
from stream.registry.snapshot import Snapshot
from stream.registry.writer import Encoded, Writer
from tests.support import registry as make
from tests.support.broker import start, stop, wait_ready
from tests.support.waiting import eventually


@asynccontextmanager
async def own_broker(
    environ: dict[str, str], tmp_path: Path
) -> AsyncIterator[tuple[Settings, Callable[[], Popen[bytes]]]]:
    """Settings whose broker runs, with topics; and how to start it again, on the same port with the same data."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    settings = load(environ | {"GUIDESTREAM_BROKER_PORT": port, "GUIDESTREAM_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}"})
    variables = {"GUIDESTREAM_DATA_DIR": str(tmp_path / "kafka"), "GUIDESTREAM_BROKER_PORT": port}
    started: list[Popen[bytes]] = []

    def run() -> Popen[bytes]:
        started.append(start("broker", variables, tmp_path / "broker.log"))
        wait_ready(started[-1], load(variables), "broker", tmp_path / "broker.log")
        return started[-1]

    try:
        yield settings, run
    finally:
        for process in started:
            stop(process)


async def test_a_killed_broker_stops_no_look_up_and_news_come_when_it_is_back(
    environ: dict[str, str], tmp_path: Path
) -> None:
    async with own_broker(environ, tmp_path) as (settings, run):
        broker = await asyncio.to_thread(run)
        await ensure_topics(settings)
        await Writer(settings).change(make.writes(make.link()))
        follower = Follower(settings, wall_clock)
        await follower.start()
        try:
            await eventually(lambda: follower.ready)
            broker.kill()
            broker.wait()
            await asyncio.sleep(0.5)
            assert follower.ready
            assert follower.snapshot.resolve("a8Xk2Pq") == make.link()
            assert follower.snapshot.salt(day_at(wall_clock(), settings.brand.zone).name)

            await asyncio.to_thread(run)
            await Writer(settings).change(make.writes(make.link("news", 2)))
            await eventually(lambda: follower.snapshot.resolve("news") is not None)
        finally:
            await follower.stop()


async def test_a_frozen_broker_makes_a_change_fail_in_bounded_time_and_never_by_half(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((writer, "ANSWER_S"), (kafka, "_STOP_S"), (topic, "_REQUEST_S")):
        monkeypatch.setattr(module, name, 1.0)
    links = [make.link(f"c{number}", number) for number in range(1, 10_001)]
    async with own_broker(environ, tmp_path) as (settings, run):
        process = await asyncio.to_thread(run)
        (broker,) = psutil.Process(process.pid).children(recursive=True)
        await ensure_topics(settings)

        def freeze(_: object = None) -> None:
            broker.send_signal(signal.SIGSTOP)

        def freezing(_: Snapshot) -> tuple[Encoded, None]:
            freeze()
            return make.writes(*links)(Snapshot())

        for change in (
            Writer(settings).change(freezing),
            Writer(settings).change(make.writes(*links), freeze),
        ):
            try:
                async with asyncio.timeout(60):
                    with pytest.raises(UnavailableError, match="Kafka"):
                        await change
            finally:
                broker.send_signal(signal.SIGCONT)
            assert (await settled(settings)).links in (0, len(links))


async def settled(settings: Settings) -> Snapshot:
    """The registry once the broker answers again and nobody is in the middle of a transaction."""
    async with asyncio.timeout(60):
        while True:
            try:
                await Writer(settings).change(make.writes(make.store()))
                return await Writer(settings).read()
            except UnavailableError:
                await asyncio.sleep(0.1)
