"""What names a person never stays in clear: phone numbers, names, addresses become keyed hashes before they are kept.

`phone: 138-0013-8000` becomes `phone_hash: k1:5c0e...`: the same person has the same hash under one key, so it can be
looked up and counted, but not read. A mobile number inside any other text is replaced where it stands; text that is
JSON is looked into as properties are.

Numbers of orders look like numbers of phones: of ids see `schemas.personal_ids`. Not touched are `guide_id` and `link`:
employees are no customers.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from schemas.codec import MAX_DEPTH
from schemas.conversions import MAX_PROPERTY_TEXT, Conversion
from schemas.erasure import ERASED, check_proof
from schemas.person_hashes import HASH, PersonKeys, known_hashes, written_hash
from schemas.personal_ids import check_people, may_hold_number, same_people, without_numbers
from schemas.personal_names import KINDS, PHONE, kind_of
from schemas.phones import has_mobile, is_mobile, mobiles_in, normal_phone
from schemas.rejects import Reject

__all__ = ["PersonKeys", "phone_hashes", "protect", "protect_json", "protect_text"]

MAX_NUMBERS: Final = 8
"""Mobile numbers read out of one phone property; hashes of more would not fit into it."""

_Plain = str | float | bool | None
_are_hashes: Final = re.compile(rf"{HASH}(?: {HASH}){{0,{MAX_NUMBERS - 1}}}").fullmatch
_is_hash_name: Final = re.compile(rf"(?P<kind>{'|'.join(sorted(KINDS))})_hash(?:_[0-9]{{1,2}})?").fullmatch
_JSON: Final = ("{", "[")
"""What text that holds fields begins with."""


def protect(event: Conversion, keys: PersonKeys) -> Conversion:
    """The event without what names a person in clear; the same object when there is nothing to change.

    Protecting twice changes nothing more. The argument is never altered.

    Raises:
        Reject: the id of a customer or a browser is a phone number, or is made of one, which would be stored in every
            table; or it claims to erase somebody and has no proof.
    """
    if event["type"] == ERASED:
        # Whom it erases may have come before their id would be rejected.
        check_proof(event, keys)
        return event
    if may_hold_number(event):
        check_people(event)
        event = without_numbers(event, keys)
    properties = event.get("properties")
    if not properties:
        return event
    changed = _protected(properties, keys)
    return event if changed is properties else {**event, "properties": same_people(event, changed)}


def protect_json(value: Any, keys: PersonKeys, levels: int) -> Any:
    """A decoded JSON value without what its names say is personal, and without mobile numbers.

    Raises:
        Reject: it is nested deeper than `levels`.
    """
    return _within("", value, keys, levels)


def protect_text(text: str, keys: PersonKeys) -> str:
    """Text with the mobile numbers in it replaced; the same object when there are none."""
    if not has_mobile(text):
        return text
    spans = mobiles_in(text)
    replaced = _replaced(text, spans, [_phone_hash(text[start:end], keys) for start, end in spans])
    return replaced if len(replaced) <= MAX_PROPERTY_TEXT else _replaced(text, spans, ["[phone]"] * len(spans))


def phone_hashes(phone: str, keys: PersonKeys) -> tuple[str, ...]:
    """What a phone number is stored as, under every live key."""
    return known_hashes(PHONE, normal_phone(phone), keys)


def _protected(properties: dict[str, _Plain], keys: PersonKeys) -> dict[str, _Plain]:
    """The same dict when nothing in it names anybody."""
    out: dict[str, _Plain] = {}
    changed = False
    for name, value in properties.items():
        rule = _rule(name)
        new_name, new_value = rule.shown, value
        # `phone: true` says that there is one, not which.
        if isinstance(value, str | float | int) and not isinstance(value, bool) and value != "":
            if rule.kind:
                new_name, new_value = rule.hashed, _protected_value(rule, value, keys)
            else:
                new_value = _protected_text(name, value, keys)
        changed = changed or new_name != name or new_value is not value
        _put(out, new_name, new_value)
    return out if changed else properties


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a property's name says about it."""

    kind: str
    """Of what names a person; empty when the property names nobody."""
    hashed: str
    """The name that the hash gets; the property's own name when that is the name of a hash."""
    shown: str
    """The name, without a phone number in it."""


