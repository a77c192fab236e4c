"""Erased people as a worker meets them: events of type `erased`, and events from before that come late."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from schemas.conversions import Conversion
from schemas.erasure import ERASED
from schemas.person_hashes import PersonKeys
from schemas.topics import CONVERSIONS
from stream.aggregate.conversions import ConversionPartition
from stream.attribute.erasures import Erasure, Erasures
from stream.base.pseudonyms import new_pseudonym
from stream.sink import erasures as rows
from stream.sink.rows import DeadLetter, Duplicate
from stream.worker.fates import duplicates_in
from stream.worker.sink import Sink

Places = Sequence[tuple[int, int]]
"""Partition and offset of rows that are there."""


class Decoded(Protocol):
    """An event and where it stands."""

    @property
    def event(self) -> Conversion:
        """As it is kept."""

    @property
    def offset(self) -> int:
        """In its partition."""


Event = TypeVar("Event", bound=Decoded)


class Piece(NamedTuple, Generic[Event]):
    """Records of a partition, and what was read of them, each in order of its offsets."""

    records: Sequence[Any]
    events: Sequence[Event]
    rejected: Sequence[DeadLetter]

    def between(self, first: int, end: int) -> "Piece[Event]":
        """What lies between two offsets, without the second."""

        def within(some: Sequence[Any]) -> list[Any]:
            return [one for one in some if first <= one.offset < end]

        return Piece(within(self.records), within(self.events), within(self.rejected))


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

    async def pieces(self, batch: Piece[Event], erasing: Sequence[Event], partition: int) -> list[Piece[Event]]:
        """A batch in pieces, see `cuts`; `erasing` are its events of type `erased`."""
        if not erasing:
            return [batch]
        ids, offsets = [one.event["event_id"] for one in erasing], [one.offset for one in erasing]
        known = await self._sink.known(CONVERSIONS, ids)
        repeated = {one.offset for one in duplicates_in(ids, offsets, partition, [True] * len(ids), known)}
        return [batch.between(*edges) for edges in pairwise([0, *cuts(batch.events, repeated), sys.maxsize])]


class Renamed(NamedTuple):
    """Events of a batch that name somebody who was erased, by the ids they came with: what their rows may be under.

    The first is what is written now, which may be the id itself; rows from before a change of keys are under another
    one, and rows that the erasure has not reached yet under the id itself.
    """

    by_id: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, came: Sequence[Decoded], kept: Sequence[Decoded], erasures: Erasures) -> "Renamed":
        """Those that are kept another way than they came, or that may have been."""
        pairs = [
            (one, other)
            for one, other in zip(came, kept, strict=True)
            if one is not other or erasures.may_be_under_a_word(one.event)
        ]
        ids = ((one.event["event_id"], other.event["event_id"]) for one, other in pairs)
        return cls({id_: (word, *erasures.ids_of(id_)) for id_, word in ids})

    @property
    def words(self) -> set[str]:
        """What is to be looked up beside the ids."""
        return {word for words in self.by_id.values() for word in words}

    def rows(self, found: Mapping[str, Places]) -> Mapping[str, Places]:
        """Rows that were found, by the id that events came with."""
        if not self.by_id:
            return found
        own = {id_: {row for word in (id_, *words) for row in found.get(word, ())} for id_, words in self.by_id.items()}
        return {**found, **{id_: sorted(rows_) for id_, rows_ in own.items()}}

    def duplicates(self, noted: list[Duplicate], found: Mapping[str, Places]) -> list[Duplicate]:
        """Notes of duplicates, which name nobody whom the rows that were found do not name."""
        if not self.by_id:
            return noted
        return [replace(one, event_id=self._kept(one.event_id, found)) for one in noted]

    def _kept(self, id_: str, found: Mapping[str, Places]) -> str:
        words = self.by_id.get(id_, (id_,))
        return next((word for word in words if word != id_ and found.get(word)), words[0])


def cuts(events: Sequence[Decoded], repeated: Collection[int]) -> list[int]:
    """Offsets at which a batch is cut, such that an erasure stands before all that is counted beside it.

    So whatever lies before it is counted, and whatever lies behind it is not, when its id leaves the windows. Erasures
    in a row, as one run of `guidestream erase` writes them, are one cut, and one more INSERT. Nobody can force more:
    an event of type `erased` that was read here has a proof made with the keys, and whoever writes it once more writes
    a duplicate, which cuts nothing.

    Args:
        events: in order of their offsets, those of type `erased` with their proof checked.
        repeated: offsets of erasures that are duplicates.
    """
    found: list[int] = []
    counted = False
    for one in events:
        if one.event["type"] != ERASED:
            counted = True
        elif counted and one.offset not in repeated:
            found.append(one.offset)
            counted = False
    return found


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
