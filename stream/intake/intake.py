"""Takes events in: what it calls accepted is on disk and will be in the topic `conversions`."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol

import orjson

from schemas.conversions import (
    MAX_CONVERSION_BYTES,
    Conversion,
    check_conversion,
    conversion_key,
    encode_conversion,
)
from schemas.personal import protect
from schemas.rejects import Reject
from schemas.topics import CONVERSIONS
from stream.base.clock import Clock, wall_clock
from stream.base.metrics import INTAKE_EVENTS
from stream.base.person_keys import person_keys
from stream.base.settings import Settings
from stream.intake.outcome import Outcome, Status, rejected
from stream.intake.recent import Recent
from stream.spool import Shipper, Spool

Protect = Callable[[Conversion], Conversion]
"""Takes personal data out of an event; raises Reject where it cannot."""


class Keep(Protocol):
    """Where accepted events go; `stream.spool.Spool` is one."""

    def append(self, key: bytes, value: bytes) -> None:
        """Keep one event: it is written when this returns, else SpoolFullError."""


class Intake:
    """One process's way in. Thread-safe; no call waits for Kafka."""

    def __init__(
        self, settings: Settings, spool: Keep, *, owner: str, protect: Protect, clock: Clock = wall_clock
    ) -> None:
        self._spool, self._owner, self._protect, self._clock = spool, owner, protect, clock
        self._currency = settings.brand.currency
        self._future_ms = settings.worker.future_ms
        self._recent = Recent(settings.intake.recent_ids)
        self._lock = threading.Lock()
        """One thread at a time appends to a spool, and an id is looked up and added in one step."""

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, owner: str) -> "AsyncIterator[Intake]":
        """An intake with its spool below data.dir and the shipper that drains it; `owner` names the process.

        On leaving, what waits is shipped for at most `intake.drain_ms`; the next process of this owner ships the rest.

        Raises:
            SettingsError: another process owns the spool, it cannot be written, or there are no keys to protect by.
        """
        keys = person_keys(settings)
        with Spool.of(settings, owner, CONVERSIONS) as spool:
            shipper = Shipper(spool, settings, CONVERSIONS)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(shipper.run())
                    try:
                        yield cls(settings, spool, owner=owner, protect=partial(protect, keys=keys))
                    finally:
                        await shipper.stop(settings.intake.drain_ms)
            except BaseExceptionGroup as group:
                # A command tells its errors by their class: wrong settings that show up inside are still that.
                if len(group.exceptions) == 1:
                    raise group.exceptions[0] from None
                raise

    def take(self, event: Mapping[str, Any], *, source: str = "") -> Outcome:
        """Check one event and keep it, unless it was kept before.

        Args:
            event: the envelope of `schemas.conversions`; `v` may be left out.
            source: where it came from, as the metric's label, a word of a closed set; the owner when left out.

        Raises:
            SpoolFullError: it is good, but there is no room for it on disk; it was not kept.
        """
        try:
            checked = check_conversion(event, currency=self._currency)
            conversion = self._protect(checked)
            value = self._encoded(conversion)
        except Reject as reject:
            return self._told(rejected(event.get("event_id"), reject), source)
        digest = self._recent.digest(conversion["event_id"])
        with self._lock:
            seen = self._recent.has(digest)
            if not seen:
                self._spool.append(conversion_key(conversion), value)
                self._recent.add(digest)
        status: Status = "duplicate" if seen else "accepted"
        return self._told(Outcome(status, checked["event_id"]), source)

    def take_json(self, value: bytes, *, source: str = "") -> Outcome:
        """The same for an event that is JSON text; what cannot be read is rejected like any other."""
        if len(value) > MAX_CONVERSION_BYTES:
            reject = Reject("too_large", f"{len(value)} bytes; the limit is {MAX_CONVERSION_BYTES}")
            return self._told(rejected("", reject), source)
        try:
            event = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            return self._told(rejected("", Reject("not_json", str(error))), source)
        if not isinstance(event, dict):
            return self._told(rejected("", Reject("not_object", "an event is one JSON object")), source)
        return self.take(event, source=source)

    def _encoded(self, conversion: Conversion) -> bytes:
        ahead = conversion["occurred_at"] - self._clock()
        if ahead > self._future_ms:
            says = f"{ahead} ms ahead of the clock here, of at most {self._future_ms}; check your clock and time zone"
            raise Reject("future", f"occurred_at: {says}")
        value = encode_conversion(conversion)
        # Control characters take six bytes each as JSON, so lengths that are allowed can add up to more than a record.
        if len(value) > MAX_CONVERSION_BYTES:
            raise Reject("too_large", f"{len(value)} bytes as JSON; the limit is {MAX_CONVERSION_BYTES}")
        return value

    def _told(self, outcome: Outcome, source: str) -> Outcome:
        INTAKE_EVENTS.labels(source or self._owner, outcome.status).inc()
        return outcome