@lru_cache(maxsize=4096)
def _rule(name: str) -> _Rule:
    found = _is_hash_name(name)
    if found:
        return _Rule(found["kind"], name, name)
    kind, spans = kind_of(name), mobiles_in(name)
    return _Rule(kind, f"{kind}_hash", _replaced(name, spans, ["***"] * len(spans)))


def _put(out: dict[str, Any], name: str, value: Any) -> None:
    """Set a property; a second value under one name (`phone` and `mobile`) takes the next: `phone_hash_2`."""
    free, count = name, 1
    while free in out and out[free] != value:
        count += 1
        free = f"{name}_{count}"
    out[free] = value


def _protected_value(rule: _Rule, value: str | float, keys: PersonKeys) -> str:
    """The hash of a value that names a person."""
    if isinstance(value, str) and rule.hashed == rule.shown and _are_hashes(value):
        return value
    text = _as_text(value)
    if rule.kind != PHONE:
        return written_hash(rule.kind, _folded(text), keys)
    # `138... / 139...`, or a number with words around it; what is no mobile number is hashed as a whole.
    found = [] if is_mobile(text) else mobiles_in(text)[:MAX_NUMBERS]
    numbers = dict.fromkeys(text[start:end] for start, end in found) or [text]
    return " ".join(_phone_hash(number, keys) for number in numbers)


def _protected_text(name: str, value: str | float, keys: PersonKeys) -> str | float:
    """A value that should name nobody, with the mobile numbers in it replaced."""
    if not isinstance(value, str):
        return _phone_hash(_as_text(value), keys) if value >= 1e10 and is_mobile(_as_text(value)) else value
    if value[:1] in _JSON:
        return _protected_json(name, value, keys)
    return protect_text(value, keys)


def _protected_json(name: str, text: str, keys: PersonKeys) -> str:
    """Text that may be JSON; the same object when it names nobody."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return protect_text(text, keys)
    protected = _within(name, found, keys, MAX_DEPTH)
    if protected == found:
        return text
    changed = orjson.dumps(protected).decode()
    return changed if len(changed) <= MAX_PROPERTY_TEXT else "[personal]"


def _within(name: str, value: Any, keys: PersonKeys, levels: int) -> Any:
    """A value of JSON, protected."""
    if not isinstance(value, dict | list):
        return next(iter(_protected({name: value}, keys).values()))
    if not levels:
        raise Reject("out_of_range", f"properties.{name}: holds JSON that is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, list):
        return [_within(name, item, keys, levels - 1) for item in value]
    out: dict[str, Any] = {}
    for inner, item in value.items():
        rule = _rule(inner)
        if isinstance(item, dict | list):
            nested = written_hash(rule.kind, orjson.dumps(item).decode(), keys) if rule.kind else None
            _put(out, rule.hashed if rule.kind else rule.shown, nested or _within(inner, item, keys, levels - 1))
        else:
            for new_name, new_value in _protected({inner: item}, keys).items():
                _put(out, new_name, new_value)
    return out


def _replaced(text: str, spans: list[tuple[int, int]], by: list[str]) -> str:
    """The text with each range replaced; the same object when there is none."""
    if not spans:
        return text
    ends = [0, *(end for _, end in spans)]
    kept = (text[end:start] for end, (start, _) in zip(ends, spans, strict=False))
    return "".join(part for pair in zip(kept, by, strict=False) for part in pair) + text[ends[-1] :]


def _phone_hash(phone: str, keys: PersonKeys) -> str:
    return written_hash(PHONE, normal_phone(phone) or _folded(phone), keys)


def _as_text(value: str | float) -> str:
    """Numbers as people write them: 13800138000.0 is a phone number as well."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
