"""The types of conversions and what each must have besides `event_id`, `type` and `occurred_at`.

A field that must be there must not be empty. The JSON Schema says the same, type by type.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from schemas.codec import EXACT, Text, wrong_type
from schemas.rejects import Reject

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
    "erased",  # 抹除: forget this person from here on; `guidestream erase` writes it, see schemas/erasure.py
]
CONVERSION_TYPES: Final[frozenset[str]] = frozenset(ConversionType.__args__)  # type: ignore[attr-defined]

MAX_ID: Final = 64
"""Characters of ids: customer, visitor, guide, link, order; so of campaign and touchpoint."""
MAX_WORD: Final = 128
"""Characters of a tag and of a task."""
DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
PSEUDONYM: Final = r"erased:[0-9a-f]{32}"
"""What an erased person's rows stay under: random, so that it names nobody."""


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def check(self, name: str, value: Any) -> Reject | None:
        """Why a value is refused."""
        return None if isinstance(value, bool) else wrong_type(name, "true or false", value)


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds, which belong to it."""

    minimum: float
    maximum: float

    def check(self, name: str, value: Any) -> Reject | None:
        """Why a value is refused."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return wrong_type(name, "a number", value)
        if not self.minimum <= value <= self.maximum:
            return Reject("out_of_range", f"{name}: {value} is not within {self.minimum} to {self.maximum}")
        return None


PropertyRule = Flag | Number | Text
_ID = Text(MAX_ID, minimum=1)
_WORD = Text(MAX_WORD, minimum=1)
COMMON_PROPERTIES: Final[Mapping[str, PropertyRule]] = {"campaign": Text(MAX_ID), "touchpoint": Text(MAX_ID)}
"""What an event of any type may say about where it belongs."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What events of one type must have."""

    fields: tuple[str, ...] = ()
    """All of these."""
    one_of: tuple[str, ...] = ()
    """At least one of these."""
    properties: Mapping[str, PropertyRule] = field(default_factory=dict)
    """All of these properties."""
    optional: Mapping[str, PropertyRule] = field(default_factory=dict)
    """These properties when they are there."""
    differ: tuple[str, str] | None = None
    """A field and a property that must not be the same."""


_WITH_GUIDE = Needs(fields=("customer_id", "guide_id"))
_BY_GUIDE = Needs(fields=("guide_id",))
_OF_CUSTOMER = Needs(fields=("customer_id",))
_OF_SOMEBODY = Needs(one_of=("customer_id", "visitor_id", "token"))
_ORDER = Needs(fields=("order_id", "amount"))
_TASK = Needs(fields=("guide_id",), properties={"task": _WORD})

NEEDS: Final[Mapping[str, Needs]] = {
    # An acquisition link tells of a request by its click alone: who asked is known when they have become friends.
    "friend_requested": _OF_SOMEBODY,
    "friend_added": _WITH_GUIDE,
    "friend_deleted": _WITH_GUIDE,
    "friend_dropped": _WITH_GUIDE,
    "message_in": _WITH_GUIDE,
    "message_out": _WITH_GUIDE,
    "group_joined": _OF_SOMEBODY,
    "group_post": _BY_GUIDE,
    "moments_post": _BY_GUIDE,
    "lead": _OF_SOMEBODY,
    "page_view": Needs(one_of=_OF_SOMEBODY.one_of, optional={"dwell_ms": Number(0, EXACT)}),
    "store_visit": _OF_CUSTOMER,
    "order_paid": _ORDER,
    "order_refunded": _ORDER,
    "shared": _OF_SOMEBODY,
    "referred": Needs(fields=("customer_id",), properties={"referred_by": _ID}),
    "tagged": Needs(fields=("customer_id",), properties={"tag": _WORD}, optional={"removed": Flag()}),
    "satisfaction": Needs(properties={"score": Number(1, 5)}),
    "consent": Needs(fields=("customer_id",), properties={"given": Flag()}),
    "task_assigned": _TASK,
    "task_done": _TASK,
    # Both days inclusive, in the brand's time zone; without them the day of `occurred_at`.
    "cost": Needs(fields=("amount",), optional={"from": Text(10, pattern=DAY), "until": Text(10, pattern=DAY)}),
    "transferred": Needs(
        fields=("customer_id", "guide_id"), properties={"from_guide": _ID}, differ=("guide_id", "from_guide")
    ),
    "alias": Needs(fields=("customer_id",), properties={"alias": _ID}, differ=("customer_id", "alias")),
    "erased": Needs(
        one_of=("customer_id", "visitor_id"),
        properties={"pseudonym": Text(MAX_ID, pattern=PSEUDONYM), "proof": Text(MAX_ID, minimum=1)},
    ),
}


def check_needs(event: Mapping[str, Any]) -> None:
    """Check what the event's type asks for; each field by itself was checked before.

    Raises:
        Reject: its detail starts with the name of the field (or `properties.NAME`) and a colon.
    """
    needs = NEEDS[event["type"]]
    for name in needs.fields:
        if not event.get(name):
            raise Reject("missing_field", f"{name}: events of type {event['type']} must have it")
    if needs.one_of and not any(map(event.get, needs.one_of)):
        raise Reject("missing_field", f"{needs.one_of[0]}: this or one of {', '.join(needs.one_of[1:])} must be there")
    properties = event.get("properties")
    if properties or needs.properties:
        _check_properties(event, needs, properties or {})


def _check_properties(event: Mapping[str, Any], needs: Needs, properties: Mapping[str, Any]) -> None:
    for name, rule in needs.properties.items():
        if name not in properties:
            raise Reject("missing_field", f"properties.{name}: events of type {event['type']} must have it")
        _raise(rule.check(f"properties.{name}", properties[name]))
    for rules in (needs.optional, COMMON_PROPERTIES):
        for name, rule in rules.items():
            if name in properties:
                _raise(rule.check(f"properties.{name}", properties[name]))
    if needs.differ and event[needs.differ[0]] == properties[needs.differ[1]]:
        raise Reject("out_of_range", f"properties.{needs.differ[1]}: is the same as {needs.differ[0]}")


def _raise(problem: Reject | None) -> None:
    if problem:
        raise problem
