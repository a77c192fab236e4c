"""Mobile numbers in ids: never kept in clear, and no event is lost or counts twice over it.

What looks like a mobile number, eleven digits with no digit or letter beside them, may as well be the number of an
order, a document or a message, or the id of a guide.

- **`event_id` and `order_id`** become keyed hashes. An order id with such a number in it is hashed as a whole, also
  where `event_id` repeats it; any other such number in `event_id` becomes a hash where it stands. One id has one hash,
  so an order meets its refunds, and an event itself, by whichever way they come.
- **Ids of customers and browsers** with such a number in them are rejected, also where properties repeat them: what
  lasts as long as a customer must not hang on a phone number, or on the key of a hash.

The hash is made with the oldest live key, the last one of the list: a new key in front of it changes no event. Once
that key is dropped, events from before are not known again: keep it as long as they may come again or be refunded.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from schemas.conversions import MAX_EVENT_ID, Conversion
from schemas.person_hashes import PersonKeys, lasting_hash
from schemas.phones import is_mobile, narrow
from schemas.rejects import Reject

_ORDER: Final = "order"
_PEOPLE: Final = ("customer_id", "visitor_id")
_PEOPLE_IN_PROPERTIES: Final = ("alias", "referred_by")
_ID_OF_TYPE: Final = {"alias": "alias", "referred": "referred_by", "transferred": "from_guide"}
"""The property of a type that is an id by which it meets a customer, or a guide, who is no customer."""
_maybe: Final = re.compile(
    # What comes before is looked at last: a plain character at the beginning is found at twice the speed.
    r"1[3-9][0-9]{9}(?![0-9A-Za-z])(?:(?<![0-9A-Za-z].{11})|(?<=86.{11}))"
).search
_maybe_line: Final = re.compile(r"\n[ ().+0-9-]{11,}\n").search
"""A line that may as a whole be a number, however it is grouped."""
_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])(?:(?:00)?86)?1[3-9][0-9]{9}(?![0-9A-Za-z])")


def may_hold_number(event: Conversion) -> bool:
    """Whether its ids are worth a closer look; quick, for nearly none are."""
    get = event.get
    ids = f"{event['event_id']} {get('order_id', '')}\n{get('customer_id', '')}\n{get('visitor_id', '')}\n"
    return _maybe(ids) is not None or _maybe_line(ids) is not None or not ids.isascii()


def check_people(event: Conversion) -> None:
    """Check that neither the customer's id nor the browser's is a mobile number or has one in it.

    Raises:
        Reject: one has.
    """
    _check(_PEOPLE, event, "")


def same_people(event: Conversion, properties: dict[str, Any]) -> dict[str, Any]:
    """The event's properties, protected, with the ids of other customers, and of a guide, as they came.

    Text is looked into less strictly than ids are, and an id that was altered would never meet whom it is of.

    Raises:
        Reject: the id of a customer has a mobile number in it.
    """
    given = event["properties"]
    _check(_PEOPLE_IN_PROPERTIES, given, "properties.")
    name = _ID_OF_TYPE.get(event["type"])
    return {**properties, name: given[name]} if name else properties


def without_numbers(event: Conversion, keys: PersonKeys) -> Conversion:
    """The event with hashes for mobile numbers in `event_id` and `order_id`; the same object when there are none."""
    event_id, order_id = event["event_id"], event.get("order_id", "")
    if _holds(order_id):
        kept = lasting_hash(_ORDER, order_id, keys)
        return {**event, "event_id": _hashed(event_id.replace(order_id, kept), keys), "order_id": kept}
    return {**event, "event_id": _hashed(event_id, keys)} if _holds(event_id) else event


def _check(names: tuple[str, ...], ids: Mapping[str, Any], where: str) -> None:
    for name in names:
        id_ = ids.get(name)
        if isinstance(id_, str) and (is_mobile(id_) or _holds(id_)):
            raise Reject(
                "out_of_range",
                f"{where}{name}: it is a phone number or is made of one, which would be stored in clear; use an id of "
                "your own and put the phone into properties.phone",
            )


def _holds(id_: str) -> bool:
    return _NUMBER.search(narrow(id_)) is not None


def _hashed(event_id: str, keys: PersonKeys) -> str:
    kept, end = "", 0
    for found in _NUMBER.finditer(narrow(event_id)):
        kept += event_id[end : found.start()] + lasting_hash(_ORDER, event_id[found.start() : found.end()], keys)
        end = found.end()
    kept += event_id[end:]
    return kept if len(kept) <= MAX_EVENT_ID else lasting_hash(_ORDER, event_id, keys)
