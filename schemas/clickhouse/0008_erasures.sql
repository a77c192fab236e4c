-- Certificates: that somebody was erased, when, and how many rows that changed. Never who: of the id there is a keyed hash,
-- by which the holder of the keys, asked about an id, can tell that it was erased.
CREATE TABLE IF NOT EXISTS {database}.erasures {on_cluster}
(
    id           String                  COMMENT '凭证编号 / certificate, a random word',
    kind         LowCardinality(String)  COMMENT '对象类型 / what was erased: customer, visitor, phone',
    hash         String                  COMMENT '编号的密钥哈希 / keyed hash of the id, never the id',
    erased_until DateTime64(3, 'UTC')    COMMENT '截止时间 / what happened at this time or before was erased',
    requested_at DateTime64(3, 'UTC')    COMMENT '请求时间 / when it was asked for',
    finished_at  Nullable(DateTime64(3, 'UTC')) COMMENT '完成时间 / when nothing was left; empty while under way',
    rows_changed Map(LowCardinality(String), UInt64) COMMENT '各表处理行数 / rows made anonymous or removed, by table',
    kafka_until  DateTime('UTC')         COMMENT '消息队列保留至 / by when Kafka has dropped its copies, by its retention',
    -- Stragglers from before go to the same rows as long as Kafka could show who that was anyway. Then the link is gone.
    pseudonym    String TTL kafka_until  COMMENT '化名（到期删除） / what the rows stay under; emptied after kafka_until',
    version      UInt64                  COMMENT '版本 / of the rows of one certificate the highest is right'
)
ENGINE = {engine:ReplacingMergeTree(version)}
ORDER BY id
SETTINGS {deduplication_window}
COMMENT '抹除凭证，永久保留 / certificates of erasures, kept for ever';

-- Whom a run of `guidestream erase` is erasing, for as long as it takes: statements that change rows stay in
-- `system.mutations`, so they must name nobody and look here.
CREATE TABLE IF NOT EXISTS {database}.erasing {on_cluster}
(
    run            String                 COMMENT '执行编号 / run of the command',
    kind           LowCardinality(String) COMMENT '类型 / customer, visitor, phone (a hash)',
    id             String                 COMMENT '编号（执行后删除） / id, removed when the run ends',
    id_json        String                 COMMENT '编号（JSON） / the id as JSON text',
    pseudonym      String                 COMMENT '化名 / what the rows stay under',
    pseudonym_json String                 COMMENT '化名（JSON） / the pseudonym as JSON text',
    started_at     DateTime('UTC') DEFAULT now() COMMENT '开始时间 / when the run began'
)
ENGINE = {engine:ReplacingMergeTree()}
ORDER BY (run, kind, id)
TTL started_at + INTERVAL 1 DAY
SETTINGS {deduplication_window}
COMMENT '抹除执行中的对象 / whom a run of erase is erasing';

ALTER TABLE {database}.conversion_windows {on_cluster}
    ADD COLUMN IF NOT EXISTS erased UInt64 COMMENT '抹除记录数 / erasures, one a Kafka partition' AFTER alias;

-- Retention is a setting of each table that names people: a change of it only sets new times for whole parts.
ALTER TABLE {database}.conversions {on_cluster} MODIFY SETTING materialize_ttl_recalculate_only = 1;
ALTER TABLE {database}.customer_states {on_cluster} MODIFY SETTING materialize_ttl_recalculate_only = 1;
ALTER TABLE {database}.customer_aliases {on_cluster} MODIFY SETTING materialize_ttl_recalculate_only = 1;
