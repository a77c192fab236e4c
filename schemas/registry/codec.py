"""Registry records as bytes: a text key and one JSON object; fields that hold their default are left out.

Decoding checks types, bounds and forms (see `wire`); whether values make sense together (references, private targets)
is checked when they are written. Unknown fields are ignored: a newer writer may add some within a version.
"""

from itertools import pairwise
from typing import Any, Final

import msgspec

from schemas.registry.things import (
    RECORD_VERSION,
    ApiKey,
    Campaign,
    Guide,
    Link,
    Numbers,
    Owner,
    Record,
    Removed,
    Salt,
    Store,
    Variant,
)
from schemas.registry.wire import ApiKeyV1, CampaignV1, GuideV1, LinkV1, NumbersV1, SaltV1, StoreV1
from schemas.rejects import Reason, Reject

MAX_RECORD_BYTES: Final = 256 * 1024
"""A longer value is not read. The longest valid link (every country and variant with a URL of its own) is below it."""
_MAX_KEY_BYTES: Final = 128
_KEYS: Final[dict[type[Record], tuple[str, str]]] = {
    Link: ("link", "code"),
    Guide: ("guide", "id"),
    Store: ("store", "id"),
    Campaign: ("campaign", "id"),
    Salt: ("salt", "day"),
    Numbers: ("meta", ""),
    ApiKey: ("key", "id"),
}
"""The first part of a record's key, and the field that is the second."""

Wire = LinkV1 | GuideV1 | StoreV1 | CampaignV1 | SaltV1 | NumbersV1 | ApiKeyV1
_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "link": msgspec.json.Decoder(LinkV1),
    "guide": msgspec.json.Decoder(GuideV1),
    "store": msgspec.json.Decoder(StoreV1),
    "campaign": msgspec.json.Decoder(CampaignV1),
    "salt": msgspec.json.Decoder(SaltV1),
    "meta": msgspec.json.Decoder(NumbersV1),
    "key": msgspec.json.Decoder(ApiKeyV1),
}
_encode = msgspec.json.Encoder().encode


def record_key(record: Record | Removed) -> str:
    """The key of a record: `link:CODE`, `guide:ID`, `store:ID`, `campaign:ID`, `salt:DAY`, `meta:numbers`, `key:ID`."""
    if isinstance(record, Removed):
        return f"{record.kind}:{record.id}"
    kind, field = _KEYS[type(record)]
    return f"{kind}:{getattr(record, field) if field else 'numbers'}"


def encode_record(record: Record | Removed) -> tuple[bytes, bytes | None]:
    """Key and value of a record; the value is None for what was removed."""
    key = record_key(record).encode()
    match record:
        case Removed():
            return key, None
        case Link():
            fields = _fields(record)
            for name in {"utm", "platform_urls", "country_urls"} & fields.keys():
                fields[name] = dict(fields[name])
        case Salt():
            fields = {"v": RECORD_VERSION, "day": record.day, "key": record.key.hex()}
        case _:
            fields = _fields(record)
    return key, _encode(fields)


def decode_record(key: bytes | None, value: bytes | None) -> Record | Removed:
    """Read one record of the topic.

    Raises:
        Reject: key or value break the contract; the reason and the field are in it.
    """
    kind, id_ = split_key(key)
    return Removed(kind, id_) if value is None else to_record(decode_wire(kind, id_, value))


def split_key(key: bytes | None) -> tuple[str, str]:
    """The two parts of a record's key.

    Raises:
        Reject: it is not the key of a registry record.
    """
    if not key:
        raise Reject("missing_field", "the record has no key")
    if len(key) > _MAX_KEY_BYTES:
        raise Reject("too_large", f"a key of {len(key)} bytes, at most {_MAX_KEY_BYTES}")
    try:
        kind, colon, id_ = key.decode("ascii").partition(":")
    except UnicodeDecodeError as error:
        raise Reject("out_of_range", "the key is not ASCII") from error
    if not colon or not id_ or kind not in _DECODERS:
        kinds = ", ".join(_DECODERS)
        raise Reject("out_of_range", f"key {kind[:20]!r}: one of {kinds}, a colon, an id")
    return kind, id_


