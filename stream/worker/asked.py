"""What the events of a batch need to have looked up.

Gathered as they are decoded, some hundred at a time, while the processor has them at hand: to walk through a whole
batch for each question would be to wait for its memory each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from schemas.erasure import ERASED
from stream.attribute.refund import PAID, REFUNDED
from stream.worker.clicks_before import may_follow
from stream.worker.credited import Incoming
from stream.worker.erased import customers_in

_OF_ORDERS: Final = frozenset({PAID, REFUNDED})


@dataclass(slots=True)
class Asked:
    """Of events in order of their offsets."""

    ids: list[str] = field(default_factory=list)
    """Event ids, one each."""
    offsets: list[int] = field(default_factory=list)
    """One each."""
    customers: set[str] = field(default_factory=set)
    """Whose state they change."""
    tokens: set[str] = field(default_factory=set)
    following: list[Incoming] = field(default_factory=list)
    """Those that clicks are looked for where nothing else names one."""
    of_orders: list[Incoming] = field(default_factory=list)
    """Those that pay or refund one."""
    erasing: list[Incoming] = field(default_factory=list)
    """Those of type `erased`."""

    @classmethod
    def of(cls, some: Sequence[Incoming]) -> Self:
        """What some events need."""
        asked = cls()
        asked.add(some)
        return asked

    def add(self, some: Sequence[Incoming]) -> None:
        """Take in what follows."""
        events = [one.event for one in some]
        self.ids += [event["event_id"] for event in events]
        self.offsets += [one.offset for one in some]
        self.customers |= customers_in(events)
        self.tokens.update([event["token"] for event in events if event.get("token")])
        self.following += [one for one in some if may_follow(one.event)]
        self.of_orders += [one for one in some if one.event["type"] in _OF_ORDERS]
        self.erasing += [one for one in some if one.event["type"] == ERASED]
