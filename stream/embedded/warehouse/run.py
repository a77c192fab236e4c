"""The process `guidestream warehouse`: checks, lock, engine, HTTP server, clean stop."""

import asyncio
import fcntl
import ipaddress
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiohttp import web

from stream.base import log, runfile
from stream.base.errors import SettingsError, UnavailableError
from stream.base.settings import Settings
from stream.embedded.warehouse.engine import Engine
from stream.embedded.warehouse.server import MAX_FIELD, MAX_URI, Warehouse
from stream.embedded.warehouse.users import Users

DRAIN_S: Final = 10.0
"""How long SIGTERM waits for requests under way."""

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


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    check(settings)
    directory = settings.data.dir / "warehouse"
    directory.mkdir(parents=True, exist_ok=True)
    lock = _lock(directory)
    engine = Engine.open(directory, settings.warehouse.memory_mib * 1024 * 1024)
    clickhouse = settings.clickhouse
    users = Users(
        clickhouse.user,
        clickhouse.password.get_secret_value(),
        clickhouse.bi_user,
        clickhouse.bi_password.get_secret_value(),
    )
    warehouse = Warehouse(engine, users, settings.warehouse.threads)
    server = web.Server(
        warehouse.handle,
        access_log=None,
        auto_decompress=False,
        max_line_size=MAX_URI,
        max_field_size=MAX_FIELD,
    )
    runner = web.ServerRunner(server, shutdown_timeout=DRAIN_S)
    await runner.setup()
    site = web.TCPSite(runner, settings.warehouse.host, settings.warehouse.port)
    try:
        await site.start()
    except OSError as error:
        raise UnavailableError(f"warehouse.port: {error.strerror or error}") from error
    host, port = runner.addresses[0][:2]
    runfile.publish(settings, "warehouse", host=host, port=port)
    _log.info("ready", host=host, port=port, version=engine.version)
    await _stopped()
    runfile.remove(settings, "warehouse")
    await runner.cleanup()
    warehouse.close()
    os.close(lock)


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


async def _stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
