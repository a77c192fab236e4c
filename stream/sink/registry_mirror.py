"""The registry in ClickHouse, for BI: records of the topic `registry` as rows whose version is the record's offset.

Records are written in their order, so the highest version there is says how far the mirror reaches, whatever killed its
writer; records that are written once more change nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any, Final

import orjson

from schemas.registry import ApiKey, Campaign, Guide, Link, Numbers, Record, Removed, Salt, Store
from stream.sink.clickhouse import ClickHouse

_TABLES: Final = {"store": "stores", "guide": "guides", "campaign": "campaigns", "link": "links"}
_KEYS: Final = {"stores": "store_id", "guides": "guide_id", "campaigns": "campaign_id", "links": "link"}
_ROWS_AT_ONCE: Final = 20_000
_LAST_MS: Final = 10_413_791_999_000
"""2299-12-31 23:59:59 UTC, the end of ClickHouse's time; "valid until" may lie beyond."""
_DATES: Final = (date(1900, 1, 1), date(2299, 12, 31))


@dataclass(frozen=True, slots=True)
class Change:
    """One record of the topic."""

    offset: int
    at_ms: int
    """When it was written."""
    record: Record | Removed


async def reached(clickhouse: ClickHouse) -> int:
    """The highest offset of the topic that the mirror holds; -1 when it is empty."""
    tables = " UNION ALL ".join(f"SELECT max(version) AS v, count() AS n FROM {table}" for table in _KEYS)
    rows = await clickhouse.query(f"SELECT max(v), sum(n) FROM ({tables})")
    highest, count = rows[0]
    return int(highest) if count else -1


async def write(clickhouse: ClickHouse, changes: Iterable[Change]) -> None:
    """Write records, in ascending order of their offsets; salts, counters and keys are no business of BI's.

    Raises:
        UnavailableError: ClickHouse does not answer; call again with the same records.
    """
    rows = [(table, row) for change in changes for table, row in _rows(change)]
    for table, group in groupby(rows, key=lambda row: row[0]):
        some = [row for _, row in group]
        for start in range(0, len(some), _ROWS_AT_ONCE):
            await _insert(clickhouse, table, some[start : start + _ROWS_AT_ONCE])


async def _insert(clickhouse: ClickHouse, table: str, rows: Sequence[dict[str, Any]]) -> None:
    # Removed things have fewer columns; what a row does not have is its column's default.
    columns = dict.fromkeys(name for row in rows for name in row)
    block = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    await clickhouse.insert(table, list(columns), block, fmt="JSONEachRow")


def _rows(change: Change) -> list[tuple[str, dict[str, Any]]]:
    common = {"version": change.offset, "updated_at": _moment(change.at_ms)}
    match change.record:
        case Salt() | Numbers() | ApiKey():
            return []
        case Removed(kind, id_):
            table = _TABLES.get(kind)
            return [(table, {_KEYS[table]: id_, "deleted": True, **common})] if table else []
        case Store() as store:
            return [("stores", {**_store(store), **common})]
        case Guide() as guide:
            return [("guides", {**_guide(guide), **common})]
        case Campaign() as campaign:
            return [("campaigns", {**_campaign(campaign), **common})]
        case Link() as link:
            return [("links", {**_link(link), **common})]


def _store(store: Store) -> dict[str, Any]:
    return {
        "store_id": store.id,
        "name": store.name,
        "region_id": store.region_id,
        "region_name": store.region_name,
        "disabled": store.disabled,
    }


def _guide(guide: Guide) -> dict[str, Any]:
    return {
        "guide_id": guide.id,
        "name": guide.name,
        "store_id": guide.store_id,
        "hire_date": _date(guide.hire_date),
        "monthly_cost": guide.monthly_cost or None,
        "currency": guide.currency,
        "wecom_userid": guide.wecom_userid,
        "disabled": guide.disabled,
    }


def _campaign(campaign: Campaign) -> dict[str, Any]:
    return {
        "campaign_id": campaign.id,
        "name": campaign.name,
        "start": _date(campaign.start),
        "end": _date(campaign.end),
        "budget": campaign.budget or None,
        "currency": campaign.currency,
        "disabled": campaign.disabled,
    }


def _link(link: Link) -> dict[str, Any]:
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
        "pass_params": link.pass_params,
        "valid_from": None if link.valid_from_ms is None else _moment(link.valid_from_ms),
        "valid_until": None if link.valid_until_ms is None else _moment(link.valid_until_ms),
        "hours_from": hours_from,
        "hours_until": hours_until,
        "fallback_url": link.fallback_url,
        "platforms": link.platforms,
        "platform_urls": dict(link.platform_urls),
        "country_urls": dict(link.country_urls),
        "variants": [{"name": arm.name, "weight": arm.weight, "url": arm.url} for arm in link.variants],
        "status": link.status,
        "disabled": link.disabled,
    }


def _moment(ms: int) -> str:
    at = datetime.fromtimestamp(min(ms, _LAST_MS) // 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{min(ms, _LAST_MS) % 1000:03d}"


def _date(text: str) -> str | None:
    """The date, or None where there is none, or none that ClickHouse has."""
    try:
        return text if _DATES[0] <= date.fromisoformat(text) <= _DATES[1] else None
    except ValueError:
        return None
