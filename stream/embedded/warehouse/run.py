"""The process `guidestream warehouse`: checks, lock, engine, HTTP server, clean stop."""

import asyncio
import fcntl
import ipaddress
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiohttp import web

from stream.base import log, runfile
from stream.base.errors import SettingsError, UnavailableError
from stream.base.settings import Settings
from stream.embedded.warehouse.engine import Engine
from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.listener import BoundedServer
from stream.embedded.warehouse.server import Warehouse
from stream.embedded.warehouse.users import Users

DRAIN_S: Final = 10.0
"""How long SIGTERM waits for requests under way."""
CLOSE_S: Final = 10.0
"""How long the engine may take to close after that."""
EXPIRE_S: Final = 5.0
"""How often idle sessions are looked for."""

_NICE: Final = 10
"""On a machine with all parts, redirects and the worker go before the engine's threads, merges above all: woken by a
request they came in between on the worker's core while another one was idle, an eighth of its time (2 cores, 2026-11).
"""
_log = log.get(__name__)


def check(settings: Settings) -> None:
    """Refuse what would leave the data open to strangers.

    Raises:
        SettingsError: names the variable and the fix.
    """
    if not settings.clickhouse.password.get_secret_value() and not _is_loopback(settings.warehouse.host):
        raise SettingsError(
            f"GUIDESTREAM_CLICKHOUSE_PASSWORD: is empty, and the warehouse would listen on {settings.warehouse.host}; "
            "set a password, or let GUIDESTREAM_WAREHOUSE_HOST be 127.0.0.1"
        )


async def run(settings: Settings, *, bi_databases: Iterable[str] = ()) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: name the database whose `bi_` views the BI user reads.
        bi_databases: more such databases, for a process that many tests share.

    Raises:
        SettingsError: it would be open to strangers.
        UnavailableError: the directory is in use, the port is taken, or the data cannot be opened.
    """
    check(settings)
    os.setpriority(os.PRIO_PROCESS, 0, max(os.getpriority(os.PRIO_PROCESS, 0), _NICE))
    directory = _directory(settings)
    lock = _lock(directory)
    try:
        memory = settings.warehouse.memory_mib * 1024 * 1024
        engine = Engine.open(directory, (settings.clickhouse.database, *bi_databases), memory)
    except EngineError as error:
        raise UnavailableError(f"the warehouse in {directory} cannot be opened: {error}") from error
    warehouse = Warehouse(engine, _users(settings), settings.warehouse.threads, time.monotonic)
    runner = web.ServerRunner(BoundedServer(warehouse.handle), shutdown_timeout=DRAIN_S)
    await runner.setup()
    try:
        host, port = await _listen(runner, settings)
        runfile.publish(settings, "warehouse", host=host, port=port)
        _log.info("ready", host=host, port=port, version=engine.version)
        await _serve_until_stopped(warehouse)
    finally:
        runfile.remove(settings, "warehouse")
        await runner.cleanup()
        await _close(warehouse)
        os.close(lock)


async def _listen(runner: web.ServerRunner, settings: Settings) -> tuple[str, int]:
    where = settings.warehouse
    try:
        await web.TCPSite(runner, where.host, where.port).start()
    except OSError as error:
        raise UnavailableError(
            f"the warehouse cannot listen on {where.host}:{where.port}: {error.strerror}; "
            "stop what does, or set another GUIDESTREAM_WAREHOUSE_PORT"
        ) from error
    host, port = runner.addresses[0][:2]
    return host, port


async def _serve_until_stopped(warehouse: Warehouse) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EXPIRE_S)
        warehouse.expire_sessions()


async def _close(warehouse: Warehouse) -> None:
    """Close the engine; what takes too long is left to the next start, which is as good as after a crash."""
    try:
        await asyncio.wait_for(asyncio.to_thread(warehouse.close), CLOSE_S)
    except TimeoutError:
        _log.error("the engine did not close in time", seconds=CLOSE_S)
        os._exit(1)


def _directory(settings: Settings) -> Path:
    directory = (settings.data.dir / "warehouse").resolve()
    if set("?&%#<>") & set(str(directory)):
        raise SettingsError(f"GUIDESTREAM_DATA_DIR: the engine cannot take ? & % # < or > in its path: {directory}")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory


def _users(settings: Settings) -> Users:
    where = settings.clickhouse
    return Users(where.user, where.password.get_secret_value(), where.bi_user, where.bi_password.get_secret_value())


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _lock(directory: Path) -> int:
    """Hold the directory for this process; the lock goes with the process, however it ends."""
    handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise UnavailableError(
            f"{directory} is in use by another warehouse; stop it, or set another GUIDESTREAM_DATA_DIR"
        ) from error
    return handle
