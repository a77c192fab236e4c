"""What happened after a click, as producers write it to the topic `conversions`: one envelope for all types of events.

Key: the customer's id, else the visitor's, else the click token. The JSON Schema is
`schemas/events/conversion.v1.schema.json`; the limits below are the same numbers.
"""

from typing import Final, Literal, NotRequired, TypedDict

from schemas.codec import Contract, Instant, Properties, Text, Word
from schemas.rejects import Reject
from schemas.token import TEXT_LENGTH

CONVERSION_VERSION: Final = 1
MAX_CONVERSION_BYTES: Final = 64 * 1024
"""A longer record is rejected unread; the limits below allow about 40 KiB."""

MAX_EVENT_ID: Final = 128
MAX_ID: Final = 64
"""Characters of ids: customer, visitor, guide, link, order."""
MAX_PROPERTIES: Final = 32
MAX_PROPERTY_NAME: Final = 64
MAX_PROPERTY_TEXT: Final = 512
AMOUNT: Final = r"[0-9]{1,12}(\.[0-9]{1,4})?"
"""Money is text, never a binary fraction; it fits Decimal(18, 4) with room for sums."""
SIGNED_AMOUNT: Final = r"-?[0-9]{1,12}(\.[0-9]{1,4})?"
CURRENCY: Final = r"[A-Z]{3}"

ConversionType = Literal[
    "friend_requested",  # 申请加好友
    "friend_added",  # 加粉: friend relation made
    "friend_deleted",  # 删粉: the customer removed the guide
    "friend_dropped",  # the guide removed the customer
    "message_in",  # one message by the customer
    "message_out",  # one message by the guide
    "group_joined",  # 入群
    "group_post",  # 群发
    "moments_post",  # 朋友圈
    "lead",  # 留资
    "page_view",
    "store_visit",  # 到店
    "order_paid",
    "order_refunded",
    "shared",  # 分享
    "referred",  # 转介绍
    "tagged",  # 打标签
    "satisfaction",
    "consent",  # 授权
    "task_assigned",
    "task_done",
    "cost",
    "transferred",  # 客户转移: the customer was handed to `guide_id` by `from_guide`
    "alias",  # 客户合并: `alias` is another id of `customer_id`
]
CONVERSION_TYPES: Final[frozenset[str]] = frozenset(ConversionType.__args__)  # type: ignore[attr-defined]


class Conversion(TypedDict):
    """Version 1. Optional fields are left out when empty."""

    v: int
    event_id: str
    """The producer's idempotency key: a second event with the same key changes nothing."""
    type: str
    occurred_at: int
    """Milliseconds since 1970 UTC by the producer's clock."""
    customer_id: NotRequired[str]
    token: NotRequired[str]
    """The click token that came along; verified where it is used, not here."""
    visitor_id: NotRequired[str]
    guide_id: NotRequired[str]
    """Who acted, which need not be who is credited."""
    link: NotRequired[str]
    order_id: NotRequired[str]
    amount: NotRequired[str]
    """Decimal number as text, not negative; so `margin`, which may be."""
    margin: NotRequired[str]
    currency: NotRequired[str]
    """ISO 4217."""
    properties: NotRequired[dict[str, str | float | bool | None]]
    """What only some types have: `dwell_ms`, `score`, `tag`, `referred_by`, ...; see `REQUIRED_PROPERTIES`."""


_ID = Text(MAX_ID)
CONTRACT: Final = Contract(
    version=CONVERSION_VERSION,
    max_bytes=MAX_CONVERSION_BYTES,
    required={
        "event_id": Text(MAX_EVENT_ID, minimum=1),
        "type": Word(CONVERSION_TYPES),
        "occurred_at": Instant(),
    },
    optional={
        "customer_id": _ID,
        "token": Text(TEXT_LENGTH),
        "visitor_id": _ID,
        "guide_id": _ID,
        "link": _ID,
        "order_id": _ID,
        "amount": Text(20, pattern=AMOUNT),
        "margin": Text(20, pattern=SIGNED_AMOUNT),
        "currency": Text(3, pattern=CURRENCY),
        "properties": Properties(MAX_PROPERTIES, MAX_PROPERTY_NAME, MAX_PROPERTY_TEXT),
    },
)


def decode_conversion(value: bytes | None, append_ms: int, future_ms: int) -> Conversion:
    """Parse and check one record of the topic `conversions`; arguments and errors are those of `decode_click`."""
    conversion: Conversion = CONTRACT.read(value)
    ahead = conversion["occurred_at"] - append_ms
    if ahead > future_ms:
        raise Reject("future", f"occurred_at: {ahead} ms ahead of the broker's clock; the limit is {future_ms}")
    return conversion
