"""Kafka dies under a follower: what it shows stays, and it follows again when Kafka is back."""

import asyncio
import socket
from pathlib import Path

from stream.base.clock import wall_clock
from stream.base.settings import load
from stream.base.topics import ensure_topics
from stream.registry import salts
from stream.registry.follower import Follower
from stream.registry.writer import Writer
from tests.support import registry as make
from tests.support.broker import start, stop, wait_ready
from tests.support.waiting import eventually


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_killed_broker_stops_no_look_up_and_news_come_when_it_is_back(
    environ: dict[str, str], tmp_path: Path
) -> None:
    port = str(free_port())
    settings = load(environ | {"GUIDESTREAM_BROKER_PORT": port, "GUIDESTREAM_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}"})
    variables = {"GUIDESTREAM_DATA_DIR": str(tmp_path / "kafka"), "GUIDESTREAM_BROKER_PORT": port}
    log_file = tmp_path / "broker.log"
    follower = Follower(settings, wall_clock)
    broker = start("broker", variables, log_file)
    try:
        await asyncio.to_thread(wait_ready, broker, load(variables), "broker", log_file)
        await ensure_topics(settings)
        await Writer(settings).change(make.writes(make.link()))
        await follower.start()
        await eventually(lambda: follower.ready)

        broker.kill()
        broker.wait()
        await asyncio.sleep(0.5)
        assert follower.ready
        assert follower.snapshot.resolve("a8Xk2Pq") == make.link()
        assert follower.snapshot.salt(salts.utc_day(wall_clock()))

        broker = start("broker", variables, log_file)
        await asyncio.to_thread(wait_ready, broker, load(variables), "broker", log_file)
        await Writer(settings).change(make.writes(make.link("news", 2)))
        await eventually(lambda: follower.snapshot.resolve("news") is not None)
    finally:
        await follower.stop()
        stop(broker)
