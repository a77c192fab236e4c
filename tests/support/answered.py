"""Taps that an edge answered, by their tokens, and what the warehouse has of them once nothing waits any more."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection

from stream.base.errors import UnavailableError
from stream.base.settings import Settings
from stream.embedded.demo.people import Tap
from stream.embedded.demo.probe import token_of
from stream.embedded.demo.taps import Ledger, header
from stream.embedded.demo.totals import Totals, totals
from stream.sink.clickhouse import ClickHouse
from stream.sink.kafka_log import open_log

_SETTLED_S = 90
"""Far more than it takes; beyond it the comparison says what is wrong."""


class Answered:
    """Listens to a `Sender` of taps: every token in an answer is a promise that one row will be there."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()

    def on_answer(self, tap: Tap, head: bytes) -> None:
        """Keep the token; to be set as the sender's `on_answer`."""
        token = token_of(header(head, b"location").decode())
        assert token or not tap.known
        if token:
            assert token not in self.tokens
            self.tokens.add(token)


async def differences(settings: Settings, answered: Answered, sent: Ledger) -> list[str]:
    """Everything in which the tables and the answers differ, once they agree or at the deadline; empty when right."""
    deadline = time.monotonic() + _SETTLED_S
    while True:
        try:
            after, click_ids = await _look(settings)
        except UnavailableError:  # what was killed is not back yet
            if time.monotonic() > deadline:
                raise
        else:
            found = _differences(after, click_ids, answered.tokens, sent)
            if not found or time.monotonic() > deadline:
                return found
        await asyncio.sleep(0.5)


async def _look(settings: Settings) -> tuple[Totals, Counter[str]]:
    """Totals, and at how many offsets each click is."""
    async with open_log(settings) as kafka:
        clickhouse = await ClickHouse.connect(settings)
        try:
            rows = await clickhouse.query(
                "SELECT click_id, uniqExact(kafka_partition, kafka_offset) FROM clicks GROUP BY click_id"
            )
            return await totals(settings, clickhouse, kafka), Counter({str(token): int(count) for token, count in rows})
        finally:
            await clickhouse.close()


def _differences(after: Totals, offsets: Counter[str], tokens: Collection[str], sent: Ledger) -> list[str]:
    found = [f"lost: {token}" for token in tokens if token not in offsets][:5]
    found += [f"at {count} offsets: {token}" for token, count in offsets.items() if count != 1][:5]
    # A tap whose connection was lost is a row or none.
    if len(offsets) > len(tokens) + sent.unanswered:
        found.append(f"{len(offsets)} clicks of {len(tokens)} answers and {sent.unanswered} lost connections")
    if not after.raw_rows == after.window_clicks == len(offsets):
        found.append(f"{len(offsets)} clicks, {after.raw_rows} rows, {after.window_clicks} clicks in windows")
    if after.consumed != after.accepted + after.rejected + after.duplicate:
        found.append(f"fates: {after}")
    if after.waiting or after.rejected or after.audit_difference:
        found.append("\n".join((f"waiting {after.waiting}, rejected {after.rejected}", *after.verdict)))
    return found
