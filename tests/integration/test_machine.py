"""The supervisor with real processes: broker and topics, Prometheus."""

import asyncio
import os
import signal
from pathlib import Path

import orjson

from stream.base import http, runfile
from stream.base.kafka import answers
from stream.base.settings import Settings, load
from stream.base.topics import ensure_topics
from stream.embedded import machine, prometheus
from stream.embedded.output import Output
from stream.embedded.ports import with_free_ports
from stream.embedded.supervisor import Patience, Process, Supervisor

PATIENCE = Patience(first_pause_s=0.1)


def _settings(environ: dict[str, str], **more: str) -> Settings:
    zero = {"GUIDESTREAM_BROKER_PORT": "0", "GUIDESTREAM_PROMETHEUS_PORT": "0"}
    return with_free_ports(load(environ | zero | more))


def _only(settings: Settings, *names: str) -> list[Process]:
    return [process for process in machine.processes(settings) if process.name in names]


async def test_broker_and_topics_come_up_and_a_killed_broker_comes_back_with_them(
    environ: dict[str, str], tmp_path: Path
) -> None:
    settings = _settings(environ)
    with (tmp_path / "log").open("w") as log_file:
        supervisor = Supervisor(_only(settings, "broker", "topics"), output=Output(log_file), patience=PATIENCE)
        try:
            await supervisor.start()
            pid = supervisor.pid("broker")
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(60):
                while (running := runfile.read(settings, "broker")) is None or running.pid == pid:
                    await asyncio.sleep(0.05)
            assert (await ensure_topics(settings)).created == ()
        finally:
            await supervisor.stop()
    assert not answers("127.0.0.1", settings.broker.port)
    lines = [orjson.loads(line) for line in (tmp_path / "log").read_text("utf-8").splitlines()]
    assert {line["process"] for line in lines} == {"broker", "topics"}


async def test_prometheus_runs_with_the_configuration_and_the_rules(environ: dict[str, str], tmp_path: Path) -> None:
    settings = _settings(environ, GUIDESTREAM_PROMETHEUS_SCRAPE_SECONDS="1")
    program = prometheus.program(settings)
    assert program is not None, "Debian's prometheus is not installed: make test-tools"

    async def ready(_pid: int) -> bool:
        return await prometheus.is_ready(settings)

    with (tmp_path / "log").open("w") as log_file:
        process = Process("prometheus", prometheus.command(settings, program), dict(os.environ), ready=ready)
        supervisor = Supervisor([process], output=Output(log_file), patience=PATIENCE)
        try:
            await supervisor.start()
            async with asyncio.timeout(60):  # it takes targets up some seconds after it is ready
                while await _scraped(settings) != {"edge", "worker", "api", "prometheus"}:
                    await asyncio.sleep(0.1)
            rules = await http.get("127.0.0.1", settings.prometheus.port, "/api/v1/rules")
        finally:
            await supervisor.stop()
    groups = orjson.loads(rules.body)["data"]["groups"]
    assert {group["file"] for group in groups} == {str(path) for path in prometheus.rule_files()}


async def _scraped(settings: Settings) -> set[str]:
    answer = await http.get("127.0.0.1", settings.prometheus.port, "/api/v1/targets?state=active")
    return {target["labels"]["job"] for target in orjson.loads(answer.body)["data"]["activeTargets"]}
