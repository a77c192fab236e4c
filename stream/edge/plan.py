"""What can be known about a link's answers before anybody asks: computed once, used for every tap. Pure."""

from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from schemas.clicks import CLICK_VERSION
from schemas.registry import Guide, Link, Store
from stream.edge.location import Target, target

FOREVER: Final = 1 << 62


class Registry(Protocol):
    """What a plan needs to know of the registry; a snapshot is one."""

    def guide(self, id_: str, /) -> Guide | None:
        """The guide of this id."""

    def store(self, id_: str, /) -> Store | None:
        """The store of this id."""


@dataclass(slots=True, eq=False)
class Plan:
    """A link as the edge answers it, good for clicks from `since_ms` until before `until_ms`."""

    link: Link
    zone: ZoneInfo
    short_url: str
    key: bytes
    """Of its clicks' records: the guide, or the code where there is none."""
    click: dict[str, Any]
    """A click on this link as far as the link alone decides it; what is empty here each click fills in."""
    since_ms: int
    until_ms: int
    plain: Target | None
    """The one destination of a link without rules; None when there are rules, or no usable destination."""
    added: dict[str, str]
    pass_names: frozenset[str]
    targets: dict[str, Target | None] = field(default_factory=dict)
    """By URL; a link has no more than its variants, platforms and countries."""

    def target(self, url: str) -> Target | None:
        """Where one of the link's URLs leads; None when it cannot be used."""
        if url not in self.targets:
            self.targets[url] = target(url, self.link.kind, self.added)
        return self.targets[url]


def plan(link: Link, registry: Registry, now_ms: int, *, zone: ZoneInfo, public_url: str) -> Plan:
    """The plan of a link as it is owned at `now_ms`."""
    guide_id = link.owner_at(now_ms)
    starts = [owner.from_ms for owner in link.owners]
    added = dict(link.utm)
    ruled = bool(
        link.disabled
        or link.valid_from_ms is not None
        or link.valid_until_ms is not None
        or link.hours is not None
        or link.platforms
        or link.platform_urls
        or link.country_urls
        or link.variants
        or link.pass_params
    )
    return Plan(
        link=link,
        zone=zone,
        short_url=f"{public_url}/{link.code}",
        key=(guide_id or link.code).encode(),
        click=_click(link, guide_id, registry),
        since_ms=max((start for start in starts if start <= now_ms), default=-FOREVER),
        until_ms=min((start for start in starts if start > now_ms), default=FOREVER),
        plain=None if ruled else target(link.url, link.kind, added),
        added=added,
        pass_names=frozenset(link.pass_params),
    )


def _click(link: Link, guide_id: str, registry: Registry) -> dict[str, Any]:
    guide = registry.guide(guide_id) if guide_id else None
    store = registry.store(guide.store_id) if guide else None
    facts = {
        "guide": guide_id,
        "store": guide.store_id if guide else "",
        "region": store.region_id if store else "",
        "campaign": link.campaign_id,
        "touchpoint": link.touchpoint,
        **dict(link.utm),
    }
    return {
        "v": CLICK_VERSION,
        "id": "",
        "ts": 0,
        "link": link.code,
        "kind": link.kind,
        **{name: value for name, value in facts.items() if value},
        "outcome": "",
        "fetch": "",
        "visitor": "",
        "visitor_kind": "",
    }


class Plans:
    """The plans of the links that are asked for, for one registry at a time; bounded.

    Two generations bound it without bookkeeping per hit: a full young one becomes the old one, and what is asked for
    again moves back.
    """

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._young: dict[str, Plan] = {}
        self._old: dict[str, Plan] = {}

    def get(self, code: str, now_ms: int) -> Plan | None:
        """The plan of this code, if there is one that is good now."""
        found = self._young.get(code)
        if found is None:
            found = self._old.get(code)
            if found is None:
                return None
            self.put(found)
        return found if found.since_ms <= now_ms < found.until_ms else None

    def put(self, plan: Plan) -> None:
        """Keep a plan."""
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}
        self._young[plan.link.code] = plan

    def clear(self) -> None:
        """Forget all: the registry has changed."""
        self._young, self._old = {}, {}
