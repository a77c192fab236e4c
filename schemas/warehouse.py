"""Columns of the ClickHouse tables that the worker fills, in the order of their definition in `schemas/clickhouse/`.

Types stand in the SQL alone; a contract test compares these names with the engine's own list.
"""

from typing import Final

CLICKS: Final = (
    "click_id",
    "event_time",
    "append_time",
    "received_at",
    "kafka_partition",
    "kafka_offset",
    "link",
    "guide_id",
    "store_id",
    "region_id",
    "campaign_id",
    "touchpoint",
    "variant",
    "destination_kind",
    "outcome",
    "visitor_id",
    "visitor_kind",
    "platform",
    "device",
    "os",
    "browser",
    "country",
    "referrer_host",
    "referrer_class",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "language",
    "ip_prefix",
    "trigger",
    "is_human",
    "bot_reasons",
    "is_late",
    "retransmitted",
    "fetch",
    "enrich_errors",
    "clamped",
    "geo_region",
    "city",
    "isp",
)

LINK_WINDOWS: Final = (
    "window_start",
    "guide_id",
    "link",
    "variant",
    "kafka_partition",
    "version",
    "clicks",
    "human_clicks",
    "redirected",
    "visitors",
    "updated_at",
    # Facts stamped on the row's first click, the one with the lowest offset: the same however often it is recounted.
    "store_id",
    "region_id",
    "campaign_id",
    "touchpoint",
)

DEAD_LETTERS: Final = (
    "topic",
    "kafka_partition",
    "kafka_offset",
    "key",
    "value",
    "headers",
    "stage",
    "reason",
    "detail",
    "append_time",
    "received_at",
    "replayed_at",
)

DUPLICATES: Final = (
    "topic",
    "kafka_partition",
    "kafka_offset",
    "event_id",
    "original_partition",
    "original_offset",
    "received_at",
)
