"""The customers of one lane: states looked up a batch at a time, changed by its events, written as absolute rows.

A lane owns the rows of its partition: what it holds of them is right, whatever ClickHouse says. What other partitions
and other ids of the same person add is read for credit only, and may be a minute old.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from schemas.attribution import Touch
from schemas.conversions import Conversion
from schemas.customers import CustomerState, decode_state, encode_state
from schemas.erasure import ERASED
from stream.attribute import customer
from stream.attribute.anonymous import erased, name_no_erased
from stream.attribute.consent import is_withheld_tag
from stream.base import metrics
from stream.base.clock import Clock
from stream.sink import customers as rows
from stream.sink.customers import Alias, Known
from stream.worker.cache import Cache
from stream.worker.erased import ErasedPeople
from stream.worker.sink import Sink
from stream.worker.turns import turns

_FRESH_MS: Final = 60_000
"""What other partitions and aliases say is read again after this time."""
_CHAIN: Final = 4
"""Ids of ids of ids: further ones are not followed for credit."""
_IDS_OF_ONE: Final = 64
"""Ids of one person that are followed; more would be an attack, or a mistake."""
_NOTHING: Final = encode_state(CustomerState())


class _Entry(msgspec.Struct, gc=False):
    packed: bytes
    """The state, encoded: what is kept of it between batches. One object instead of some thirty, that lie anywhere in
    memory and take six times as much of it."""
    version: int
    """The highest offset of this partition that is in the state."""
    read_ms: int = 0
    """When `others` and `aliases` were read."""
    state: CustomerState | None = None
    """Of `packed`, from its first use in a batch until the batch is written."""
    others: Sequence[CustomerState] = ()
    """What other partitions know of this id."""
    aliases: tuple[str, ...] = ()
    """Other ids of the same person."""


class Customers:
    """One per lane."""

    def __init__(
        self,
        partition: int,
        sink: Sink,
        *,
        kept: int,
        erased: ErasedPeople,
        working: asyncio.Lock,
        clock: Clock,
    ) -> None:
        self._partition = partition
        self._erased = erased
        self._working = working
        self._sink = sink
        self._clock = clock
        self._entries: Cache[str, _Entry] = Cache(kept)
        self._changed: set[str] = set()
        self._said: list[Alias] = []
        self._loaded: dict[str, _Entry] = {}
        """Since the last `write`."""
        self._unpacked: list[_Entry] = []
        """Likewise; those of other ids of the same person, too."""

    async def load(self, customer_ids: Collection[str]) -> None:
        """Have what is known of some customers, until the next `write` at least."""
        now_ms = self._clock()
        new = set(customer_ids) - self._loaded.keys()
        missing: set[str] = set()
        for one in new:
            entry = self._entries.get(one)
            if (
                entry is None
                or now_ms - entry.read_ms > _FRESH_MS
                or (entry.aliases and any(self._entries.get(alias) is None for alias in entry.aliases))
            ):
                missing.add(one)
            else:
                self._loaded[one] = entry
        metrics.LOOKUPS.labels("customers", "hit").inc(len(new) - len(missing))
        metrics.LOOKUPS.labels("customers", "miss").inc(len(missing))
        if missing:
            await self._read(missing, now_ms)
        for one in missing:
            entry = self._entries.peek(one)
            assert entry is not None
            self._loaded[one] = entry

    async def _read(self, missing: set[str], now_ms: int) -> None:
        said, found = await asyncio.gather(self._aliases(missing), self._states(missing))
        people = _people(said)
        wanted = missing.union(*(people[one] for one in missing if one in people))
        if len(wanted) > len(missing):
            found += await self._states(wanted - missing)
        by_id: dict[str, list[Known]] = {}
        for known in found:
            by_id.setdefault(known.customer_id, []).append(known)
        for one in wanted:
            self._take(one, by_id.get(one, ()), now_ms)
        # Of all that were read, not of the missing ones alone: the other ids of a person are fresh from now on, too.
        for one in wanted & people.keys():
            entry = self._entries.get(one)
            assert entry is not None
            entry.aliases = tuple(sorted(people[one] - {one}))

    def known(self, customer_id: str) -> CustomerState:
        """All that is known of a customer who was loaded: all partitions, all ids. Not to be changed."""
        entry = self._loaded[customer_id]
        state = entry.state or self._unpack(entry)
        if not entry.others and not entry.aliases:
            return state
        parts = [state, *entry.others]
        for alias in entry.aliases:
            other = self._entries.get(alias)
            if other is not None:
                parts += [other.state or self._unpack(other), *other.others]
        return customer.merge(parts)

    def _unpack(self, entry: _Entry) -> CustomerState:
        entry.state = decode_state(entry.packed)
        name_no_erased(entry.state, self._erased.known)
        self._unpacked.append(entry)
        return entry.state

    def apply(self, event: Conversion, time_ms: int, offset: int, touch: Touch | None) -> None:
        """Take an event into the state of its customer, who was loaded; one that is in it already changes nothing."""
        customer_id = event["customer_id"]
        entry = self._loaded[customer_id]
        if offset <= entry.version:
            return
        if event["type"] == ERASED:
            self._erase(customer_id, str(event["properties"]["pseudonym"]), offset)
            return
        state = entry.state or self._unpack(entry)  # also of one that changes nothing: its row is written again
        if not is_withheld_tag(event):
            customer.apply(state, event, time_ms, touch)
        entry.version = offset
        self._changed.add(customer_id)
        if event["type"] == "alias":
            alias = str(event["properties"]["alias"])
            self._said.append(Alias(alias, customer_id, time_ms, event["event_id"]))
            for one in (customer_id, alias):
                known = self._entries.get(one)
                if known is not None:
                    known.read_ms = 0

    def _erase(self, customer_id: str, pseudonym: str, offset: int) -> None:
        """Move a state to its pseudonym. Both rows are written as one block, so a restart finds both or none."""
        mine, theirs = self._loaded[customer_id], self._loaded[pseudonym]
        theirs.state = erased(mine.state or self._unpack(mine), theirs.state or self._unpack(theirs))
        theirs.version = max(offset, theirs.version)
        # From here on the id is somebody new, of whom nothing is known in other partitions or under other ids.
        self._loaded[customer_id] = _Entry(_NOTHING, offset, self._clock())
        self._entries.put(customer_id, self._loaded[customer_id])
        self._changed |= {customer_id, pseudonym}
        for entry in self._entries.values():
            if entry.state is not None:
                name_no_erased(entry.state, self._erased.known)
            if customer_id in entry.aliases:
                entry.read_ms = 0

    async def write(self) -> None:
        """Write the rows of all customers that changed, as one block, and what was said of aliases."""
        now_ms = self._clock()
        if self._said:
            await self._sink.insert("customer_aliases", rows.ALIAS_COLUMNS, rows.alias_block(self._said), token="")
            self._said = []
        if self._changed:
            # Blocks of one request are one block of the table.
            async with self._working:
                blocks = [self._block(some, now_ms) async for some in turns(sorted(self._changed))]
            await self._sink.insert("customer_states", rows.CUSTOMER_COLUMNS, b"".join(blocks), token="", fmt="Native")
            metrics.CUSTOMERS_WRITTEN.inc(len(self._changed))
            self._changed.clear()
        for entry in self._unpacked:
            entry.state = None
        self._unpacked.clear()
        self._loaded.clear()
        self._entries.trim()

    def _block(self, customer_ids: Sequence[str], now_ms: int) -> bytes:
        known = [self._packed(one, self._loaded[one]) for one in customer_ids]
        return rows.customer_block(known, updated_ms=now_ms)

    def _packed(self, customer_id: str, entry: _Entry) -> Known:
        if entry.state is not None:
            entry.packed = encode_state(entry.state)
            entry.state = None
        return Known(customer_id, self._partition, entry.version, entry.packed)

    def _take(self, customer_id: str, found: Iterable[Known], now_ms: int) -> None:
        own, others = None, []
        for one in found:
            if one.partition == self._partition:
                own = one
            else:
                others.append(decode_state(one.state))
        entry = self._entries.peek(customer_id)
        if entry is None:
            entry = _Entry(own.state, own.version) if own else _Entry(_NOTHING, -1)
            self._entries.put(customer_id, entry)
        entry.others = others
        entry.aliases = ()
        entry.read_ms = now_ms

    async def _states(self, customer_ids: set[str]) -> list[Known]:
        return await self._sink.ask("customers", lambda ch: rows.customers(ch, customer_ids))

    async def _aliases(self, customer_ids: set[str]) -> list[Alias]:
        """Statements about these ids, and about the ids that those name, and so on."""
        said: list[Alias] = []
        seen, new = set[str](), customer_ids
        for _ in range(_CHAIN):
            asked = new
            found = await self._sink.ask("aliases", lambda ch, ids=asked: rows.aliases(ch, ids, _IDS_OF_ONE))  # type: ignore[misc] # bound now
            said += found
            seen |= new
            new = {one for statement in found for one in statement[:2]} - seen
            if not new or len(seen) > _IDS_OF_ONE * len(customer_ids):
                break
        return said


def _people(said: Iterable[Alias]) -> dict[str, set[str]]:
    """The ids of the same person, by each of them; of several statements about one alias the last is right."""
    last: dict[str, Alias] = {}
    for one in said:
        known = last.get(one.alias)
        if known is None or (known.occurred_ms, known.event_id) < (one.occurred_ms, one.event_id):
            last[one.alias] = one
    people: dict[str, set[str]] = {}
    for one in last.values():
        both = people.get(one.alias, {one.alias}) | people.get(one.customer_id, {one.customer_id})
        if len(both) <= _IDS_OF_ONE:
            for each in both:
                people[each] = both
    return people
