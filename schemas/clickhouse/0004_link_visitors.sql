-- Unique human visitors, as states that merge over any range and any of the keys. Fed from raw rows, twice or more often
-- without harm: a visitor who is in a state already changes nothing, so duplicated rows and refills cannot hurt.
--
-- A quarter of an hour is the coarsest grain that fits into the business day of every time zone there is.
-- uniqCombined64 is exact up to some thousands of visitors and within about 0.3 % above.
CREATE TABLE IF NOT EXISTS {database}.link_visitors {on_cluster}
(
    bucket_start DateTime('UTC')        COMMENT '时段起点（15 分钟） / start of the quarter of an hour' CODEC(Delta, ZSTD(1)),
    region_id    LowCardinality(String) COMMENT '区域编号（点击时） / region at the time of the click',
    store_id     LowCardinality(String) COMMENT '门店编号（点击时） / store at the time of the click',
    guide_id     LowCardinality(String) COMMENT '导购编号（点击时） / guide at the time of the click',
    campaign_id  LowCardinality(String) COMMENT '活动编号（点击时） / campaign at the time of the click',
    touchpoint   LowCardinality(String) COMMENT '触点（点击时） / touchpoint at the time of the click',
    link         String                 COMMENT '短链代码 / code of the short link' CODEC(ZSTD(1)),
    variant      LowCardinality(String) COMMENT '测试版本 / arm of the A/B test',
    visitors     AggregateFunction(uniqCombined64, String) COMMENT '真人访客去重状态 / state of distinct human visitors'
)
ENGINE = {engine:AggregatingMergeTree()}
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (bucket_start, region_id, store_id, guide_id, campaign_id, touchpoint, link, variant)
SETTINGS {deduplication_window}
COMMENT '访客去重状态（15 分钟） / states of distinct human visitors per quarter of an hour';

-- stream/sink/visitors.py selects the same for rows whose worker died between the raw part and this one.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.link_visitors_feed {on_cluster} TO {database}.link_visitors AS
SELECT
    toStartOfFifteenMinutes(event_time) AS bucket_start,
    region_id,
    store_id,
    guide_id,
    campaign_id,
    touchpoint,
    link,
    variant,
    uniqCombined64State(visitor_id) AS visitors
FROM {database}.clicks
WHERE is_human
GROUP BY bucket_start, region_id, store_id, guide_id, campaign_id, touchpoint, link, variant;
