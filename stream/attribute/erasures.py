"""Who was erased, as a lane knows it: events from before that come late go to the pseudonym.

Ids are known by their keyed hashes only, so that what is read from the table `erasures` suffices.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from schemas.conversions import Conversion
from schemas.erasure import (
    CUSTOMER,
    ERASED,
    KEPT_PROPERTIES,
    VISITOR,
    erased_id,
    id_hash,
    id_hashes,
    unnamed_id,
    unnamed_ids,
)
from schemas.person_hashes import PersonKeys

_REMEMBERED: Final = 65_536
"""Ids whose answer is remembered: a look-up costs a hash per key, 1.2 us each."""


class Erasure(NamedTuple):
    """One erased id, as a row of `erasures` or an event of type `erased` tells it."""

    hash: str
    """Keyed hash of kind and id."""
    until_ms: int
    """What happened at this time or before is erased."""
    pseudonym: str
    """What the rows are under; empty when that is forgotten already."""


class Erasures:
    """Look-up of erased ids. Nothing is erased for most brands most of the time: then it costs next to nothing."""

    def __init__(self, keys: PersonKeys, known: Iterable[Erasure] = (), *, new_pseudonym: Callable[[], str]) -> None:
        self._keys = keys
        self._new_pseudonym = new_pseudonym
        self._by_hash: dict[str, Erasure] = {}
        self._answers: dict[tuple[str, str], Erasure | None] = {}
        for one in known:
            self._add(one)

    def __bool__(self) -> bool:
        """Whether anybody is erased."""
        return bool(self._by_hash)

    def learn(self, event: Conversion) -> None:
        """Take note of an event of type `erased`, whose proof was checked."""
        kind, id_ = erased_id(event)
        pseudonym = str(event["properties"]["pseudonym"])
        self._add(Erasure(id_hash(kind, id_, self._keys), event["occurred_at"], pseudonym))

    def pseudonym(self, kind: str, id_: str, time_ms: int) -> str:
        """Under what an event or a fact of `time_ms` about this id is kept; empty when the id itself may be."""
        if not self._by_hash:
            return ""
        found = self._find(kind, id_)
        return found.pseudonym if found and time_ms <= found.until_ms else ""

    def ids_of(self, event_id: str) -> tuple[str, ...]:
        """What an event may be stored under whose id names somebody who was erased."""
        return unnamed_ids(event_id, self._keys)

    def may_be_under_a_word(self, event: Conversion) -> bool:
        """Whether rows of this event may be under one of `ids_of`, whatever its time.

        Rows are renamed by how far they reach, and an erasure takes a while: what came in meanwhile is among them.
        """
        if not self._by_hash:
            return False
        event_id, token = event["event_id"], event.get("token", "")
        if token and token in event_id:  # whose click it is, or was, is not known here
            return True
        who = ((CUSTOMER, event.get("customer_id", "")), (VISITOR, event.get("visitor_id", "")))
        return any(id_ and id_ in event_id and self._find(kind, id_) is not None for kind, id_ in who)

    def rewritten(self, event: Conversion, time_ms: int) -> Conversion:
        """The event without an erased person in it; the same object when it names none.

        Call it after decoding and before credit: a token, too, leads back to somebody, so it goes as well, and the
        credit is that of the pseudonym's touches. Events of type `erased` are handed back as they are.
        """
        if not self._by_hash or event["type"] == ERASED:
            return event
        customer, visitor = event.get("customer_id", ""), event.get("visitor_id", "")
        for_customer = self.pseudonym(CUSTOMER, customer, time_ms) if customer else ""
        for_visitor = self.pseudonym(VISITOR, visitor, time_ms) if visitor else ""
        if for_customer or (for_visitor and not customer):
            event = self._anonymous(event, for_customer, for_visitor)
        elif for_visitor:  # a browser that was somebody else's, too
            event = {**event, "event_id": self._unnamed(event, visitor), "visitor_id": for_visitor}
        return self._without_others(event, time_ms)

    def _anonymous(self, event: Conversion, for_customer: str, for_visitor: str) -> Conversion:
        out = event.copy()
        out.pop("token", None)
        out.pop("visitor_id", None)
        if for_visitor:
            out["visitor_id"] = for_visitor
        if for_customer:
            out["customer_id"] = for_customer
        ids = event.get("customer_id", ""), event.get("visitor_id", ""), event.get("token", "")
        out["event_id"] = self._unnamed(event, *ids)
        properties = event.get("properties")
        if properties:
            kept: dict[str, str | float | bool | None] = {
                name: value for name, value in properties.items() if name in KEPT_PROPERTIES
            }
            # Their types cannot do without.
            if "tag" in properties:
                kept["tag"] = ERASED
            if "alias" in properties:
                kept["alias"] = properties["alias"]
            out["properties"] = kept
        return out

    def _unnamed(self, event: Conversion, *ids: str) -> str:
        """The event's id, unless one of these ids is in it."""
        event_id = event["event_id"]
        return unnamed_id(event_id, self._keys) if any(id_ and id_ in event_id for id_ in ids) else event_id

    def _without_others(self, event: Conversion, time_ms: int) -> Conversion:
        """The event with pseudonyms for erased customers whom its properties name."""
        properties = event.get("properties")
        if not properties:
            return event
        changes = {
            name: pseudonym
            for name in ("referred_by", "alias")
            if (id_ := properties.get(name)) and (pseudonym := self.pseudonym(CUSTOMER, str(id_), time_ms))
        }
        return {**event, "properties": {**properties, **changes}} if changes else event

    def _find(self, kind: str, id_: str) -> Erasure | None:
        try:
            return self._answers[kind, id_]
        except KeyError:
            pass
        hashes = id_hashes(kind, id_, self._keys)
        found = next((self._by_hash[one] for one in hashes if one in self._by_hash), None)
        if len(self._answers) >= _REMEMBERED:
            self._answers.clear()
        self._answers[kind, id_] = found
        return found

    def _add(self, one: Erasure) -> None:
        """Of several erasures of one id the latest counts; one word stands in for a pseudonym that is forgotten."""
        known = self._by_hash.get(one.hash)
        if known is None or one.until_ms >= known.until_ms:
            self._by_hash[one.hash] = one if one.pseudonym else one._replace(pseudonym=self._new_pseudonym())
            self._answers.clear()
