-- One-minute windows of clicks. Rows are absolute, not increments: each says "all clicks of this key up to offset
-- `version`", so of several rows of one key the one with the highest version is right, whoever wrote it.
-- Sum over Kafka partitions: a link may be spread over several.
CREATE TABLE IF NOT EXISTS {database}.link_windows {on_cluster}
(
    window_start    DateTime('UTC')        COMMENT '窗口起点（一分钟） / start of the minute' CODEC(Delta, ZSTD(1)),
    guide_id        LowCardinality(String) COMMENT '导购编号 / guide',
    link            String                 COMMENT '短链代码 / code of the short link' CODEC(ZSTD(1)),
    variant         LowCardinality(String) COMMENT '测试版本 / arm of the A/B test',
    kafka_partition UInt16                 COMMENT '消息分区 / Kafka partition',
    version         UInt64                 COMMENT '版本（已计入的最大位点） / highest offset applied; the highest version wins' CODEC(Delta, ZSTD(1)),
    clicks          UInt64                 COMMENT '点击数 / clicks',
    human_clicks    UInt64                 COMMENT '真人点击数 / clicks that no bot rule marks',
    redirected      UInt64                 COMMENT '成功跳转数 / clicks that were redirected to the destination',
    visitors        UInt64                 COMMENT '访客数（本行真人去重） / distinct human visitors of this row; not additive',
    updated_at      DateTime64(3, 'UTC')   COMMENT '写入时间 / when this row was written' CODEC(Delta, ZSTD(1)),
    store_id        LowCardinality(String) COMMENT '门店编号（首次点击时） / store, as stamped on the first click of the row',
    region_id       LowCardinality(String) COMMENT '区域编号（首次点击时） / region, as stamped on the first click of the row',
    campaign_id     LowCardinality(String) COMMENT '活动编号（首次点击时） / campaign, as stamped on the first click of the row',
    touchpoint      LowCardinality(String) COMMENT '触点（首次点击时） / touchpoint, as stamped on the first click of the row'
)
ENGINE = {engine:ReplacingMergeTree(version)}
PARTITION BY toYYYYMM(window_start)
ORDER BY (window_start, guide_id, link, variant, kafka_partition)
SETTINGS {deduplication_window}
COMMENT '短链分钟窗口 / clicks per minute, guide, link, variant and Kafka partition';
