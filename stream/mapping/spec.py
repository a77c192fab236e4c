"""A mapping as it was read: what a rule says, before it is known what the payload looks like."""

from dataclasses import dataclass
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

UTC: Final = ZoneInfo("UTC")
Kind = Literal["text", "money", "time", "day", "number", "flag", "plain"]
Unit = Literal["yuan", "fen"]
Unknown = Literal["reject", "skip", "keep"]

FIELDS: Final = (
    "type",
    "occurred_at",
    "customer_id",
    "token",
    "visitor_id",
    "guide_id",
    "link",
    "order_id",
    "amount",
    "margin",
    "currency",
)
"""Of the event, without `event_id` and `properties`, in the order in which they are filled."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What the first of some paths that leads to anything must lead to."""

    paths: tuple[str, ...]
    words: tuple[str, ...] | None = None
    """One of these; None: anything at all."""
    negated: bool = False
    amount: bool = False
    """An amount of money that is not zero, instead of words."""


@dataclass(frozen=True, slots=True)
class Value:
    """Where a field comes from and how it is read."""

    paths: tuple[str, ...] = ()
    constant: Any = None
    """When no path leads to anything; without paths the value."""
    kind: Kind = "text"
    unit: Unit = "yuan"
    absolute: bool = False
    formats: tuple[str, ...] = ("auto",)
    zone: ZoneInfo = UTC
    words: tuple[tuple[str, str], ...] | None = None
    unknown: Unknown = "reject"
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """Text with names: `parts` are literal and name in turn."""

    parts: tuple[tuple[str, str], ...]
    """(literal, name after it); the last name may be empty."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """An id made of fields."""

    prefix: str
    names: tuple[str, ...]
    numbered: bool = False
    """Rows that differ elsewhere are things of their own."""


@dataclass(frozen=True, slots=True)
class Each:
    """A rule for every item of a list, or part of a text."""

    paths: tuple[str, ...]
    split: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of event that a payload may make."""

    name: str
    """Where it stands: `events[1]`."""
    fields: tuple[tuple[str, Value], ...]
    """By name, among them `type` and `occurred_at`."""
    properties: tuple[tuple[str, Value], ...]
    variables: tuple[tuple[str, Value], ...]
    event_id: tuple[Template | Hashed, ...]
    when: tuple[Condition, ...] = ()
    each: Each | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """All rules of one source or kind."""

    rules: tuple[Rule, ...]
    unpack: str = ""
    """Path of JSON within text."""
