"""The things of the registry, as values; what is in them is bounded by the numbers here."""

from dataclasses import dataclass
from typing import Final, Literal

RECORD_VERSION: Final = 1

MAX_ID: Final = 64
"""Characters of the ids of guides, stores, regions and campaigns; the same as a click's."""
MAX_CODE: Final = 32
MAX_NAME: Final = 128
MAX_URL: Final = 2048
"""Characters; what every browser, WeChat's included, still opens."""
MAX_UTM: Final = 128
MAX_NUMBER: Final = 2**32 - 1
"""A click token has four bytes for the link's number."""
MAX_OWNERS: Final = 200
"""Changes of owner that a link remembers; a weekly change for almost four years."""
MAX_PASS_PARAMS: Final = 32
MAX_VARIANTS: Final = 16
MAX_WEIGHT: Final = 10_000
MAX_COUNTRIES: Final = 64
MAX_SCOPES: Final = 16
STATUSES: Final[frozenset[int]] = frozenset({302, 307})
UTM_NAMES: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")

Touchpoint = Literal[
    "wecom_chat",
    "wechat_group",
    "moments",
    "livestream",
    "mini_program",
    "official_account",
    "sms",
    "store_qr",
    "package_qr",
    "ad",
]
TOUCHPOINTS: Final[frozenset[str]] = frozenset(Touchpoint.__args__)  # type: ignore[attr-defined]
DestinationKind = Literal[
    "web", "wecom_acquisition", "wecom_contact", "wecom_kf", "mini_program", "livestream", "group"
]
DESTINATION_KINDS: Final[frozenset[str]] = frozenset(DestinationKind.__args__)  # type: ignore[attr-defined]
TOKEN_PARAMETERS: Final[dict[str, str]] = {
    "web": "ct",
    "livestream": "ct",
    "group": "ct",
    "wecom_acquisition": "customer_channel",
    "wecom_contact": "state",
    "wecom_kf": "scene_param",
    "mini_program": "cq",
}
"""The query parameter that carries the click token to a destination of each kind (DOMAIN)."""
Platform = Literal[
    "wechat",
    "wecom",
    "mini_program",
    "alipay",
    "douyin",
    "xiaohongshu",
    "weibo",
    "qq",
    "dingtalk",
    "mobile",
    "desktop",
    "other",
]
PLATFORMS: Final[frozenset[str]] = frozenset(Platform.__args__)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Store:
    """A shop; regions are known by their stores."""

    id: str
    name: str
    region_id: str
    region_name: str = ""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Guide:
    """A salesperson."""

    id: str
    name: str
    store_id: str
    hire_date: str = ""
    """YYYY-MM-DD in the brand's time zone, or empty."""
    monthly_cost: str = ""
    """Decimal number as text, or empty."""
    currency: str = "CNY"
    wecom_userid: str = ""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Campaign:
    """A named effort."""

    id: str
    name: str
    start: str = ""
    """YYYY-MM-DD in the brand's time zone, or empty; so with `end`, which is the last day."""
    end: str = ""
    budget: str = ""
    currency: str = "CNY"
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owned a link from a moment on; an empty guide is a campaign link."""

    guide_id: str
    from_ms: int


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm of an A/B test of a link; `weight` is relative to the sum of all."""

    name: str
    weight: int
    url: str


@dataclass(frozen=True, slots=True)
class Link:
    """A short link."""

    code: str
    number: int
    """1..2**32-1, never reused; what a click token names."""
    kind: str
    url: str
    owners: tuple[Owner, ...] = ()
    """By `from_ms`, ascending: a click at time t belongs to the last owner with from_ms <= t."""
    campaign_id: str = ""
    touchpoint: str = ""
    utm: tuple[tuple[str, str], ...] = ()
    """(utm_source, value) and so on, appended to the destination."""
    pass_params: tuple[str, ...] = ()
    """Names of query parameters that travel from the short link to the destination; no others do."""
    valid_from_ms: int | None = None
    valid_until_ms: int | None = None
    hours: tuple[int, int] | None = None
    """Minutes of the day [from, until) in the brand's time zone; may wrap midnight."""
    disabled: bool = False
    fallback_url: str = ""
    platforms: tuple[str, ...] = ()
    """Those allowed; empty allows all. The others get the fallback, or a page that says how to open the link."""
    platform_urls: tuple[tuple[str, str], ...] = ()
    country_urls: tuple[tuple[str, str], ...] = ()
    """(ISO 3166 alpha-2, url); a platform's own destination comes first."""
    variants: tuple[Variant, ...] = ()
    status: int = 302
    """302 or 307."""

    def owner_at(self, at_ms: int) -> str:
        """The guide who owned the link at that time, or an empty string."""
        guide = ""
        for owner in self.owners:
            if owner.from_ms > at_ms:
                break
            guide = owner.guide_id
        return guide


@dataclass(frozen=True, slots=True)
class Salt:
    """The secret of one business day that turns IP, user agent and language into a visitor id."""

    day: str
    """YYYY-MM-DD."""
    key: bytes


@dataclass(frozen=True, slots=True)
class Numbers:
    """The highest link number ever given out: numbers of deleted links do not come back."""

    highest: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who may call the API, and for what; the secret itself is nowhere."""

    id: str
    """Letters, digits, . and -: an underscore ends it in the text of a key."""
    name: str
    sha256: str
    """Of the secret's text, hex. The secret is 32 random bytes: there are no likely ones to try, so a slow hash would
    only make each request slow."""
    scopes: tuple[str, ...]
    created_ms: int
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """A null value: the thing of this kind and id is gone."""

    kind: str
    id: str


Thing = Store | Guide | Campaign | Link
"""What people keep in the registry."""
Record = Thing | Salt | Numbers | ApiKey
"""What a record of the topic can hold."""
