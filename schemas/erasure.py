"""The event that erases a person: `guidestream erase` writes one into every partition of the topic `conversions`.

In the order of its partition it says: what is known of this id up to here belongs to `pseudonym`, a random word that
names nobody, and an event of this id that comes later but happened before belongs to it as well. What happens
afterwards is of somebody new. It carries a proof, because others write that topic too.
"""

import hmac
from typing import Final

from schemas.conversions import CONVERSION_VERSION, Conversion
from schemas.person_hashes import PersonKeys, known_hashes, written_hash
from schemas.rejects import Reject

ERASED: Final = "erased"
CUSTOMER: Final = "customer"
VISITOR: Final = "visitor"
_EVENT: Final = "event"
KEPT_PROPERTIES: Final = ("campaign", "touchpoint", "dwell_ms", "score", "given", "task", "from_guide", "referred_by")
"""What numbers are made of and names nobody; of an erased person's events all other properties go.

`referred_by` is somebody else, whose referrals stay as many as they were.
"""


def id_hash(kind: str, id_: str, keys: PersonKeys) -> str:
    """What a certificate says of an erased id."""
    return written_hash(kind, id_, keys)


def id_hashes(kind: str, id_: str, keys: PersonKeys) -> tuple[str, ...]:
    """What certificates may say of an id, under every live key."""
    return known_hashes(kind, id_, keys)


def unnamed_id(event_id: str, keys: PersonKeys) -> str:
    """What stands for the id of an event where it names who was erased: the same at each delivery of the event."""
    return f"{ERASED}:{written_hash(_EVENT, event_id, keys)}"


def unnamed_ids(event_id: str, keys: PersonKeys) -> tuple[str, ...]:
    """What may stand for it, under every live key."""
    return tuple(f"{ERASED}:{one}" for one in known_hashes(_EVENT, event_id, keys))


def erased_event(kind: str, id_: str, pseudonym: str, at_ms: int, event_id: str, keys: PersonKeys) -> Conversion:
    """The event that erases an id.

    Args:
        kind: `CUSTOMER` or `VISITOR`.
        id_: who is erased.
        pseudonym: what their rows stay under, of the form `schemas.conversion_types.PSEUDONYM`.
        at_ms: what happened at this time or before is erased, milliseconds since 1970 UTC.
        event_id: of this event alone.
        keys: those of the worker that will read it.
    """
    proof = written_hash(ERASED, _claim(kind, id_, pseudonym, at_ms, event_id), keys)
    event: Conversion = {
        "v": CONVERSION_VERSION,
        "event_id": event_id,
        "type": ERASED,
        "occurred_at": at_ms,
        "properties": {"pseudonym": pseudonym, "proof": proof},
    }
    if kind == CUSTOMER:
        event["customer_id"] = id_
    else:
        event["visitor_id"] = id_
    return event


def erased_id(event: Conversion) -> tuple[str, str]:
    """Whom an event of type `erased` erases: kind and id."""
    customer = event.get("customer_id")
    return (CUSTOMER, customer) if customer else (VISITOR, event["visitor_id"])


def check_proof(event: Conversion, keys: PersonKeys) -> None:
    """Check that an event of type `erased` was written by somebody who has the keys.

    Raises:
        Reject: it was not.
    """
    properties = event["properties"]
    claim = _claim(*erased_id(event), str(properties["pseudonym"]), event["occurred_at"], event["event_id"])
    proof = str(properties["proof"]).encode()
    if not any(hmac.compare_digest(proof, known.encode()) for known in known_hashes(ERASED, claim, keys)):
        raise Reject(
            "out_of_range", "type: erased is written by `guidestream erase` alone; this one has no proof of it"
        )


def _claim(kind: str, id_: str, pseudonym: str, at_ms: int, event_id: str) -> str:
    # With the event's id: whoever reads it in the topic and writes it again writes a duplicate.
    return f"{kind}\0{id_}\0{pseudonym}\0{at_ms}\0{event_id}"
