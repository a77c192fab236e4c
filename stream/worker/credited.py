"""What a batch of conversions becomes, some at a time: credited, and made into what is written, counted and told.

Some hundred at a time go through all of it, while the processor still has at hand what they are made of: with whole
batches, stage after stage, each stage waits for memory.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from schemas.attribution import Credit
from schemas.conversions import Conversion
from schemas.erasure import ERASED
from schemas.money import units
from schemas.topics import CONVERSIONS
from stream.aggregate.conversions import ConversionTally, Counting
from stream.attribute.refund import PAID, Order, refunded_order
from stream.base import metrics
from stream.sink.conversions import RawConversion, conversion_block
from stream.worker.attributed import Record, records
from stream.worker.directory import Directory, Place, mentioned

if TYPE_CHECKING:
    from schemas.windows import Facts


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A conversion that was read, and where it came from."""

    event: Conversion
    offset: int
    append_ms: int
    time_ms: int
    """When it happened; a time that is ahead of the broker's clock is set back to it."""
    retransmitted: bool


Kept = tuple[Incoming, Conversion, str, Credit]
"""A conversion as it came, as it is kept, why its token gives no credit, and its credit."""


class Credited:
    """Conversions of a batch with their credit, whose facts are stamped some at a time."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._new: list[Kept] = []
        """Not stamped yet."""
        self._orders: dict[str, Credit] = {}
        """Of the batch's own orders, by order id; of one that is paid in parts that of the first part."""
        self._new_orders: dict[str, int] = {}
        """Where the others are among the new ones."""
        self._given: dict[int, Facts | int] = {}
        """Facts of new ones that are not to be stamped: those of a refund's order, or where that is among them."""
        self._facts: dict[Place, Facts] = {}
        """Stamped so far."""

    def add(self, one: Incoming, event: Conversion, given: Credit, token_error: str) -> None:
        """Take in the next one."""
        if event["type"] == PAID and event["order_id"] not in self._orders:
            self._new_orders.setdefault(event["order_id"], len(self._new))
        self._new.append((one, event, token_error, given))

    def add_again(self, one: Incoming, decided: RawConversion) -> None:
        """Take in the next one with the credit that it was once given."""
        self._given[len(self._new)] = decided.credit.facts
        self.add(one, one.event, decided.credit, decided.token_error)

    def of_order(self, event: Conversion, stored: Mapping[str, Order]) -> Credit | None:
        """The credit, and with it the facts, of the order that the next one refunds; None without such an order."""
        order_id = refunded_order(event)
        if not order_id:
            return None
        own, place, order = self._orders.get(order_id), self._new_orders.get(order_id), stored.get(order_id)
        if order and ((own is None and place is None) or order.precedes(self._partition)):
            own = order.credit
        if own is not None:
            self._given[len(self._new)] = own.facts
        elif place is not None:
            self._given[len(self._new)] = place
            own = self._new[place][-1]
        return own

    async def stamped(self, directory: Directory) -> list[Kept]:
        """The new ones, whose credits have their facts now."""
        new, self._new = self._new, []
        places = [(given.guide_id, given.link, mentioned(event.get("properties"))) for _, event, _, given in new]
        missing = set(places).difference(self._facts)
        if missing:
            self._facts |= await directory.facts(missing)
        facts = [self._facts[place] for place in places]
        for number, given in self._given.items():  # ascending, and an order's place is before its refunds'
            facts[number] = facts[given] if isinstance(given, int) else given
        kept = [(*one[:-1], structs.replace(one[-1], facts=its)) for one, its in zip(new, facts, strict=True)]
        for order_id, place in self._new_orders.items():
            self._orders[order_id] = kept[place][-1]
        self._new_orders.clear()
        self._given.clear()
        return kept


@dataclass(slots=True)
class Taken:
    """What is to be written, counted and told of a batch."""

    partition: int
    received_ms: int
    closed_before: int
    """Windows that end by then are closed: what belongs into one is late."""
    number: int = 0
    """Conversions so far."""
    rows: list[bytes] = field(default_factory=list)
    """Blocks of raw rows."""
    told: list[Record] = field(default_factory=list)
    tally: ConversionTally = field(default_factory=ConversionTally)
    erased: list[Conversion] = field(default_factory=list)
    """Those of type `erased`."""

    def add(self, some: Collection[Kept]) -> None:
        """Take in some more."""
        raw = [
            RawConversion(
                event,
                one.offset,
                one.append_ms,
                one.time_ms,
                given,
                error,
                one.time_ms < self.closed_before,
                one.retransmitted,
            )
            for one, event, error, given in some
        ]
        self.number += len(raw)
        self.rows.append(conversion_block(raw, partition=self.partition, received_ms=self.received_ms))
        self.told += records(raw, self.partition)
        self.tally.count(
            [counting(one.event) for one in raw],
            [one.time_ms for one in raw],
            [one.offset for one in raw],
            [one.credit for one in raw],
        )
        self.erased += [one.event for one in raw if one.event["type"] == ERASED]
        _observe(raw)


def counting(event: Conversion) -> Counting:
    """What windows count of an event."""
    amount, margin = event.get("amount"), event.get("margin")
    customer_id = event.get("customer_id", "")
    if customer_id and event["type"] == ERASED:
        customer_id = str(event["properties"]["pseudonym"])
    return Counting(event["type"], customer_id, units(amount) if amount else 0, units(margin) if margin else 0)


def _observe(raw: Collection[RawConversion]) -> None:
    metrics.CLAMPED.labels(CONVERSIONS).inc(sum(one.time_ms != one.event["occurred_at"] for one in raw))
    for rule, number in Counter([one.credit.rule for one in raw]).items():
        metrics.CREDITED.labels(rule).inc(number)
    for error, number in Counter([one.token_error for one in raw if one.token_error]).items():
        metrics.TOKEN_ERRORS.labels(error).inc(number)
