"""Registry records as rows of the tables stores, guides, campaigns and links (schemas/clickhouse), for JSONEachRow.

Each row is the whole thing as of one record; its version is the record's offset, so a row written twice or late
changes nothing. What was deleted becomes a row with nothing but its id, `deleted` and the version. Salts and numbers
have no rows: nobody but the edge may see a salt.
"""

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from schemas.registry import Campaign, Guide, Link, Record, Removed, Store

Row = dict[str, Any]
_IDS: Final = {
    "store": ("stores", "store_id"),
    "guide": ("guides", "guide_id"),
    "campaign": ("campaigns", "campaign_id"),
    "link": ("links", "link"),
}
"""Table and its key column, by the kind in a record's key."""
_DAYS: Final = (date(1970, 1, 1), date(2149, 6, 6))
"""What ClickHouse's Date can hold."""


class TableRow(NamedTuple):
    """A row and the table it belongs to. Columns that are left out have their default."""

    table: str
    row: Row


def table_row(record: Record | Removed, *, offset: int, at_ms: int) -> TableRow | None:
    """The row of a record at this offset of the topic, written at `at_ms`; None for what has no table."""
    common: Row = {"version": offset, "updated_at": _moment(at_ms)}
    match record:
        case Store():
            return TableRow("stores", _store(record) | common)
        case Guide():
            return TableRow("guides", _guide(record) | common)
        case Campaign():
            return TableRow("campaigns", _campaign(record) | common)
        case Link():
            return TableRow("links", _link(record) | common)
        case Removed() if record.kind in _IDS:
            table, column = _IDS[record.kind]
            return TableRow(table, {column: record.id, "deleted": True} | common)
        case _:
            return None


def _store(store: Store) -> Row:
    return {
        "store_id": store.id,
        "name": store.name,
        "region_id": store.region_id,
        "region_name": store.region_name,
        "disabled": store.disabled,
    }


def _guide(guide: Guide) -> Row:
    return {
        "guide_id": guide.id,
        "name": guide.name,
        "store_id": guide.store_id,
        "hire_date": _day(guide.hire_date),
        "monthly_cost": _amount(guide.monthly_cost),
        "currency": guide.currency,
        "wecom_userid": guide.wecom_userid,
        "disabled": guide.disabled,
    }


def _campaign(campaign: Campaign) -> Row:
    return {
        "campaign_id": campaign.id,
        "name": campaign.name,
        "start": _day(campaign.start),
        "end": _day(campaign.end),
        "budget": _amount(campaign.budget),
        "currency": campaign.currency,
        "disabled": campaign.disabled,
    }


def _link(link: Link) -> Row:
    hours_from, hours_until = link.hours or (None, None)
    return {
        "link": link.code,
        "number": link.number,
        "kind": link.kind,
        "url": link.url,
        "owners": [{"guide_id": owner.guide_id, "since": _moment(owner.from_ms)} for owner in link.owners],
        "campaign_id": link.campaign_id,
        "touchpoint": link.touchpoint,
        "utm": dict(link.utm),
        "pass_params": list(link.pass_params),
        "valid_from": None if link.valid_from_ms is None else _moment(link.valid_from_ms),
        "valid_until": None if link.valid_until_ms is None else _moment(link.valid_until_ms),
        "hours_from": hours_from,
        "hours_until": hours_until,
        "fallback_url": link.fallback_url,
        "platforms": list(link.platforms),
        "platform_urls": dict(link.platform_urls),
        "country_urls": dict(link.country_urls),
        "variants": [{"name": variant.name, "weight": variant.weight, "url": variant.url} for variant in link.variants],
        "status": link.status,
        "disabled": link.disabled,
    }


def _moment(at_ms: int) -> str:
    """DateTime64(3, 'UTC'); a time beyond 2100, which nobody means, becomes 2100."""
    at = datetime.fromtimestamp(min(at_ms, 4_102_444_800_000) / 1000, UTC)
    return at.isoformat(" ", "milliseconds").removesuffix("+00:00")


def _day(text: str) -> str | None:
    """Date; None when there is none, or none that the column can hold."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return text if _DAYS[0] <= day <= _DAYS[1] else None


def _amount(text: str) -> str | None:
    """Decimal(18, 4) as text."""
    try:
        return str(Decimal(text))
    except InvalidOperation:
        return None
