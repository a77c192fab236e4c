"""Mobile numbers in the ids of events and orders: never kept in clear, and no order is lost or counts twice over it.

What looks like a mobile number, eleven digits with no digit or letter beside them, may be the number of an order.

- **An event of an order** (`order_id` is there): an order id with such a number in it becomes a keyed hash as a whole,
  in `order_id` and where `event_id` repeats it, and any other such number in `event_id` a hash where it stands. One id
  has one hash, so an order meets its refunds and itself, by whichever way it comes.
- **Any other event**: such an `event_id` is rejected. It was made of a phone number, and its producer can make another.

The hash is made with the oldest live key, the last one of the list: a new key in front of it changes no order. Once
that key is dropped, orders from before are not known again: keep it as long as they may come again or be refunded.
"""

import re
from typing import Final

from schemas.conversions import MAX_EVENT_ID, Conversion
from schemas.person_hashes import PersonKeys, lasting_hash
from schemas.phones import narrow
from schemas.rejects import Reject

_ORDER: Final = "order"
_maybe: Final = re.compile(
    # What comes before is looked at last: a plain character at the beginning is found at twice the speed.
    r"1[3-9][0-9]{9}(?![0-9A-Za-z])(?:(?<![0-9A-Za-z].{11})|(?<=86.{11}))"
).search
_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])(?:(?:00)?86)?1[3-9][0-9]{9}(?![0-9A-Za-z])")


def may_hold_number(event: Conversion) -> bool:
    """Whether its ids are worth a closer look; quick, for nearly none are."""
    ids, order_id = event["event_id"], event.get("order_id")
    if order_id:
        ids = f"{ids} {order_id}"
    return _maybe(ids) is not None or not ids.isascii()


def without_numbers(event: Conversion, keys: PersonKeys) -> Conversion:
    """The event with hashes for mobile numbers in `event_id` and `order_id`; the same object when there are none.

    Raises:
        Reject: the id of an event that is of no order holds one.
    """
    event_id, order_id = event["event_id"], event.get("order_id", "")
    if not _holds(event_id) and not _holds(order_id):
        return event
    if not order_id:
        raise Reject(
            "out_of_range",
            "event_id: there is a phone number in it, which would be stored in clear; make it of an id of your own, or "
            "of a hash of the number, and put the phone into properties.phone",
        )
    if _holds(order_id):
        kept = lasting_hash(_ORDER, order_id, keys)
        event_id, order_id = event_id.replace(order_id, kept), kept
    return {**event, "event_id": _hashed(event_id, keys), "order_id": order_id}


def _holds(id_: str) -> bool:
    return _NUMBER.search(narrow(id_)) is not None


def _hashed(event_id: str, keys: PersonKeys) -> str:
    kept, end = "", 0
    for found in _NUMBER.finditer(narrow(event_id)):
        kept += event_id[end : found.start()] + lasting_hash(_ORDER, event_id[found.start() : found.end()], keys)
        end = found.end()
    kept += event_id[end:]
    return kept if len(kept) <= MAX_EVENT_ID else lasting_hash(_ORDER, event_id, keys)
