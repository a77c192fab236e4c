-- Since when views of raw rows see everything: a rate of an earlier day is unknown, whatever is left to count.
CREATE OR REPLACE VIEW {database}.known_since {on_cluster}
(
    conversions Nullable(Date) COMMENT '转化明细完整的首日（品牌时区） / first day of which no conversion and no customer can have been dropped, and not before the first conversion; empty while there is none',
    clicks      Date           COMMENT '点击明细完整的首日（品牌时区） / first day of which no click can have been dropped'
)
AS SELECT
    -- Raw rows are dropped so many days after they were received, which is never before the day that they are of. What
    -- a shorter retention dropped does not come back when it is made longer, but then the rows begin later.
    if(count() = 0, NULL, greatest(
        min(toDate(occurred_at, '{timezone}')),
        if({conversions_days} = 0, toDate(0), toDate(now() - toIntervalDay({conversions_days}), '{timezone}') + 1)
    )) AS conversions,
    if({clicks_days} = 0, toDate(0), toDate(now() - toIntervalDay({clicks_days}), '{timezone}') + 1) AS clicks
FROM {database}.conversions
COMMENT '明细完整的起始日 / since when raw rows are complete';
