-- Credit beside the raw conversion: decided once, when the event is taken in, by what is known by then, and never again.
ALTER TABLE {database}.conversions {on_cluster}
    ADD COLUMN IF NOT EXISTS token          String                 COMMENT '点击凭证（原文） / click token as it came' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS token_error    String                 COMMENT '凭证无效的原因 / why the token gives no credit; empty when it does or when there is none' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS link           String                 COMMENT '事件自带的短链 / link that the event names' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS click_time     Nullable(DateTime64(3, 'UTC')) COMMENT '归因点击的时间 / when the credited click happened',
    ADD COLUMN IF NOT EXISTS first_guide_id String                 COMMENT '首次触达导购 / guide of the first touch' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS first_link     String                 COMMENT '首次触达短链 / link of the first touch' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS first_variant  String                 COMMENT '首次触达测试版本 / arm of the first touch' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS store_id       String                 COMMENT '门店编号（归因导购所属） / store of the credited guide when the event was taken in' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS region_id      String                 COMMENT '区域编号（归因导购所属） / region of that store' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS campaign_id    String                 COMMENT '活动编号（归因短链所属） / campaign of the credited link, or that the event names' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS touchpoint     String                 COMMENT '触点（归因短链所属） / touchpoint of the credited link, or that the event names' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS is_late        Bool                   COMMENT '是否迟到 / its window had closed when it came',
    ADD COLUMN IF NOT EXISTS retransmitted  Bool                   COMMENT '是否重传 / sent again after an unknown outcome',
    ADD COLUMN IF NOT EXISTS clamped        Bool                   COMMENT '时间是否修正 / its time was ahead of the broker''s clock and was set back';

ALTER TABLE {database}.conversion_windows {on_cluster}
    ADD COLUMN IF NOT EXISTS transferred UInt64                 COMMENT '客户转移数 / customers handed to another guide' AFTER cost,
    ADD COLUMN IF NOT EXISTS alias       UInt64                 COMMENT '客户合并数 / customers found to be one' AFTER transferred,
    ADD COLUMN IF NOT EXISTS customers   UInt64                 COMMENT '客户数（本行去重） / distinct customers of this row; not additive' AFTER alias;

-- What is known of a customer, one row per Kafka partition that had events of theirs (one, unless the number of
-- partitions was raised). Rows are absolute: "all events of this customer in this partition up to offset `version`";
-- the highest version wins. What a state says has no columns here: the view `customer_rows` reads it out, for 1.2 us of
-- processor a row. Some thirty columns, written with each event and merged, held the worker at 15,600 events/s, which
-- takes in 19,300 without them (2026-11).
--
-- A worker looks up some thousand customers a batch, of whom no two lie together: small granules, so that each look-up
-- reads little, and states as they are, because what is read of a granule would have to be decompressed whole. Of a
-- million customers with states of 650 bytes, 8,000 cost 140 ms of processor; 330 ms with LZ4, and 410 ms with granules
-- of 256 besides. On disk they take 0.58 GB instead of 0.18 (2026-11).
CREATE TABLE IF NOT EXISTS {database}.customer_states {on_cluster}
(
    customer_id      String                          COMMENT '客户编号 / customer',
    kafka_partition  UInt16                          COMMENT '消息分区 / Kafka partition',
    version          UInt64                          COMMENT '版本（已计入的最大位点） / highest offset applied; the highest version wins',
    state            String                          COMMENT '状态（JSON） / the state that the next event is applied to' CODEC(NONE),
    updated_at       DateTime64(3, 'UTC')            COMMENT '写入时间 / when this row was written'
)
ENGINE = {engine:ReplacingMergeTree(version)}
ORDER BY (customer_id, kafka_partition)
SETTINGS {deduplication_window}, index_granularity = 64, min_compress_block_size = 16384, max_compress_block_size = 32768
COMMENT '客户状态（每分区一行） / state of customers, a row per Kafka partition';

-- Two ids of one person. The newest statement about an alias wins. Asked for from both ends.
CREATE TABLE IF NOT EXISTS {database}.customer_aliases {on_cluster}
(
    alias       String               COMMENT '别名编号 / the id that is given up',
    customer_id String               COMMENT '客户编号 / the id that is kept',
    occurred_at DateTime64(3, 'UTC') COMMENT '发生时间 / when it was said',
    event_id    String               COMMENT '事件编号 / by which event',

    PROJECTION kept (SELECT alias, customer_id, occurred_at, event_id ORDER BY customer_id)
        WITH SETTINGS (index_granularity = 128)
)
ENGINE = {engine:ReplacingMergeTree(occurred_at)}
ORDER BY alias
SETTINGS {deduplication_window}, index_granularity = 128, deduplicate_merge_projection_mode = 'rebuild'
COMMENT '客户别名 / ids that are one person';
