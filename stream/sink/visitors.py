"""Visitor states for raw rows whose worker died between the raw part and the states' part.

The materialized view `link_visitors_feed` makes the states at the insert of raw rows, but the two are two parts: after
a kill in between, the rows are there and their visitors are in no state. Whoever takes up the partition fills them in,
from the committed offset C to the end of the raw rows R; states that hold a visitor already do not change.
"""

from stream.sink.clickhouse import ClickHouse


async def refill(clickhouse: ClickHouse, partition: int, first: int, last: int) -> None:
    """Put the visitors of a partition's raw clicks with offsets from `first` to `last` into the states."""
    await clickhouse.command(
        """
        INSERT INTO link_visitors (
            bucket_start, region_id, store_id, guide_id, campaign_id, touchpoint, link, variant, visitors
        )
        SELECT toStartOfFifteenMinutes(event_time) AS bucket_start, region_id, store_id, guide_id, campaign_id,
            touchpoint, link, variant, uniqCombined64State(visitor_id)
        FROM clicks
        WHERE is_human AND kafka_partition = {partition:UInt16}
            AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64}
        GROUP BY bucket_start, region_id, store_id, guide_id, campaign_id, touchpoint, link, variant
        """,
        {"partition": partition, "first": first, "last": last},
    )
