"""The parent's side of shipping: starts the shipping process, starts it again when it ends, takes over its counts."""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from typing import Final

from stream.base import log, metrics
from stream.base.settings import PREFIX, Settings, environment
from stream.spool.writer import Spool

_RESTART_SECONDS: Final = (0.1, 5.0)
_KILL_SECONDS: Final = 5.0
"""After its deadline, a process that does not end is killed; the cursor makes that safe."""
_FIELDS: Final = {
    "shipped": metrics.SPOOL_SHIPPED,
    "retransmitted": metrics.SPOOL_RETRANSMITTED,
    "damaged": metrics.SPOOL_DAMAGED,
}


class Shipper:
    """Ships a spool to its topic from a process of its own, until `stop`.

    `topic` is the unprefixed name. Nothing here ever blocks an append: Kafka down at the start, later, or frozen only
    lets the spool grow.
    """

    def __init__(self, spool: Spool, settings: Settings, topic: str) -> None:
        self._directory, self._topic, self._settings = spool.directory, topic, settings
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self._drain_ms = 0
        self._log = log.get(__name__).bind(spool=spool.directory.name)

    async def run(self) -> None:
        """Keep a shipping process alive until `stop` is called or this task is cancelled."""
        wait = _RESTART_SECONDS[0]
        loop = asyncio.get_running_loop()
        self._ended.clear()
        try:
            while not self._stopping.is_set():
                started = loop.time()
                try:
                    status = str(await self._live())
                except OSError as error:  # no memory or no file descriptors for a process: appends must go on
                    status = str(error)
                if self._stopping.is_set():
                    break
                self._log.warning("shipper ended, starts again", status=status)
                wait = _RESTART_SECONDS[0] if loop.time() - started > _RESTART_SECONDS[1] else wait
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait)
                wait = min(wait * 2, _RESTART_SECONDS[1])
        finally:
            self._ended.set()

    async def stop(self, drain_ms: int) -> None:
        """Ship what waits for at most `drain_ms`, then end; what is left is shipped by the next process."""
        self._drain_ms = drain_ms
        self._stopping.set()
        self._tell_drain()
        try:
            await asyncio.wait_for(self._ended.wait(), drain_ms / 1000 + _KILL_SECONDS)
        except TimeoutError:
            self._log.error("shipper did not end in time, killed")
            if self._process and self._process.returncode is None:
                self._process.kill()
            await self._ended.wait()

    def _tell_drain(self) -> None:
        process = self._process
        if process and process.stdin and process.returncode is None:
            process.stdin.write(f"drain {self._drain_ms}\n".encode())

    async def _live(self) -> int:
        """One life of the shipping process; returns its exit status."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stream.spool.child", str(self._directory), self._settings.topic(self._topic)),
            stdin=PIPE,
            stdout=PIPE,
            env=environ | environment(self._settings),
        )
        try:
            if self._stopping.is_set():
                self._tell_drain()
            await self._count(process)
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _count(self, process: Process) -> None:
        """Take over the process's counts until it ends."""
        assert process.stdout
        before = dict.fromkeys(_FIELDS, 0)
        async for line in process.stdout:
            now = json.loads(line)
            for name, counter in _FIELDS.items():
                counter.labels(self._topic).inc(now[name] - before[name])
            before = now
