"""The metric catalogue: every metric of every process, declared once, with unit and meaning.

Dashboards and rules are tested to name nothing that is not here. Label values come from closed sets, except guide and
link, which are bounded by top-N. Each process exposes the default registry.
"""

from prometheus_client import Counter, Gauge, Histogram

# -- edge --------------------------------------------------------------------------------------------------------------
EDGE_REQUESTS = Counter("guidestream_edge_requests", "Requests answered by the edge, by outcome.", ["outcome"])
EDGE_SECONDS = Histogram(
    "guidestream_edge_request_seconds",
    "Seconds from the request's headers to the answer handed to the server.",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
EDGE_UNKNOWN = Counter(
    "guidestream_edge_unknown_codes", "Requests for a code that no link has, by kind of path.", ["kind"]
)

# -- spool (edge and api) ----------------------------------------------------------------------------------------------
SPOOL_APPENDED = Counter("guidestream_spool_appended", "Events written to the spool.", ["topic"])
SPOOL_SHIPPED = Counter("guidestream_spool_shipped", "Events acknowledged by Kafka.", ["topic"])
SPOOL_DROPPED = Counter("guidestream_spool_dropped", "Events that a full or broken disk dropped.", ["topic"])
SPOOL_RETRANSMITTED = Counter(
    "guidestream_spool_retransmitted", "Events sent again after an unknown outcome.", ["topic"]
)
SPOOL_DAMAGED = Counter(
    "guidestream_spool_damaged_bytes", "Bytes of spool segments that no valid record covers.", ["topic"]
)
SPOOL_SYNC_FAILED = Counter(
    "guidestream_spool_sync_failed",
    "Failed fsyncs: what was appended just before may not outlive a power cut.",
    ["topic"],
)
SPOOL_BYTES = Gauge("guidestream_spool_bytes", "Bytes on disk that Kafka has not acknowledged.", ["topic"])
SPOOL_AGE_SECONDS = Gauge(
    "guidestream_spool_oldest_seconds", "Age of the oldest event that waits in the spool.", ["topic"]
)

# -- api ---------------------------------------------------------------------------------------------------------------
# `route` is a template of the API's document, or `other`; `status` is 2xx, 3xx, ...
API_REQUESTS = Counter("guidestream_api_requests", "Requests answered by the API.", ["route", "status"])
API_SECONDS = Histogram(
    "guidestream_api_request_seconds",
    "Seconds from the request's headers to the answer handed to the server, the way of its body included.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)

# -- intake (api and import) -------------------------------------------------------------------------------------------
INTAKE_EVENTS = Counter(
    "guidestream_intake_events", "Conversions that were handed in, by source and fate.", ["source", "fate"]
)
WEBHOOKS = Counter(
    "guidestream_webhooks",
    "Signed messages of other systems, by what became of them: taken, skipped by the mapping, refused, replayed, "
    "unsigned, unreadable.",
    ["source", "outcome"],
)

# -- WeCom callbacks (api) ---------------------------------------------------------------------------------------------
# `corp` is the name of a callback URL in the operator's file, at most 64.
WECOM_CALLBACKS = Counter(
    "guidestream_wecom_callbacks", "Believed requests of WeCom, by what became of them.", ["corp", "outcome"]
)
WECOM_REFUSED = Counter(
    "guidestream_wecom_refused", "Requests to a callback URL that were not believed, by reason.", ["corp", "reason"]
)
WECOM_MESSAGES = Counter("guidestream_wecom_messages", "Messages of WeCom, by kind.", ["corp", "kind"])
WECOM_STATES = Counter(
    "guidestream_wecom_states",
    "What messages had as State (customer_channel): a click token, something foreign, nothing.",
    ["corp", "state"],
)
WECOM_UNKNOWN_GUIDES = Counter(
    "guidestream_wecom_unknown_guides", "Events whose WeCom userid no guide of the registry has.", ["corp"]
)

# -- registry follower -------------------------------------------------------------------------------------------------
REGISTRY_LINKS = Gauge("guidestream_registry_links", "Links in the snapshot in force.")
REGISTRY_OFFSET = Gauge("guidestream_registry_offset", "Offset of the registry topic up to which the snapshot reaches.")
REGISTRY_REJECTED = Counter("guidestream_registry_rejected", "Registry records that could not be read.")

# -- worker ------------------------------------------------------------------------------------------------------------
CONSUMED = Counter(
    "guidestream_consumed", "Events consumed; accepted + rejected + duplicate add up to it.", ["topic", "partition"]
)
ACCEPTED = Counter("guidestream_accepted", "Events whose raw row was written.", ["topic", "partition"])
REJECTED = Counter(
    "guidestream_rejected", "Events that went to dead letters, by reason.", ["topic", "partition", "reason"]
)
DUPLICATE = Counter(
    "guidestream_duplicate", "Retransmissions of an event that was there already.", ["topic", "partition"]
)
LATE = Counter("guidestream_late", "Accepted events whose window had closed.", ["topic"])
CLAMPED = Counter("guidestream_clamped", "Accepted events whose time was ahead of the broker's clock.", ["topic"])
ENRICH_FAILED = Counter("guidestream_enrich_failed", "Enrichments that failed and marked their row.", ["enrichment"])
BATCH_EVENTS = Histogram(
    "guidestream_batch_events",
    "Events of one batch.",
    ["topic"],
    buckets=(1, 10, 100, 500, 1000, 2500, 5000, 10000, 50000),
)
STAGE_SECONDS = Histogram(
    "guidestream_stage_seconds",
    "Seconds that one batch spent in a stage.",
    ["stage"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
FRESHNESS_SECONDS = Histogram(
    "guidestream_freshness_seconds",
    "Seconds from the tap until its row could be queried.",
    buckets=(0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0),
)
LAG_EVENTS = Gauge("guidestream_lag_events", "Events in Kafka that were not consumed yet.", ["topic", "partition"])
EXPIRED = Counter("guidestream_expired_unread", "Events that Kafka dropped before a worker had read them.", ["topic"])
OPEN_WINDOWS = Gauge("guidestream_open_windows", "Window rows held in memory.")
LATE_WINDOWS = Gauge("guidestream_late_windows", "Windows marked to be recounted from raw rows.")
SINK_ERRORS = Counter("guidestream_sink_errors", "Failed requests to ClickHouse, each tried again.", ["statement"])
LOOKUPS = Counter(
    "guidestream_lookups",
    "What credit asked for (customers, links, guides), by whether it was still known (hit) or read (miss).",
    ["kind", "outcome"],
)
CREDITED = Counter("guidestream_credited", "Accepted conversions by the rule that gave the credit.", ["rule"])
TOKEN_ERRORS = Counter(
    "guidestream_token_errors", "Accepted conversions whose click token gives no credit, by what is wrong.", ["error"]
)
CUSTOMERS_WRITTEN = Counter("guidestream_customers_written", "Rows of customers written.")
ATTRIBUTED_SENT = Counter("guidestream_attributed_sent", "Records that the topic `attributed` acknowledged.")
AUDIT_DIFFERENCE = Gauge(
    "guidestream_audit_difference",
    "Events and customers by which tables differ from raw rows; 0 is good.",
    ["topic"],
)
AUDIT_TIME = Gauge(
    "guidestream_audit_timestamp_seconds",
    "When the last audit ended, or this worker took it over, seconds since 1970. Only one worker audits.",
    ["topic"],
)

# -- business ----------------------------------------------------------------------------------------------------------
# Each worker shows its own partitions' share: sum over workers. `window` is 5m, 1h or day (the brand's business day).
GUIDE_CLICKS = Gauge("guidestream_guide_clicks", "Clicks per guide.", ["guide", "window"])
GUIDE_HUMAN_CLICKS = Gauge(
    "guidestream_guide_human_clicks", "Clicks per guide that no bot rule marks.", ["guide", "window"]
)
LINK_CLICKS = Gauge("guidestream_link_clicks", "Clicks per link, the top N.", ["link", "window"])
LINK_HUMAN_CLICKS = Gauge(
    "guidestream_link_human_clicks", "Clicks per link that no bot rule marks, the top N.", ["link", "window"]
)
LINK_CLICKS_REST = Gauge("guidestream_link_clicks_rest", "Clicks of all links that top N left out.", ["window"])
LINKS_LEFT_OUT = Gauge("guidestream_links_left_out", "How many links top N left out.", ["window"])
GUIDE_CONVERSIONS = Gauge(
    "guidestream_guide_conversions", "Conversions credited to a guide, by type.", ["guide", "type", "window"]
)
GUIDE_REVENUE = Gauge(
    "guidestream_guide_revenue",
    "Amount of paid orders credited to a guide, in the brand's currency.",
    ["guide", "window"],
)
GUIDE_REFUNDS = Gauge(
    "guidestream_guide_refunds", "Amount refunded of orders credited to a guide, likewise.", ["guide", "window"]
)
