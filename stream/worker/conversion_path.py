"""The whole path of a batch of conversions: decode -> duplicates -> evidence -> credit -> customers -> sink.

The order of writing is what a restart relies on: dead letters and duplicates, raw rows with their credit as one block,
customers as one block; windows follow with the next flush, then `attributed`, then the commit. Whatever was not written
when a worker dies is made up for from the raw rows, whose credit is read back.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from time import perf_counter
from typing import Any, Final

from msgspec import structs

from schemas.attribution import Credit, Touch
from schemas.conversions import Conversion, decode_conversion
from schemas.erasure import ERASED
from schemas.personal import PersonKeys, protect, protect_text
from schemas.personal_bytes import protect_bytes
from schemas.rejects import Reject
from schemas.topics import CONVERSIONS
from stream.aggregate.conversions import ConversionPartition
from stream.attribute.consent import nameless, withdrawn, withheld
from stream.attribute.credit import Evidence, LookBack, credit, touches_before
from stream.attribute.refund import Order
from stream.base import metrics
from stream.base.clock import Clock
from stream.sink.conversions import CONVERSION_COLUMNS, RawConversion, at_places
from stream.sink.rows import DeadLetter
from stream.worker.asked import Asked
from stream.worker.attributed import Outbox
from stream.worker.claims import Claims
from stream.worker.clicks_before import Clicks, ClicksBefore
from stream.worker.credited import Credited, Incoming, Taken
from stream.worker.customers import Customers
from stream.worker.dead_letters import DeadLetters
from stream.worker.directory import Directory
from stream.worker.erased import ErasedPeople, Piece, Renamed, leave_windows
from stream.worker.fates import Fates, RejectLimit, dead_letter, duplicates_in, read_mark
from stream.worker.orders import Orders, with_customers
from stream.worker.path import check_clock
from stream.worker.sink import Sink
from stream.worker.tokens import Read, Tokens, named
from stream.worker.turns import turns

_UNDER_WAY: Final = 2
"""Batches: one works while the other waits for ClickHouse. More at once are no faster, and 300 MB more (2026-11)."""


@dataclass(slots=True)
class Known:
    """What was looked up for a batch."""

    tokens: Mapping[str, Read]
    clicks: Clicks


@dataclass(slots=True)
class LaneState:
    """What a batch changes of its lane."""

    partition: int
    windows: ConversionPartition
    customers: Customers
    outbox: Outbox
    fates: Fates


class ConversionPath:
    """The stages with their ports; one per process."""

    def __init__(  # noqa: PLR0913 - one of each port
        self,
        *,
        currency: str,
        future_ms: int,
        lookback: LookBack,
        person_keys: PersonKeys,
        tokens: Tokens,
        clicks: ClicksBefore,
        directory: Directory,
        erased: ErasedPeople,
        sink: Sink,
        dead_letters: DeadLetters,
        reject_limit: RejectLimit,
        clock: Clock,
    ) -> None:
        self.erased = erased
        self._currency = currency
        self._future_ms = future_ms
        self._lookback = lookback
        self._person_keys = person_keys
        self._tokens = tokens
        self._clicks = clicks
        self._directory = directory
        self._orders = Orders(sink, erased)
        self._sink = sink
        self._dead_letters = dead_letters
        self._limit = reject_limit
        self._clock = clock
        self._claims = Claims()
        self.under_way = asyncio.Semaphore(_UNDER_WAY)
        self.working = asyncio.Lock()
        """Held by the lane that works, see `turns`."""

    async def take(self, batch: Sequence[Any], lane: LaneState) -> None:
        """Take a batch of one partition from Kafka records to raw rows and customers; its windows are counted.

        Raises:
            RejectLimitError: before anything was written.
            InvariantError: the topic's records do not carry the broker's clock.
        """
        check_clock(batch[0], CONVERSIONS)
        good: list[Incoming] = []
        rejected: list[DeadLetter] = []
        asked = Asked()
        seconds = 0.0
        async with self.working:
            async for some in turns(batch):
                started = perf_counter()
                decoded = self._decode(some, rejected)
                asked.add(decoded)
                good += decoded
                seconds += perf_counter() - started
        metrics.STAGE_SECONDS.labels("decode_conversions").observe(seconds)
        self._limit.check(len(batch), rejected)
        for piece in await self.erased.pieces(Piece(batch, good, rejected), asked.erasing, lane.partition):
            await self._take(piece, asked if piece.events is good else Asked.of(piece.events), lane)

    async def _take(self, piece: Piece[Incoming], asked: Asked, lane: LaneState) -> None:
        batch, came, rejected = piece
        good, ids, offsets, renamed = came, asked.ids, asked.offsets, Renamed({})
        if self.erased.known or asked.erasing:
            good = [self._without_erased(one) for one in came]
            renamed = Renamed.of(came, good, self.erased.known)
            asked = Asked.of(good)
        words = renamed.words.union(ids)
        async with self._claims.of(words):
            # Nearly all of them are new: what they need is asked for at once with whether they are.
            found, tokens, _ = await asyncio.gather(
                self._sink.known(CONVERSIONS, words),
                self._tokens.read(asked.tokens),
                lane.customers.load(asked.customers),
            )
            rows = renamed.rows(found)
            decided = await self._decided(rows, offsets, lane.partition)
            duplicates = duplicates_in(ids, offsets, lane.partition, [one not in decided for one in offsets], rows)
            if duplicates:
                gone = {one.offset for one in duplicates}
                good = [one for one in good if one.offset not in gone]
                asked = Asked.of(good)
            received_ms = self._clock()
            taken = Taken(lane.partition, received_ms, lane.windows.closed_before)
            await self._credit_all(good, asked, decided, tokens, lane.customers, taken)

            noted = renamed.duplicates(duplicates, found)
            await self._dead_letters.write(CONVERSIONS, lane.partition, rejected, noted, received_ms)
            await self._insert(taken, f"{batch[0].offset}-{batch[-1].offset}")
        await lane.customers.write()

        next_offset, arrival_ms = batch[-1].offset + 1, max(record.timestamp for record in batch)
        for event in taken.erased:  # before all others of its piece, see `cuts`
            leave_windows(event, lane.windows)
        late = lane.windows.apply(taken.tally, next_offset=next_offset, arrival_ms=arrival_ms)
        metrics.LATE.labels(CONVERSIONS).inc(late)
        lane.outbox.add(lane.windows.batch, next_offset, taken.told)
        lane.fates.count(consumed=len(batch), rejected=rejected, duplicates=len(duplicates))

    def _decode(self, batch: Sequence[Any], rejected: list[DeadLetter]) -> list[Incoming]:
        """Decode and validate Kafka records, and leave out what names a person."""
        good: list[Incoming] = []
        for record in batch:
            appended = record.timestamp
            try:
                again = bool(record.headers) and read_mark(record.headers)
                event = decode_conversion(record.value, appended, self._future_ms, currency=self._currency)
                event = protect(event, self._person_keys)
            except Reject as reject:
                rejected.append(_nameless(dead_letter(record, "validate", reject), self._person_keys))
            else:
                time_ms = min(event["occurred_at"], appended)
                good.append(Incoming(event, record.offset, appended, time_ms, again))
        return good

    def _without_erased(self, one: Incoming) -> Incoming:
        event = self.erased.without(one.event, one.time_ms)
        return one if event is one.event else structs.replace(one, event=event)

    async def _decided(
        self, rows: Mapping[str, Collection[tuple[int, int]]], offsets: Sequence[int], partition: int
    ) -> dict[int, RawConversion]:
        """Raw rows of these very events, by offset: a zombie's, written after this lane asked how far they reach."""
        there = set(chain.from_iterable(rows.values()))
        mine = there.intersection((partition, one) for one in offsets) if there else there
        found = await self._sink.ask("read_back", lambda ch: at_places(ch, mine)) if mine else []
        return {one.offset: one for one in found}

    async def _credit_all(
        self,
        accepted: Sequence[Incoming],
        asked: Asked,
        decided: Mapping[int, RawConversion],
        tokens: Mapping[str, Read],
        customers: Customers,
        taken: Taken,
    ) -> None:
        """Whom each is credited to; the customers' states take them in, in their order."""
        started = perf_counter()
        of_orders = [one.event for one in asked.of_orders]
        orders = await self._orders.stored(of_orders)
        named_by_orders = with_customers(of_orders, orders, taken.partition)
        changed = {
            one.offset: event
            for one, event in zip(asked.of_orders, named_by_orders, strict=True)
            if event is not one.event
        }
        if changed or decided:
            came = accepted
            accepted = [_changed(one, changed.get(one.offset, one.event), decided.get(one.offset)) for one in came]
            asked = Asked.of(accepted)
            # Those who came in with that: customers of refunded orders, pseudonyms.
            await customers.load(asked.customers)
        known = await self._known(asked.following, tokens, customers)
        metrics.STAGE_SECONDS.labels("look_up").observe(perf_counter() - started)
        found = Credited(taken.partition)
        async with self.working:
            started = perf_counter()
            async for some in turns(accepted):
                for one in some:
                    if one.offset in decided:
                        _credit_again(one, decided[one.offset], customers, found)
                    else:
                        self._credit(one, known, orders, customers, found)
                taken.add(await found.stamped(self._directory))
        metrics.STAGE_SECONDS.labels("attribute").observe(perf_counter() - started)

    async def _known(self, following: Sequence[Incoming], tokens: Mapping[str, Read], customers: Customers) -> Known:
        # Clicks are looked for where neither the token nor what is known of the customer names one.
        without = [
            (one.event, one.time_ms)
            for one in following
            if not named(one.event, one.time_ms, tokens).click and not self._explained(one, customers)
        ]
        return Known(tokens, await self._clicks.find(without))

    def _explained(self, one: Incoming, customers: Customers) -> bool:
        customer_id = one.event.get("customer_id", "")
        return bool(customer_id and touches_before(customers.known(customer_id), one.time_ms, self._lookback))

    def _credit(
        self, one: Incoming, known: Known, orders: Mapping[str, Order], customers: Customers, found: Credited
    ) -> None:
        event, time_ms = one.event, one.time_ms
        if event["type"] == ERASED:
            if "customer_id" in event:  # else a visitor, who has no state
                customers.apply(event, time_ms, one.offset, None)
            found.add(one, event, _NOBODY, "")
            return
        read = named(event, time_ms, known.tokens)
        customer_id = event.get("customer_id", "")
        state = customers.known(customer_id) if customer_id else None
        evidence = Evidence(
            token=read.click,
            token_error=read.error,
            customer=state,
            visitor=known.clicks.of_visitor(event, time_ms),
            guide_clicks=known.clicks.of_guide(event),
        )
        given = found.of_order(event, orders) or credit(event, time_ms, evidence, self._lookback)
        if state is not None and withdrawn(state, time_ms):
            event, given = withheld(event), nameless(given)
        if customer_id:
            customers.apply(event, time_ms, one.offset, own_touch(given))
        found.add(one, event, given, read.error)

    async def _insert(self, taken: Taken, offsets: str) -> None:
        if taken.number:
            started = perf_counter()
            # Of this attempt alone: another one, by a zombie unseen, may give another credit, and a token that is known
            # drops rows in silence. Rows that are there twice are one offset, of which the one received last counts.
            token = f"{CONVERSIONS}:{taken.partition}:{offsets}:{taken.number}:{taken.received_ms}"
            await self._sink.insert(CONVERSIONS, CONVERSION_COLUMNS, b"".join(taken.rows), token)
            metrics.STAGE_SECONDS.labels("insert_conversions").observe(perf_counter() - started)


_NOBODY = Credit("none", 0.0)


def _changed(one: Incoming, event: Conversion, decided: RawConversion | None) -> Incoming:
    """The conversion with its event as it was kept, where it was, or else as it is to be."""
    if decided:
        event = {**decided.event, "occurred_at": one.event["occurred_at"]}
    return one if one.event is event else structs.replace(one, event=event)


def _credit_again(one: Incoming, decided: RawConversion, customers: Customers, found: Credited) -> None:
    """What was decided once stays: others may have been told."""
    if one.event.get("customer_id"):
        customers.apply(one.event, one.time_ms, one.offset, own_touch(decided.credit))
    found.add_again(one, decided)


def _nameless(letter: DeadLetter, keys: PersonKeys) -> DeadLetter:
    """A dead letter is kept for months: phone numbers are hashed in it as they are in what is accepted."""
    return replace(
        letter,
        key=protect_bytes(letter.key, keys),
        value=protect_bytes(letter.value, keys),
        headers=[(name, protect_bytes(value, keys) or b"") for name, value in letter.headers],
        detail=protect_text(letter.detail, keys),
    )


def own_touch(given: Credit) -> Touch | None:
    """The click of the event's own token, which its customer's state takes in."""
    return given.click if given.rule == "token" else None