def decode_wire(kind: str, id_: str, value: bytes) -> Wire:
    """The checked JSON of one value; `kind` and `id_` are its key's.

    Raises:
        Reject: the value breaks the contract.
    """
    if len(value) > MAX_RECORD_BYTES:
        raise Reject("too_large", f"{len(value)} bytes, at most {MAX_RECORD_BYTES}")
    try:
        wire: Wire = _DECODERS[kind].decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Reject(_reason(value, str(error)), str(error)) from error
    own = _own_id(wire)
    if own != id_:
        raise Reject("out_of_range", f"the key names {id_!r}, the value {own!r}")
    if isinstance(wire, LinkV1) and len(wire.owners) > 1 and not _ascending(wire):
        raise Reject("out_of_range", "owners are not in ascending order of from_ms")
    return wire


def to_record(wire: Wire) -> Record:  # noqa: PLR0911 - one return for each kind
    """The value that a checked JSON stands for."""
    match wire:
        case LinkV1():
            return _link(wire)
        case StoreV1():
            return Store(wire.id, wire.name, wire.region_id, wire.region_name, wire.disabled)
        case GuideV1():
            return Guide(
                wire.id,
                wire.name,
                wire.store_id,
                wire.hire_date,
                wire.monthly_cost,
                wire.currency,
                wire.wecom_userid,
                wire.disabled,
            )
        case CampaignV1():
            return Campaign(wire.id, wire.name, wire.start, wire.end, wire.budget, wire.currency, wire.disabled)
        case SaltV1():
            return Salt(wire.day, bytes.fromhex(wire.key))
        case NumbersV1():
            return Numbers(wire.highest)
        case ApiKeyV1():
            return ApiKey(wire.id, wire.name, wire.sha256, wire.scopes, wire.created_ms, wire.disabled)


def _link(wire: LinkV1) -> Link:
    return Link(
        wire.code,
        wire.number,
        wire.kind,
        wire.url,
        tuple([Owner(owner.guide_id, owner.from_ms) for owner in wire.owners]),
        wire.campaign_id,
        wire.touchpoint,
        tuple(wire.utm.items()),
        wire.pass_params,
        wire.valid_from_ms,
        wire.valid_until_ms,
        wire.hours,
        wire.disabled,
        wire.fallback_url,
        wire.platforms,
        tuple(wire.platform_urls.items()),
        tuple(wire.country_urls.items()),
        tuple([Variant(variant.name, variant.weight, variant.url) for variant in wire.variants]),
        wire.status,
    )


def _own_id(wire: Wire) -> str:
    match wire:
        case LinkV1():
            return wire.code
        case SaltV1():
            return wire.day
        case NumbersV1():
            return "numbers"
        case _:
            return wire.id


def _ascending(wire: LinkV1) -> bool:
    return all(earlier.from_ms < later.from_ms for earlier, later in pairwise(wire.owners))


def _fields(record: Any) -> dict[str, Any]:
    fields = {"v": RECORD_VERSION}
    for name, field in type(record).__dataclass_fields__.items():
        value = getattr(record, name)
        if value != field.default:
            fields[name] = value
    return fields


def _reason(value: bytes, message: str) -> Reason:  # noqa: PLR0911 - one return for each reason
    """The closed reason of a contract that was broken; only bad records pay for the second look."""
    try:
        decoded = msgspec.json.decode(value)
    except UnicodeDecodeError:
        return "not_utf8"
    except msgspec.DecodeError:
        return "not_json"
    except RecursionError:
        return "too_deep"
    if type(decoded) is not dict:
        return "not_object"
    if decoded.get("v") != RECORD_VERSION:
        return "unknown_version"
    if "missing required field" in message:
        return "missing_field"
    return "wrong_type" if message.startswith("Expected `") and "got" in message else "out_of_range"
