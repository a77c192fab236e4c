-- Where an event went that did not become a raw row. Both tables are keyed by the event's origin, so that a crash cannot
-- double one: accepted + rejected + duplicate = consumed holds in the rows, not only in the counters.
CREATE TABLE IF NOT EXISTS {database}.dead_letters {on_cluster}
(
    topic           LowCardinality(String) COMMENT '来源主题 / topic it came from, without the prefix',
    kafka_partition UInt16                 COMMENT '来源分区 / partition it came from',
    kafka_offset    UInt64                 COMMENT '来源位点 / offset it came from' CODEC(Delta, ZSTD(1)),
    key             String                 COMMENT '原始键 / original key, bytes' CODEC(ZSTD(3)),
    value           String                 COMMENT '原始内容 / original value, bytes' CODEC(ZSTD(3)),
    headers         Array(Tuple(name String, value String)) COMMENT '原始消息头 / original headers' CODEC(ZSTD(3)),
    stage           LowCardinality(String) COMMENT '失败环节 / stage that rejected it',
    reason          LowCardinality(String) COMMENT '失败原因 / closed list of reasons',
    detail          String                 COMMENT '失败详情 / what exactly was wrong' CODEC(ZSTD(3)),
    append_time     DateTime64(3, 'UTC')   COMMENT '到达消息队列的时间 / when the broker got it',
    received_at     DateTime64(3, 'UTC')   COMMENT '入库批次时间 / when its batch was taken in',
    replayed_at     DateTime64(3, 'UTC') DEFAULT 0 COMMENT '重放时间 / when it was replayed; 1970-01-01: it was not'
)
-- The mark of a replay survives the same event being rejected once more after a crash: the latest mark wins.
ENGINE = {engine:ReplacingMergeTree(replayed_at)}
PARTITION BY toYYYYMM(received_at)
ORDER BY (topic, kafka_partition, kafka_offset)
SETTINGS {deduplication_window}, materialize_ttl_recalculate_only = 1
COMMENT '死信：被拒绝的事件 / dead letters: rejected events';

CREATE TABLE IF NOT EXISTS {database}.duplicates {on_cluster}
(
    topic              LowCardinality(String) COMMENT '来源主题 / topic it came from, without the prefix',
    kafka_partition    UInt16                 COMMENT '来源分区 / partition it came from',
    kafka_offset       UInt64                 COMMENT '来源位点 / offset it came from' CODEC(Delta, ZSTD(1)),
    event_id           String                 COMMENT '事件编号 / id of the event' CODEC(ZSTD(1)),
    original_partition UInt16                 COMMENT '首次分区 / partition of the event it repeats',
    original_offset    UInt64                 COMMENT '首次位点 / offset of the event it repeats' CODEC(Delta, ZSTD(1)),
    received_at        DateTime64(3, 'UTC')   COMMENT '入库批次时间 / when its batch was taken in'
)
ENGINE = {engine:ReplacingMergeTree()}
PARTITION BY toYYYYMM(received_at)
ORDER BY (topic, kafka_partition, kafka_offset)
SETTINGS {deduplication_window}, materialize_ttl_recalculate_only = 1
COMMENT '重复：同一事件的重传 / duplicates: retransmissions of an event that was there already';
