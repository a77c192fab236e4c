-- That people were erased, and how long it took: what a data protection officer shows. A certificate stands for one id, so a
-- person with three ids has three, and the rows that changed stand on the one that was asked for. Neither the hash of the id
-- nor the pseudonym is here: with the keys, or with the rows, they would lead back to somebody.
--
--   SELECT toYYYYMM(requested_at) AS month, count(), max(hours), countIf(NOT finished) FROM bi_erasures GROUP BY month
CREATE OR REPLACE VIEW {database}.bi_erasures {on_cluster}
(
    certificate  String                            COMMENT '凭证编号 / certificate, a random word',
    kind         String                            COMMENT '对象类型 / what was erased: customer, visitor, phone',
    requested_at DateTime64(3, 'UTC')              COMMENT '请求时间 / when it was asked for',
    finished_at  Nullable(DateTime64(3, 'UTC'))    COMMENT '完成时间 / when nothing was left; empty while under way',
    finished     Bool                              COMMENT '是否完成 / whether nothing was left',
    hours        Float64                           COMMENT '耗时（小时） / hours from the request until it was finished, or until now',
    kafka_until  DateTime('UTC')                   COMMENT '消息队列保留至 / by when Kafka has dropped its copies, by its retention',
    gone         Bool                              COMMENT '副本是否已全部清除 / whether Kafka has dropped its copies, too',
    rows         UInt64                            COMMENT '处理行数 / rows made anonymous or removed, in all tables'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    id AS certificate,
    toString(kind) AS kind,
    requested_at,
    finished_at,
    isNotNull(finished_at) AS finished,
    dateDiff('second', requested_at, ifNull(finished_at, now64(3, 'UTC'))) / 3600 AS hours,
    kafka_until,
    finished AND kafka_until <= now() AS gone,
    arraySum(mapValues(rows_changed)) AS rows
FROM {database}.erasures FINAL
COMMENT '抹除凭证 / certificates of erasures, without whom they are about';
