"""Windows of conversions: what a batch adds to them, and a row that may still change."""

from collections.abc import Sequence
from typing import Final, Self

import msgspec

from schemas.attribution import Credit
from schemas.windows import COUNTED, ConversionWindowRow, Facts, window_of
from stream.aggregate.partition import Partition

Key = tuple[str, str, str, Facts]
"""Credited guide, link, variant, and the facts that came with them."""
_PLACE: Final = {name: place for place, name in enumerate(COUNTED)}
_PAID: Final = "order_paid"
_REFUNDED: Final = "order_refunded"


class Counting(msgspec.Struct, frozen=True, gc=False):
    """What windows count of one conversion."""

    type: str
    customer_id: str
    amount: int
    """This and `margin` in ten-thousandths; 0 without."""
    margin: int


class ConversionRow:
    """Counts of one key in one open window; customers are an exact set."""

    __slots__ = (
        "counts",
        "customers",
        "dirty",
        "flushed",
        "key",
        "margin",
        "order_amount",
        "refund_amount",
        "version",
        "window_start",
    )

    def __init__(self, window_start: int, key: Key) -> None:
        self.window_start = window_start
        self.key = key
        self.counts = [0] * len(COUNTED)
        self.order_amount = 0
        self.refund_amount = 0
        self.margin = 0
        self.version = -1
        self.customers: set[str] = set()
        self.dirty = True
        """Whether it changed since it was last taken for a flush; a new row did."""
        self.flushed: ConversionWindowRow | None = None
        """The row as it was last taken for a flush."""

    @classmethod
    def restored(cls, row: ConversionWindowRow, customers: set[str]) -> Self:
        """A row as raw rows say it is: `row` counts them, `customers` are its distinct ones."""
        found = cls(row.window_start, row.key[1:])
        found.counts = list(row.counts)
        found.order_amount = row.order_amount
        found.refund_amount = row.refund_amount
        found.margin = row.margin
        found.version = row.version
        found.customers = customers
        return found

    @property
    def events(self) -> int:
        """How many conversions it counts."""
        return sum(self.counts)

    def add(self, one: Counting, offset: int) -> None:
        """Count one more, the last of all so far."""
        self.counts[_PLACE[one.type]] += 1
        self.version = offset
        if one.customer_id:
            self.customers.add(one.customer_id)
        if one.type == _PAID:
            self.order_amount += one.amount
            self.margin += one.margin
        elif one.type == _REFUNDED:
            self.refund_amount += one.amount
            self.margin -= one.margin

    def merge(self, later: Self) -> None:
        """Add conversions of the same key that came after these."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, later.counts, strict=True)]
        self.order_amount += later.order_amount
        self.refund_amount += later.refund_amount
        self.margin += later.margin
        self.version = max(self.version, later.version)
        self.customers |= later.customers

    def frozen(self) -> ConversionWindowRow:
        """The counts as they are now."""
        return ConversionWindowRow(
            self.window_start,
            *self.key,
            self.version,
            tuple(self.counts),
            self.order_amount,
            self.refund_amount,
            self.margin,
            len(self.customers),
        )


ConversionPartition = Partition[ConversionRow, ConversionWindowRow]


class ConversionTally:
    """Rows per window and key. Conversions are given in the order of their offsets."""

    __slots__ = ("windows",)

    def __init__(self) -> None:
        self.windows: dict[int, dict[Key, ConversionRow]] = {}

    def count(
        self, events: Sequence[Counting], times: Sequence[int], offsets: Sequence[int], credits_: Sequence[Credit]
    ) -> None:
        """Count accepted conversions.

        Args:
            events: in order of their offsets.
            times: event time of each, milliseconds since 1970 UTC.
            offsets: Kafka offset of each.
            credits_: whom each is credited to.
        """
        for event, time, offset, credit in zip(events, times, offsets, credits_, strict=True):
            start = window_of(time)
            rows = self.windows.setdefault(start, {})
            key = (credit.guide_id, credit.link, credit.variant, credit.facts)
            row = rows.get(key)
            if row is None:
                row = rows[key] = ConversionRow(start, key)
            row.add(event, offset)
