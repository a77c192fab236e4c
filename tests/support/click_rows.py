"""Raw clicks as rows of the table, and what they add up to, counted here in Python."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from stream.sink.clickhouse import ClickHouse

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One raw click; what a test does not care about has a value that stands for nothing."""

    kafka_offset: int
    event_time: datetime = NOON
    kafka_partition: int = 0
    link: str = "aB3dE6g"
    guide_id: str = "g1"
    store_id: str = "s1"
    region_id: str = "r1"
    campaign_id: str = "c1"
    touchpoint: str = "wecom_chat"
    variant: str = ""
    visitor_id: str = "v1"
    outcome: str = "redirected"
    is_human: bool = True
    bot_reasons: list[str] = field(default_factory=list)
    received_at: datetime = NOON
    fetch: str = "navigate"

    @property
    def minute(self) -> datetime:
        return self.event_time.replace(second=0, microsecond=0)

    @property
    def key(self) -> tuple[datetime, str, str, str, int]:
        return self.minute, self.guide_id, self.link, self.variant, self.kafka_partition


async def insert_rows(clickhouse: ClickHouse, table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows of any table as one block; all have the same columns."""
    values = list(rows)
    block = b"".join(orjson.dumps(one) + b"\n" for one in values)
    await clickhouse.insert(table, list(values[0]), block, fmt="JSONEachRow")


async def insert_clicks(clickhouse: ClickHouse, rows: Iterable[Row]) -> None:
    """Insert raw rows as one block."""
    await insert_rows(
        clickhouse,
        "clicks",
        (
            {name: _text(value) for name, value in asdict(row).items()}
            | {
                "click_id": f"click-{row.kafka_partition}-{row.kafka_offset}",
                "append_time": _text(row.event_time + timedelta(milliseconds=20)),
            }
            for row in rows
        ),
    )


def _text(value: Any) -> Any:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if isinstance(value, datetime) else value


def windows_of(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The window rows that these raw rows should have."""
    by_key: dict[tuple[Any, ...], dict[int, Row]] = defaultdict(dict)
    for row in rows:
        by_key[row.key][row.kafka_offset] = row
    found = []
    for (minute, guide, link, variant, partition), held in by_key.items():
        clicks = [held[offset] for offset in sorted(held)]
        first = clicks[0]
        found.append(
            {
                "window_start": int(minute.timestamp()),
                "guide_id": guide,
                "link": link,
                "variant": variant,
                "kafka_partition": partition,
                "version": clicks[-1].kafka_offset,
                "clicks": len(clicks),
                "human_clicks": sum(click.is_human for click in clicks),
                "redirected": sum(click.outcome == "redirected" for click in clicks),
                "visitors": len({click.visitor_id for click in clicks if click.is_human}),
                "updated_at": 0,
                "store_id": first.store_id,
                "region_id": first.region_id,
                "campaign_id": first.campaign_id,
                "touchpoint": first.touchpoint,
            }
        )
    return found


async def insert_windows(clickhouse: ClickHouse, windows: Iterable[dict[str, Any]]) -> None:
    """Insert window rows as one block."""
    await insert_rows(clickhouse, "link_windows", windows)
