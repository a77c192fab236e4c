r"""What the JSON of a registry record may look like, version 1: msgspec checks types and bounds while it parses.

Patterns end with \Z because `$` would let a trailing line break through, and a destination is printable ASCII for the
same reason: nothing in a record can put a line break into a header.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.registry.things import (
    MAX_COUNTRIES,
    MAX_ID,
    MAX_NAME,
    MAX_NUMBER,
    MAX_OWNERS,
    MAX_PASS_PARAMS,
    MAX_SCOPES,
    MAX_URL,
    MAX_UTM,
    MAX_VARIANTS,
    MAX_WEIGHT,
    DestinationKind,
    Platform,
    Touchpoint,
)

Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z")]
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}\Z")]
Reference = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.@-]{0,63})?\Z")]
Name = Annotated[str, Meta(max_length=MAX_NAME)]
Date = Annotated[str, Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?\Z")]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Money = Annotated[str, Meta(pattern=r"^([0-9]{1,12}(\.[0-9]{1,4})?)?\Z")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
Url = Annotated[str, Meta(pattern=r"^https://[!-~]+\Z", max_length=MAX_URL)]
OptionalUrl = Annotated[str, Meta(pattern=r"^(https://[!-~]+)?\Z", max_length=MAX_URL)]
Moment = Annotated[int, Meta(ge=0, le=2**53)]
"""Milliseconds since 1970 UTC; above 2**53 not every JSON reader keeps an integer exact."""
UtmName = Literal["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"]
Parameter = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
Scope = Annotated[str, Meta(pattern=r"^[a-z_]{1,32}:[a-z_]{1,32}\Z")]
"""Which words there are is for readers to know: one that is new to a reader gives nobody anything."""
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]


class StoreV1(Struct, frozen=True):
    """Key `store:ID`."""

    v: Literal[1]
    id: Id
    name: Name
    region_id: Id
    region_name: Name = ""
    disabled: bool = False


class GuideV1(Struct, frozen=True):
    """Key `guide:ID`."""

    v: Literal[1]
    id: Id
    name: Name
    store_id: Id
    hire_date: Date = ""
    monthly_cost: Money = ""
    currency: Currency = "CNY"
    wecom_userid: Annotated[str, Meta(max_length=MAX_ID)] = ""
    disabled: bool = False


class CampaignV1(Struct, frozen=True):
    """Key `campaign:ID`."""

    v: Literal[1]
    id: Id
    name: Name
    start: Date = ""
    end: Date = ""
    budget: Money = ""
    currency: Currency = "CNY"
    disabled: bool = False


class OwnerV1(Struct, frozen=True):
    """Part of a link."""

    from_ms: Moment
    guide_id: Reference = ""


class VariantV1(Struct, frozen=True):
    """Part of a link."""

    name: Id
    weight: Annotated[int, Meta(ge=1, le=MAX_WEIGHT)]
    url: Url


class LinkV1(Struct, frozen=True):
    """Key `link:CODE`."""

    v: Literal[1]
    code: Code
    number: Annotated[int, Meta(ge=1, le=MAX_NUMBER)]
    kind: DestinationKind
    url: Url
    owners: Annotated[tuple[OwnerV1, ...], Meta(max_length=MAX_OWNERS)] = ()
    campaign_id: Reference = ""
    touchpoint: Touchpoint | Literal[""] = ""
    utm: dict[UtmName, Annotated[str, Meta(max_length=MAX_UTM)]] = {}
    pass_params: Annotated[tuple[Parameter, ...], Meta(max_length=MAX_PASS_PARAMS)] = ()
    valid_from_ms: Moment | None = None
    valid_until_ms: Moment | None = None
    hours: tuple[Annotated[int, Meta(ge=0, lt=1440)], Annotated[int, Meta(ge=0, le=1440)]] | None = None
    disabled: bool = False
    fallback_url: OptionalUrl = ""
    platforms: Annotated[tuple[Platform, ...], Meta(max_length=16)] = ()
    platform_urls: dict[Platform, Url] = {}
    country_urls: Annotated[dict[Country, Url], Meta(max_length=MAX_COUNTRIES)] = {}
    variants: Annotated[tuple[VariantV1, ...], Meta(max_length=MAX_VARIANTS)] = ()
    status: Literal[302, 307] = 302


class SaltV1(Struct, frozen=True):
    """Key `salt:YYYY-MM-DD`."""

    v: Literal[1]
    day: Day
    key: Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){16,64}\Z")]


class ApiKeyV1(Struct, frozen=True):
    """Key `key:ID`."""

    v: Literal[1]
    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,31}\Z")]
    name: Name
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    scopes: Annotated[tuple[Scope, ...], Meta(max_length=MAX_SCOPES)]
    created_ms: Moment
    disabled: bool = False


class NumbersV1(Struct, frozen=True):
    """Key `meta:numbers`."""

    v: Literal[1]
    highest: Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
