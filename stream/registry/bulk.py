"""One link per guide: a campaign's links in one go, each with its guide's own destination."""

import re
from collections.abc import Collection
from typing import Final, NamedTuple
from urllib.parse import quote

from schemas.registry import UTM_NAMES, Guide, Link, Store
from stream.base.errors import InputError, NotFoundError
from stream.registry.changes import BLANK, Changes, patched
from stream.registry.fields import Patch
from stream.registry.snapshot import Snapshot
from stream.registry.writer import Encoded, Plan

PLACEHOLDERS: Final = ("guide_id", "store_id", "region_id", "campaign_id", "wecom_userid")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_URL_FIELDS: Final = ("url", "fallback_url")


class Made(NamedTuple):
    """The new links, and how many guides had theirs already."""

    links: list[Link]
    unchanged: int


def plan_bulk(
    template: Patch, *, stores: Collection[str] = (), regions: Collection[str] = (), now_ms: int
) -> Plan[Made]:
    """The plan that gives every guide at work a link made from `template`, a patch without code and guide.

    `{guide_id}`, `{store_id}`, `{region_id}`, `{campaign_id}` and `{wecom_userid}` in addresses and UTM values become
    the guide's own. Of the given stores and regions, or of all when none is given. Made again, it makes links for
    guides that came since.
    """

    def plan(state: Snapshot) -> tuple[Encoded, Made]:
        changes = Changes(state, now_ms)
        made = Made([], 0)
        for guide, store in _chosen(state, stores, regions):
            thing = patched(BLANK["link"], _filled(template, guide, store), now_ms)
            link, fate, problems = changes.put(None, thing, unless_equal=True)
            if problems:
                raise InputError(f"{problems[0].detail} (link of guide {guide.id})", field=problems[0].field)
            assert isinstance(link, Link)
            made = made._replace(unchanged=made.unchanged + 1) if fate == "unchanged" else made
            if fate == "created":
                made.links.append(link)
        return changes.records(), made

    return plan


def _chosen(state: Snapshot, stores: Collection[str], regions: Collection[str]) -> list[tuple[Guide, Store]]:
    """Guides at work with their stores, by id."""
    known_regions = {store.region_id for store in state.stores.values()}
    for field, wanted, known in (("store", stores, state.stores), ("region", regions, known_regions)):
        missing = [id_ for id_ in wanted if id_ not in known]
        if missing:
            raise NotFoundError(f"there is no {field} {', '.join(missing)[:200]}", field=field)
    found = [(guide, state.stores[guide.store_id]) for guide in state.guides.values() if guide.store_id in state.stores]
    return sorted(
        (
            (guide, store)
            for guide, store in found
            if not guide.disabled and (not stores or store.id in stores) and (not regions or store.region_id in regions)
        ),
        key=lambda pair: pair[0].id,
    )


def _filled(template: Patch, guide: Guide, store: Store) -> Patch:
    values = {
        "guide_id": guide.id,
        "store_id": store.id,
        "region_id": store.region_id,
        "campaign_id": template.get("campaign_id", ""),
        "wecom_userid": guide.wecom_userid,
    }
    patch = template | {"guide_id": guide.id}
    for field in (*_URL_FIELDS, *UTM_NAMES):
        if field in patch:
            patch[field] = _fill(patch[field], field, values)
    return patch


def _fill(text: str, field: str, values: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        filled = values.get(match[1])
        if filled is None:
            known = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise InputError(f"{match[0][:40]} is no placeholder; there are {known}", field=field)
        if not filled:
            raise InputError(f"guide {values['guide_id']} has no {match[1]} to put in", field=field)
        return quote(filled, safe="") if field in _URL_FIELDS else filled

    return _PLACEHOLDER.sub(value, text)
