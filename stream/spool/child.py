"""The shipping process: `python -m stream.spool.child DIRECTORY TOPIC`, started and watched by `Shipper`.

A process of its own, because a shipper at work in the edge's interpreter takes its lock for milliseconds at a time: an
append took 3.1 us beside a process and 6.1 us beside a thread (2026-11, two cores, tests/bench/spool.py). It ends after
any unknown outcome, and when its parent does.

stdin: one line `drain MILLISECONDS` ends it once nothing waits, or when the time is over; its end (the parent died)
ends it now. stdout: `Counts` as JSON, a line each half second. SIGINT and SIGTERM are the parent's business.
"""

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from stream.base import log, settings
from stream.base.errors import GuidestreamError, UnavailableError
from stream.base.memory import tune_allocator, tune_collector
from stream.spool import segments, survey
from stream.spool.cursor import CursorFile
from stream.spool.kafka import KafkaPublisher
from stream.spool.pump import Counts, Pump

UNKNOWN_OUTCOME: Final = 75
"""Exit status when another process must take over from the cursor."""
_NAME: Final = "stream.spool.child"
_REPORT_SECONDS: Final = 0.5
_GRACE_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = (0.2, 5.0)


class Child:
    """One life of the shipping process."""

    def __init__(self, directory: Path, topic: str, config: settings.Settings) -> None:
        self._directory, self._topic, self._config = directory, topic, config
        self._log = log.get(_NAME).bind(spool=directory.name, topic=topic)
        self._pump: Pump | None = None
        self._draining = False
        self._counts = Counts()

    async def run(self) -> int:
        """Ship until told to end; returns the exit status."""
        shipping = asyncio.create_task(self._ship())
        listening = asyncio.create_task(self._listen(shipping))
        reporting = asyncio.create_task(self._report())
        try:
            await shipping
        except asyncio.CancelledError:
            pass
        except UnavailableError as error:
            self._log.warning("unknown outcome: what was under way is sent again, marked", why=str(error))
            return UNKNOWN_OUTCOME
        finally:
            for task in (listening, reporting):
                task.cancel()
            self._tell()
        return 0

    async def _ship(self) -> None:
        async with self._owning() as file, self._connected() as publisher:
            self._pump = pump = Pump(
                self._directory, file, publisher, send_seconds=self._config.spool.send_timeout_ms / 1000
            )
            pump.counts = self._counts
            if self._draining:
                pump.drain()
            try:
                await pump.run()
            finally:
                await pump.close(_GRACE_SECONDS)

    @contextlib.asynccontextmanager
    async def _owning(self) -> AsyncIterator[CursorFile]:
        """The shipping side of the directory; a predecessor that is still ending is waited for."""
        lock = segments.try_lock(self._directory, segments.SHIPPER_LOCK)
        if lock is None:
            self._log.warning("waiting for another shipper of this spool to end")
        while lock is None:
            await asyncio.sleep(_RETRY_SECONDS[0])
            lock = segments.try_lock(self._directory, segments.SHIPPER_LOCK)
        file = CursorFile(self._directory)
        try:
            yield file
        finally:
            file.close()
            os.close(lock)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[KafkaPublisher]:
        """A publisher, however long it takes; each reason for waiting is logged once."""
        wait, logged = _RETRY_SECONDS[0], ""
        while True:
            try:
                publisher = await KafkaPublisher.connect(
                    self._config, self._topic, client_id=f"guidestream-{self._directory.name}"
                )
                break
            except UnavailableError as error:
                if str(error) != logged:
                    self._log.warning("spool waits", why=str(error))
                logged = str(error)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _RETRY_SECONDS[1])
        self._log.info("spool is shipped", after_waiting=bool(logged))
        try:
            yield publisher
        finally:
            await publisher.close()

    async def _listen(self, shipping: "asyncio.Task[None]") -> None:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        word, _, number = (await reader.readline()).decode("ascii", "replace").partition(" ")
        if word == "drain":
            self._draining = True
            if self._pump:
                self._pump.drain()
            elif not survey.survey(self._directory).waiting_bytes:
                shipping.cancel()
            loop.call_later(int(number) / 1000, shipping.cancel)
            await reader.read()
        shipping.cancel()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            self._tell()

    def _tell(self) -> None:
        line = json.dumps(dataclasses.asdict(self._counts)) + "\n"
        with contextlib.suppress(OSError):  # a parent that is gone or does not read: counts are sums, the next will do
            os.write(sys.stdout.fileno(), line.encode())


def main(directory: str, topic: str) -> None:
    """Entry point; the settings come from the environment. Does not return."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.set_blocking(sys.stdout.fileno(), False)
    tune_collector()
    tune_allocator()
    config = settings.load()
    log.configure(process="shipper", level=config.log.level)
    # The client logs every try of every connection; changes of state are logged here.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    asyncio.run(_live(Child(Path(directory), topic, config)))


async def _live(child: Child) -> None:
    try:
        status = await child.run()
    except (GuidestreamError, OSError) as error:
        log.get(_NAME).error("shipper failed", why=str(error))
        status = 1
    # The cursor is on disk. A producer that hangs would hold up the event loop's end as well, and with it the spool.
    os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
