"""The edge's registry: a snapshot in memory that follows the topic, and survives Kafka's absence on disk."""

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Final

from stream.base import log
from stream.base.clock import Clock
from stream.base.days import day_at
from stream.base.errors import GuidestreamError, UnavailableError
from stream.base.metrics import REGISTRY_LINKS, REGISTRY_OFFSET
from stream.base.settings import Settings
from stream.registry import salts, store
from stream.registry.replica import Replica
from stream.registry.snapshot import Snapshot
from stream.registry.topic import TopicLostError, TopicReader, open_topic
from stream.registry.writer import Writer

_SWAP_S: Final = 0.05
"""What comes within this is shown together: a bulk change copies each part of the snapshot once, not once a link."""
_RETRY_S: Final = (0.5, 5.0)
"""Shortest and longest pause after Kafka could not be reached."""
_TEND_S: Final = 60.0
_FIRST_SAVE_S: Final = 1.0
_RESAVE_MS: Final = 6 * 3_600_000
"""An unchanged registry is saved this often, so that its file stays fresh (see `store.load_fresh`)."""
_logger = log.get(__name__)


class Follower:
    """Keeps `snapshot` at the topic's end. Nothing but the news waits for Kafka."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._zone = settings.brand.zone
        self._replica = Replica()
        self._shown = Snapshot()
        self._saved: tuple[Snapshot, int] = (self._shown, 0)
        """The snapshot on disk, and when it was written."""
        self._ready = False
        self._current = asyncio.Event()
        """Set while the topic is followed: a writer that starts from this snapshot has little to read."""
        self._tended_day = ""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def snapshot(self) -> Snapshot:
        """The registry in force; hold it for one decision, then ask again."""
        return self._shown

    @property
    def ready(self) -> bool:
        """Whether there is a registry to decide by: from disk, or read from Kafka to its end."""
        return self._ready

    async def start(self) -> None:
        """Load this machine's snapshot and begin to follow the topic; does not wait for Kafka."""
        loaded = await asyncio.to_thread(store.load_fresh, self._settings, self._clock())
        if loaded is not None:
            self._replica = Replica(loaded)
            self._saved = (loaded, self._clock())
            self._show(loaded)
        self._keep_salts()
        self._tasks = [
            asyncio.create_task(routine, name=f"registry-{name}")
            for name, routine in (("follow", self._follow()), ("save", self._keep_saved()), ("salts", self._tend()))
        ]

    async def stop(self) -> None:
        """Stop following; what is not on disk yet is saved."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._save()

    def _show(self, snapshot: Snapshot) -> None:
        self._shown = snapshot
        self._ready = True
        REGISTRY_LINKS.set(snapshot.links)
        REGISTRY_OFFSET.set(snapshot.offset)

    # -- the topic -----------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        pause = _RETRY_S[0]
        while True:
            try:
                async with open_topic(self._settings) as reader:
                    await self._replica.attach(reader)
                    self._show(await self._replica.catch_up(reader))
                    _logger.info("registry read", links=self._shown.links, offset=self._shown.offset)
                    pause = _RETRY_S[0]
                    self._current.set()
                    await self._keep_up(reader)
            except (UnavailableError, TopicLostError) as error:
                _logger.warning("registry not followed, the snapshot stays in force", reason=str(error))
            except Exception:
                # The edge must outlive whatever a broken broker makes the client raise.
                _logger.exception("registry not followed, the snapshot stays in force")
            self._current.clear()
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries, no secret
            pause = min(2 * pause, _RETRY_S[1])

    async def _keep_up(self, reader: TopicReader) -> None:
        while True:
            until = monotonic() + _SWAP_S
            while await self._replica.pull(reader) and monotonic() < until:
                pass
            if self._replica.snapshot is not self._shown:
                self._show(self._replica.snapshot)

    # -- the disk ------------------------------------------------------------------------------------------------------

    async def _keep_saved(self) -> None:
        while True:
            # With no link on disk an edge that dies could not start without Kafka: then it is looked at often.
            await asyncio.sleep(self._settings.registry.snapshot_seconds if self._saved[0].links else _FIRST_SAVE_S)
            await self._save()

    async def _save(self) -> None:
        snapshot, now_ms = self._shown, self._clock()
        saved, saved_ms = self._saved
        if not self._ready or (snapshot is saved and now_ms - saved_ms < _RESAVE_MS):
            return
        try:
            await asyncio.to_thread(store.save, store.path_of(self._settings), snapshot, saved_ms=now_ms)
        except OSError as error:
            _logger.warning("registry snapshot not saved", reason=str(error))
        else:
            self._saved = (snapshot, now_ms)

    # -- salts ---------------------------------------------------------------------------------------------------------

    async def _tend(self) -> None:
        while True:
            self._keep_salts()
            with suppress(TimeoutError):
                async with asyncio.timeout(_TEND_S):
                    await self._current.wait()
            if not self._current.is_set():
                continue
            # Edges that start together need not all try to be the one who writes.
            await asyncio.sleep(random.uniform(0, 1))  # noqa: S311 - spreads writers, no secret
            try:
                await self._write_salts()
            except GuidestreamError as error:
                _logger.info("salts not written, this edge's own are in force", reason=str(error))
            except Exception:
                _logger.exception("salts not written, this edge's own are in force")
            await asyncio.sleep(_TEND_S)

    def _keep_salts(self) -> None:
        """There is a salt for today whatever happens, and no key of one that is expired."""
        now_ms = self._clock()
        own = salts.own_salts(self._shown, now_ms, self._zone)
        old = [day for day, key in self._shown.salts.items() if key and salts.expired(day, now_ms, self._zone)]
        if own == self._shown.own_salts and not old:
            return
        self._replica.keep_salts(own)
        for day in old:
            self._replica.forget_salt(day)
        self._shown = replace(
            self._shown, own_salts=own, salts={**self._shown.salts, **dict.fromkeys(old, salts.FORGOTTEN)}
        )

    async def _write_salts(self) -> None:
        """Once a day, and while the topic lacks a salt: what is missing is written, what is expired deleted."""
        now_ms = self._clock()
        today, own = day_at(now_ms, self._zone).name, self._shown.own_salts
        if today == self._tended_day and not own:
            return
        writer = Writer(self._settings, self._shown)
        await writer.change(lambda state: (salts.tend(state, own, now_ms, self._zone), None))
        self._tended_day = today
