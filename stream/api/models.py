"""What the API answers: the shapes of its JSON, from which the OpenAPI document is made."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from schemas.registry import DestinationKind, Platform, Touchpoint

Item = TypeVar("Item")
Milliseconds = Annotated[int, Field(ge=0, description="milliseconds since 1970-01-01 UTC")]


class Body(BaseModel):
    """A JSON object whose fields are all there."""

    model_config = ConfigDict(frozen=True)


class Health(Body):
    """All is well."""

    status: Annotated[str, Field(examples=["ok"])] = "ok"


class Problem(Body):
    """What went wrong, as RFC 9457 has it."""

    type: Annotated[str, Field(description="about:blank: the title says no more than the status")] = "about:blank"
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Annotated[str, Field(description="what is wrong, and the fix")]
    field: Annotated[str, Field(description="name of the parameter that is wrong, or empty")] = ""


class EventProblem(Problem):
    """Why one event was not taken."""

    field: Annotated[str, Field(description="name of the event's field that is wrong, or empty")] = ""
    reason: Annotated[str, Field(description="a word of a closed list, the same that dead letters have")]


class EventOutcome(Body):
    """What became of one event."""

    event_id: Annotated[str, Field(description="empty when the event has none that could be one")]
    status: Annotated[
        Literal["accepted", "duplicate", "rejected"],
        Field(description="duplicate: its event_id was accepted before, as far as this process remembers"),
    ]
    problem: Annotated[EventProblem | None, Field(description="only of a rejected event")] = None


class EventOutcomes(Body):
    """What became of the events of one request."""

    accepted: int
    duplicate: int
    rejected: int
    outcomes: Annotated[list[EventOutcome], Field(description="one for each event, in their order")]


class Store(Body):
    """A shop (门店); regions are known by their stores."""

    id: str
    name: str
    region_id: str
    region_name: str = ""
    disabled: bool = False


class Guide(Body):
    """A salesperson (导购)."""

    id: str
    name: str
    store_id: str
    hire_date: Annotated[str, Field(description="YYYY-MM-DD in the brand's time zone, or empty")] = ""
    monthly_cost: Annotated[str, Field(description="decimal number, or empty")] = ""
    currency: str = "CNY"
    wecom_userid: str = ""
    disabled: bool = False


class Campaign(Body):
    """A named effort (活动)."""

    id: str
    name: str
    start: Annotated[str, Field(description="YYYY-MM-DD in the brand's time zone, or empty")] = ""
    end: Annotated[str, Field(description="the last day, or empty")] = ""
    budget: Annotated[str, Field(description="decimal number, or empty")] = ""
    currency: str = "CNY"
    disabled: bool = False


class Owner(Body):
    """Who owned a link from a moment on."""

    guide_id: Annotated[str, Field(description="empty: a campaign link without a guide")] = ""
    from_ms: Milliseconds


class Variant(Body):
    """One arm of an A/B test."""

    name: str
    weight: Annotated[int, Field(description="relative to the sum of all")]
    url: str


class Link(Body):
    """A short link (短链)."""

    code: str
    short_url: Annotated[str, Field(description="what a guide hands out")]
    number: Annotated[int, Field(description="what a click token names; never used again")]
    kind: DestinationKind
    url: str
    owners: Annotated[list[Owner], Field(description="by from_ms, ascending")] = []
    campaign_id: str = ""
    touchpoint: Touchpoint | Annotated[str, Field(max_length=0)] = ""
    utm: dict[str, str] = {}
    pass_params: list[str] = []
    valid_from_ms: Milliseconds | None = None
    valid_until_ms: Milliseconds | None = None
    hours: Annotated[
        tuple[int, int] | None,
        Field(description="minutes of the day [from, until) in the brand's time zone; may wrap midnight"),
    ] = None
    disabled: bool = False
    fallback_url: str = ""
    platforms: Annotated[list[Platform], Field(description="those allowed; empty allows all")] = []
    platform_urls: dict[str, str] = {}
    country_urls: dict[str, str] = {}
    variants: list[Variant] = []
    status: Annotated[int, Field(description="302 or 307")] = 302


class Page(Body, Generic[Item]):
    """Some of the things of a kind, by id."""

    items: list[Item]
    next: Annotated[str, Field(description="give it as `cursor` for the page that follows; empty on the last one")]


class StorePage(Page[Store]):
    """Stores by id."""


class GuidePage(Page[Guide]):
    """Guides by id."""


class CampaignPage(Page[Campaign]):
    """Campaigns by id."""


class LinkPage(Page[Link]):
    """Links by code."""
