"""The registry as far as one process has read it; the edge's follower and the writer both hold one."""

from collections.abc import Sequence
from typing import Any

from schemas.rejects import Reject
from stream.base import log
from stream.base.metrics import REGISTRY_REJECTED
from stream.registry.snapshot import Builder, Mark, Snapshot
from stream.registry.topic import PATIENCE, TopicLostError, TopicReader, mark_of, silence

_logger = log.get(__name__)


class Replica:
    """Applies what a reader reads. What cannot be read is counted, logged and left out: it must not stop an edge."""

    def __init__(self, base: Snapshot | None = None) -> None:
        self._snapshot = base or Snapshot()
        self._builder = Builder(self._snapshot)
        self._offset = self._snapshot.offset
        self._mark: Mark | None = self._snapshot.mark
        self._stale = False
        """Whether the builder has more than the snapshot."""

    @property
    def snapshot(self) -> Snapshot:
        """All that was read, as a value; made anew only when something came."""
        if self._stale:
            self._snapshot = self._builder.build(self._offset, self._mark)
            self._stale = False
        return self._snapshot

    async def attach(self, reader: TopicReader) -> None:
        """Bring the reader to where this replica is, or both to the beginning.

        Raises:
            UnavailableError: the broker does not answer.
        """
        if self._mark is not None:
            try:
                await reader.go_behind(self._mark)
            except TopicLostError as error:
                _logger.warning("registry is read from its beginning", reason=str(error))
            else:
                return
        self._snapshot = Snapshot(own_salts=self.snapshot.own_salts)
        self._builder, self._offset, self._mark, self._stale = Builder(self._snapshot), 0, None, False
        await reader.rewind()

    async def pull(self, reader: TopicReader) -> int:
        """Apply the next records; how many there were."""
        records = await reader.read()
        offset = await reader.position()
        if records or offset != self._offset:
            self._apply(records)
            self._offset = offset
            self._stale = True
        return len(records)

    async def catch_up(self, reader: TopicReader) -> Snapshot:
        """Apply everything that is committed now.

        Raises:
            TopicLostError: the topic ends before what was read of it: it was made anew.
            UnavailableError: the broker went silent.
        """
        end = await reader.end()
        if end < self._offset:
            raise TopicLostError(f"the topic ends at offset {end}, {self._offset} were read")
        silent = 0
        while self._offset < end:
            silent = 0 if await self.pull(reader) else silent + 1
            if silent > PATIENCE:
                raise silence(self._offset)
        return self.snapshot

    def keep_salts(self, salts: dict[str, bytes]) -> None:
        """Set the salts of our own, for days that the topic has none for."""
        if salts != self._builder.own_salts:
            self._builder.own_salts = salts
            self._stale = True

    def forget_salt(self, day: str) -> None:
        """Drop a salt's key here; that the topic still holds it stays known."""
        self._builder.forget_salt(day)
        self._stale = True

    def _apply(self, records: Sequence[Any]) -> None:
        for record in records:
            try:
                self._builder.feed(record.key, record.value)
            except Reject as reject:
                REGISTRY_REJECTED.inc()
                _logger.warning(
                    "registry record left out", offset=record.offset, reason=reject.reason, detail=reject.detail
                )
        if records:
            self._mark = mark_of(records[-1])
