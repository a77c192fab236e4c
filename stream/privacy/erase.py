"""Erase one person. Each step can be done again, so a run that ended half-way is finished by the next one."""

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from schemas.erasure import CUSTOMER, VISITOR, erased_event, id_hash, id_hashes, unnamed_id
from schemas.person_hashes import PersonKeys
from schemas.personal import phone_hashes
from schemas.phones import normal_phone
from schemas.topics import CONVERSIONS
from schemas.windows import WINDOW_MS
from stream.base.clock import Clock
from stream.base.errors import GuidestreamError, InputError, UnavailableError
from stream.base.pseudonyms import new_pseudonym
from stream.base.settings import Settings
from stream.privacy import lanes, spools
from stream.privacy.kafka_copies import kept_until_ms
from stream.sink import erasing_letters, erasures, people
from stream.sink.clickhouse import ClickHouse
from stream.sink.erasing import CLICK, PHONE, Erased, Erasing, Reach
from stream.sink.erasing_letters import Names
from stream.sink.erasures import Certificate
from stream.sink.kafka_log import KafkaLog
from stream.sink.people import Person
from stream.sink.sql import Target

KINDS: Final = (CUSTOMER, VISITOR, PHONE)
_IDLE_MS: Final = 20_000
"""A partition without clicks follows the wall clock by half of this."""
_TRIES: Final = 3
_PHONE_HASH: Final = "erased phone"
"""Another kind than that of the property: a certificate is no way to look somebody up."""
_LEAST_DIGITS: Final = 5
Say = Callable[[str], None]
"""Takes what is being done, for whoever waits; nobody is named."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Who is to be erased."""

    kind: str
    """One of `KINDS`."""
    text: str
    """Their id or number."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done."""

    certificate: Certificate
    erased_now: bool
    """Whether this run found anything; else it is the certificate of the one that did."""


