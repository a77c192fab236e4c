"""The worker as a process: what it is made of, how it comes up, how it goes down, and how it ends when something fails.

Any unexpected error ends it at once, without cleaning up: what is in ClickHouse and in Kafka is all that a restart
needs, and a process in an unknown state must not write.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from typing import Any, Final

from stream.base import log, runfile
from stream.base.admin import AdminServer
from stream.base.clock import wall_clock
from stream.base.errors import GuidestreamError, UnavailableError
from stream.base.memory import tune_allocator, tune_collector
from stream.base.settings import Settings
from stream.base.topics import ensure_topics
from stream.sink.clickhouse import ClickHouse, QueryError
from stream.worker.app import App, make_app
from stream.worker.lease import Lease
from stream.worker.wiring import Parts, make_parts

_NOT_MIGRATED: Final = (60, 81)
"""ClickHouse's codes for an unknown table and an unknown database."""
_TABLES: Final = (
    "clicks, link_windows, link_visitors, conversions, conversion_windows, customer_states, customer_aliases"
)
_TICK_S: Final = 0.1
_RETRY_S: Final = 1.0
_STOP_S: Final = 10.0
"""What Faust may take to leave the group; seen to hang when told to stop while it starts."""
_logger = log.get(__name__)


def serve(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT.

    Raises:
        SettingsError: the admin port cannot be listened on, or a database file cannot be read.
    """
    tune_collector()
    tune_allocator()
    # A flush that took longer than its interval is in the stage metrics; a line for each drowns the log.
    logging.getLogger("mode.timers").setLevel(logging.ERROR)
    asyncio.run(Worker(settings).run())
    os._exit(0)  # threads of a consumer that hangs must not keep a finished process


class Worker:
    """One worker process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = runfile.worker_name(settings.worker.instance)
        self._wrong = "starting"
        self._stopping = asyncio.Event()
        self._lease = Lease(settings.worker.session_ms / 1000)

    async def run(self) -> None:
        """Come up, work until told to stop, write and commit what was taken, leave."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop)
        where = self._settings.worker
        admin = AdminServer(where.metrics_host, where.metrics_port, ready=lambda: self._wrong)
        ticking = asyncio.create_task(self._tick())
        try:
            clickhouse = await self._connect()
            if clickhouse is not None:
                await self._work(clickhouse, admin)
        finally:
            ticking.cancel()
            admin.close()
            runfile.remove(self._settings, self._name)

    async def _work(self, clickhouse: ClickHouse, admin: AdminServer) -> None:
        parts = make_parts(self._settings, clickhouse, self._lease, wall_clock, self._fail)
        app = make_app(self._settings, parts, self._fail)
        gc.collect()
        gc.freeze()
        starting = asyncio.create_task(app.start())
        watching = asyncio.create_task(self._watch(app, starting))
        while not self._stopping.is_set():
            if self._wrong and starting.done() and parts.pipeline.ready:
                self._ready(admin)
            await asyncio.sleep(_TICK_S)
        self._wrong = "stopping"
        await self._leave(app, parts)
        watching.cancel()
        await parts.attributed.close()
        await clickhouse.close()

    def _ready(self, admin: AdminServer) -> None:
        self._wrong = ""
        runfile.publish(self._settings, self._name, admin_host=admin.host, admin_port=admin.port)
        _logger.info("ready", admin_host=admin.host, admin_port=admin.port, group=self._settings.worker.group)

    async def _leave(self, app: App, parts: Parts) -> None:
        done = await parts.pipeline.end(self._settings.worker.drain_ms / 1000)
        try:
            async with asyncio.timeout(_STOP_S):
                await app.stop()
        except TimeoutError:
            _logger.warning("left without a word: the group will notice after the session time-out")
        _logger.info("stopped", everything_committed=done)

    async def _connect(self) -> ClickHouse | None:
        """A client, once ClickHouse and Kafka answer and the topics are there; None when told to stop before."""
        clickhouse: ClickHouse | None = None
        while not self._stopping.is_set():
            try:
                clickhouse = clickhouse or await ClickHouse.connect(self._settings)
                # A topic that is missing when the group first asks for it is ignored for ever.
                report = await ensure_topics(self._settings)
                await clickhouse.query(f"SELECT 1 FROM {_TABLES} LIMIT 0")
            except UnavailableError as error:
                _logger.warning("waiting", error=str(error))
                await asyncio.sleep(_RETRY_S)
            except QueryError as error:
                if error.code not in _NOT_MIGRATED:
                    raise
                raise GuidestreamError(f"run `guidestream migrate` first. {error}") from error
            else:
                for one in report.differences:
                    _logger.warning("topic is not as it should be", topic=one.topic, what=one.what, found=one.found)
                return clickhouse
        if clickhouse is not None:
            await clickhouse.close()
        return None

    async def _watch(self, app: App, starting: asyncio.Task[Any]) -> None:
        """Faust's own services crash quietly; end the process with what they died of."""
        while True:
            if starting.done() and not starting.cancelled() and (error := starting.exception()):
                self._fail(error)
            if app.crashed and not self._stopping.is_set():
                self._fail(app.crash_reason or RuntimeError("a service of Faust crashed"))
            await asyncio.sleep(_TICK_S)

    async def _tick(self) -> None:
        try:
            while True:
                self._lease.tick()
                await asyncio.sleep(_TICK_S)
        except GuidestreamError as error:
            self._fail(error)

    def _stop(self) -> None:
        if not self._stopping.is_set():
            self._stopping.set()
            deadline_s = self._settings.worker.drain_ms / 1000 + 2 * _STOP_S
            end = threading.Timer(deadline_s, os._exit, (1,))
            end.daemon = True
            end.start()

    def _fail(self, error: BaseException) -> None:
        expected = isinstance(error, GuidestreamError)
        _logger.critical("the worker ends", error=str(error) or repr(error), exc_info=None if expected else error)
        sys.stderr.flush()
        os._exit(error.exit_code if isinstance(error, GuidestreamError) else 1)
