"""Erased people as a worker meets them: events of type `erased`, and events from before that come late."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from schemas.conversions import Conversion
from schemas.erasure import ERASED
from schemas.person_hashes import PersonKeys
from stream.aggregate.conversions import ConversionPartition
from stream.attribute.erasures import Erasure, Erasures
from stream.base.pseudonyms import new_pseudonym
from stream.sink import erasures as rows
from stream.worker.sink import Sink

_MAYBE: Final = b'"erased"'


class ErasedPeople:
    """One per process; its lanes add what comes by."""

    def __init__(self, keys: PersonKeys, sink: Sink) -> None:
        self._keys = keys
        self._sink = sink
        self.known = Erasures(keys, new_pseudonym=new_pseudonym)

    async def load(self) -> None:
        """Know of all erasures so far; an assignment begins with it, for another worker may have come by them."""
        found = await self._sink.ask("erasures", rows.erased)
        self.known = Erasures(self._keys, (Erasure(*row) for row in found), new_pseudonym=new_pseudonym)

    def without(self, event: Conversion, time_ms: int) -> Conversion:
        """The event as it is kept: one of type `erased` is taken note of, in others no erased person is named."""
        if event["type"] == ERASED:
            self.known.learn(event)
        return self.known.rewritten(event, time_ms)


def cut_at_erasures(batch: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The records of a batch in pieces, such that what may be an event of type `erased` begins one.

    So whatever lies before it is counted, and whatever lies behind it is not, when its id leaves the windows.
    """
    first = 0
    for place, record in enumerate(batch):
        if place > first and record.value and _MAYBE in record.value:
            yield batch[first:place]
            first = place
    yield batch[first:] if first else batch


def leave_windows(event: Conversion, windows: ConversionPartition) -> None:
    """Put the pseudonym in the place of an erased customer in all open windows: distinct customers stay as many."""
    customer, pseudonym = event.get("customer_id", ""), str(event["properties"]["pseudonym"])
    for rows_of_window in windows.windows.values():
        for row in rows_of_window.values():
            if customer in row.customers:
                row.customers.remove(customer)
                row.customers.add(pseudonym)


def customers_in(events: Sequence[Conversion]) -> set[str]:
    """Customers whose state these events change: for one that is erased, the pseudonym's, too."""
    of_somebody = [event for event in events if event.get("customer_id")]
    moved = {str(event["properties"]["pseudonym"]) for event in of_somebody if event["type"] == ERASED}
    return moved.union(event["customer_id"] for event in of_somebody)