class Eraser:
    """The steps with their ports."""

    def __init__(
        self, settings: Settings, clickhouse: ClickHouse, kafka: KafkaLog, keys: PersonKeys, clock: Clock, say: Say
    ) -> None:
        self._settings = settings
        self._say = say
        self._clickhouse = clickhouse
        self._kafka = kafka
        self._keys = keys
        self._clock = clock
        where = settings.clickhouse
        self._target = Target(where.database, where.cluster, settings.brand.timezone)

    async def find(self, wish: Wish, wait_s: float) -> Person:
        """All ids of the person, once everything that was taken in so far is in ClickHouse.

        Raises:
            InputError: the wish names nobody, or far too many.
            UnavailableError: a peer does not answer, or not all is in after so long.
        """
        if not wish.text.strip() or (wish.kind == PHONE and len(normal_phone(wish.text)) < _LEAST_DIGITS):
            raise InputError(f"{wish.text!r} is no {wish.kind}", field=f"--{wish.kind}")
        self._say(f"waiting for Kafka to have what is in the spools of this machine, {wait_s:g} s at most")
        await spools.shipped(self._settings, wait_s)
        self._say(f"waiting for the worker to have read what is in Kafka, {wait_s:g} s at most")
        await lanes.passed(self._kafka, await lanes.ends(self._kafka), wait_s)
        self._say("looking for all ids of the person")
        if wish.kind == CUSTOMER:
            return await people.of_customers(self._clickhouse, [wish.text])
        if wish.kind == VISITOR:
            return Person(visitors=(wish.text,))
        return await people.of_phone(self._clickhouse, phone_hashes(wish.text, self._keys))

    async def erase(self, wish: Wish, person: Person, wait_s: float) -> Outcome:
        """Erase a person who was found. When there is nothing of them, nothing changes.

        Raises:
            UnavailableError: a peer does not answer, or the worker does not read on: run it again.
        """
        ids = [Wish(CUSTOMER, one) for one in person.customers] + [Wish(VISITOR, one) for one in person.visitors]
        before = {each: await self._known(each) for each in {wish, *ids}}
        due = {each: self._due(each, before[each]) for each in before}
        erased = [Erased(each.kind, each.text, due[each].pseudonym) for each in ids]
        run = Erasing(self._clickhouse, self._target, secrets.token_hex(16), partial(unnamed_id, keys=self._keys))
        search = _Search(run, wish, person, _visitor_words([*before.items(), *due.items()]))
        self._say("counting the rows that name them")
        await run.begin([*erased, *(Erased(PHONE, one, "") for one in person.phones)])
        try:
            reach = await self._everything(due.values())
            names = await self._names(search, reach)
            found = await self._found(run, reach, names)
            if found:
                copies_ms = kept_until_ms(self._settings, self._clock(), letters="dead_letters" in found)
                due = {each: replace(one, kafka_until_ms=copies_ms) for each, one in due.items()}
                await self._put(due.values())
                reach = await self._told(due, reach, wait_s)
                names = await self._make_anonymous(search, reach)
            self._say("overwriting what is left of them in the spools of this machine")
            spools.scrubbed(self._settings, names)
        finally:
            with suppress(GuidestreamError):  # what it holds expires within a day
                await run.end()
        earlier = before[wish]
        if not found and earlier is not None and earlier.finished_ms is not None:
            return Outcome(earlier, erased_now=False)
        await self._put(self._finished(one, reach) for each, one in due.items() if found and each != wish)
        mine = replace(self._finished(due[wish], reach), rows_changed=found)
        await self._put([mine])
        return Outcome(mine, erased_now=True)

    async def _known(self, wish: Wish) -> Certificate | None:
        return await erasures.of_hashes(self._clickhouse, wish.kind, id_hashes(*_hashed(wish), self._keys))

    def _due(self, wish: Wish, known: Certificate | None) -> Certificate:
        """The certificate that this run has to finish: of a run that did not, or a new one."""
        now_ms = self._clock()
        resumed = known is not None and known.finished_ms is None and (known.pseudonym or wish.kind == PHONE)
        return Certificate(
            id=known.id if known and resumed else secrets.token_hex(16),
            kind=wish.kind,
            hash=id_hash(*_hashed(wish), self._keys),
            erased_until_ms=now_ms,
            requested_ms=known.requested_ms if known and resumed else now_ms,
            kafka_until_ms=kept_until_ms(self._settings, now_ms, letters=False),
            pseudonym=known.pseudonym if known and resumed else "" if wish.kind == PHONE else new_pseudonym(),
            version=now_ms,
        )

    def _finished(self, one: Certificate, reach: Reach) -> Certificate:
        now_ms = self._clock()
        # Nothing of an empty partition was dealt with.
        offsets = {partition: offset for partition, offset in reach.offsets.items() if offset >= 0}
        return replace(one, finished_ms=now_ms, offsets=offsets, version=max(now_ms, one.version + 1))

    async def _put(self, certificates: Iterable[Certificate]) -> None:
        for one in certificates:
            await erasures.put(self._clickhouse, one)

    async def _everything(self, due: Collection[Certificate]) -> Reach:
        """All that is in Kafka, of what these certificates reach."""
        ends = await lanes.ends(self._kafka)
        until_ms = max(one.erased_until_ms for one in due)
        last = {partition: end - 1 for (topic, partition), end in ends.items() if topic == CONVERSIONS}
        return Reach(last, until_ms, _behind(until_ms))

    async def _found(self, run: Erasing, reach: Reach, names: Names) -> dict[str, int]:
        return await run.count(reach) | await erasing_letters.named(self._clickhouse, names)

    async def _names(self, search: "_Search", reach: Reach) -> Names:
        """What names the person in bytes that nobody has read; the clicks are put down for the statements as well.

        Rows of clicks that were changed already, by a run that was cut short or long ago, are under a word: so a page
        that sent something late is found by the next run.
        """
        browsers = [*search.person.visitors, *search.words]
        clicks = set(search.person.clicks)
        if browsers:
            clicks |= await people.clicks_of(self._clickhouse, browsers, reach.clicks_before_ms)
        await search.run.begin([Erased(CLICK, one, "") for one in sorted(clicks)])
        return Names(_words(search.wish, search.person), clicks)

    async def _make_anonymous(self, search: "_Search", reach: Reach) -> Names:
        if search.person.visitors:
            await self._until_closed(search.person)
        for _ in range(_TRIES):
            names = await self._names(search, reach)
            self._say("changing rows; ClickHouse writes every part anew that holds one of them, which takes its time")
            # Letters before the rows that lead to what is looked for in them.
            await erasing_letters.take_out(self._clickhouse, self._target, names)
            await search.run.change(reach)
            if not await self._found(search.run, reach, names):
                return names
        raise UnavailableError(
            "somebody writes rows of this person again and again: see what runs, then run this again"
        )

    async def _told(self, due: Mapping[Wish, Certificate], counted: Reach, wait_s: float) -> Reach:
        """Tell every lane, and wait until it has heard it, and has written all that was there when it was told.

        Returns:
            Up to where rows are of the person: up to the event that the lane was told by. A number of nobody who has
            an id is told to nobody: then it is as far as was counted. It is never less, as offsets only grow.
        """
        self._say(f"telling the worker, and waiting for it to have heard, {wait_s:g} s at most")
        told = [(each, one) for each, one in due.items() if one.pseudonym]
        offsets = await self._tell(told) if told else {}
        await lanes.passed(self._kafka, await lanes.ends(self._kafka), wait_s)
        return counted._replace(offsets={**counted.offsets, **offsets})

    async def _tell(self, told: Sequence[tuple[Wish, Certificate]]) -> dict[int, int]:
        """Write the events that erase them; the last offset by partition."""
        offsets: dict[int, int] = {}
        async with lanes.teller(self._settings) as teller:
            for partition in await teller.partitions():
                events = [
                    erased_event(
                        each.kind,
                        each.text,
                        one.pseudonym,
                        one.erased_until_ms,
                        f"{new_pseudonym()}:{partition}",
                        self._keys,
                    )
                    for each, one in told
                ]
                offsets[partition] = await teller.tell(partition, events)
        return offsets

    async def _until_closed(self, person: Person) -> None:
        """Wait until no window with a click of these browsers is open.

        A lane counts distinct visitors of open windows by their ids: one who clicks on would be two from here on.
        """
        last_ms = await people.last_click_ms(self._clickhouse, person.visitors)
        closed_ms = _behind(last_ms) + self._settings.worker.grace_ms + _IDLE_MS
        wait_s = max(0, closed_ms - self._clock()) / 1000
        if wait_s:
            self._say(f"waiting {wait_s:.0f} s: then the minute of their last click is closed, and stays what it is")
        await asyncio.sleep(wait_s)


def _behind(at_ms: int) -> int:
    """The end of the minute of a moment."""
    return at_ms - at_ms % WINDOW_MS + WINDOW_MS


def _hashed(wish: Wish) -> tuple[str, str]:
    """Kind and text of the hash in a certificate."""
    return (_PHONE_HASH, normal_phone(wish.text)) if wish.kind == PHONE else (wish.kind, wish.text)


def _words(wish: Wish, person: Person) -> list[str]:
    """Ids, hashes and numbers of the person."""
    numbers = [wish.text.strip(), normal_phone(wish.text), normal_phone(wish.text).removeprefix("+86")]
    return [*person.customers, *person.visitors, *person.phones, *(numbers if wish.kind == PHONE else ())]


def _visitor_words(certificates: Iterable[tuple[Wish, Certificate | None]]) -> frozenset[str]:
    """What the rows of erased browsers are under."""
    return frozenset(one.pseudonym for each, one in certificates if each.kind == VISITOR and one and one.pseudonym)


@dataclass(frozen=True, slots=True)
class _Search:
    """What a run looks for."""

    run: Erasing
    wish: Wish
    person: Person
    words: Collection[str]
    """What rows of the person's browsers are under once they are changed."""
