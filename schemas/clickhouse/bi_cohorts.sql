-- Cohorts: of the clicks, or the adds, of one day, how many got how far within 0, 1, 7 and 30 days. A row per horizon.
-- Days are the brand's: horizon 0 ends with the day itself, whatever the hour of the click, horizon 1 with the next
-- day, and so on. A cohort whose horizon is not over yet is not `mature`: its numbers still grow, do not compare them.
--
--   SELECT day, visitors, added, add_rate FROM bi_cohort_clicks_day
--   WHERE dimension = 'all' AND horizon = 7 AND mature ORDER BY day
--   SELECT name, horizon, serve_rate, deal_rate FROM bi_cohort_adds_day
--   WHERE dimension = 'guide' AND day = '2026-11-11' AND mature
--
-- A rate is NULL, unknown, of a day that comes before all conversions or whose conversions retention has dropped, were
-- it in part; the numbers beside it are what is left.
--
-- By click: an add or an order belongs to the day of the click that is credited for it, and stands under that click's
-- link and guide. `served` are those of `added` who were served by then, and `dealt` those of `served` who had paid an
-- order by then, whatever led to that and whatever came first (who was a served buyer of another guide's before is one
-- at once); `buyers` paid an order that these clicks are credited for, added or not. People are distinct within a row;
-- rows of several days, ids or horizons share people and do not add up.
CREATE OR REPLACE VIEW {database}.bi_cohort_clicks_day {on_cluster}
(
    day           Date                   COMMENT '点击日期（品牌时区，按批次） / day of the click: the cohort',
    horizon       UInt8                  COMMENT '观察天数 / days after the day of the click that are counted: 0, 1, 7, 30',
    mature        Bool                   COMMENT '是否到期 / the horizon is over',
    dimension     LowCardinality(String) COMMENT '维度 / all, link, guide, store, region, campaign, touchpoint or variant (id: link/variant)',
    id            String                 COMMENT '维度编号 / id within the dimension, empty for all',
    name          String                 COMMENT '名称 / its name, or its id where it has none',
    visitors      UInt64                 COMMENT '真人访客数（去重） / unique human visitors of the day',
    added         UInt64                 COMMENT '加粉客户数（去重） / customers added through these clicks by then',
    served        UInt64                 COMMENT '服务成功客户数（去重，属加粉客户） / of the customers added, served by then',
    dealt         UInt64                 COMMENT '成交客户数（去重，属服务成功客户） / of the customers served, with a paid order by then',
    buyers        UInt64                 COMMENT '下单人数（去重） / people with an order paid through these clicks by then',
    order_amount  Decimal(38, 4)         COMMENT '订单金额 / amount of those orders',
    refund_amount Decimal(38, 4)         COMMENT '退款金额 / amount refunded by then',
    net_revenue   Decimal(38, 4)         COMMENT '净收入 / order_amount less refund_amount',
    add_rate      Nullable(Float64)      COMMENT '引流成功率 / added / visitors',
    serve_rate    Nullable(Float64)      COMMENT '服务成功率 / served / added',
    deal_rate     Nullable(Float64)      COMMENT '成交率 / dealt / served',
    order_rate    Nullable(Float64)      COMMENT '下单率 / buyers / visitors'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    m.day AS day, m.horizon AS horizon, m.day + m.horizon < toDate(now(), '{timezone}') AS mature,
    m.dimension AS dimension, m.id AS id, coalesce(nullIf(n.name, ''), m.id) AS name,
    m.visitors, m.added, m.served, m.dealt, m.buyers,
    m.order_amount, m.refund_amount, m.order_amount - m.refund_amount AS net_revenue,
    if(m.is_known, m.added / nullIf(m.visitors, 0), NULL) AS add_rate,
    if(m.is_known, m.served / nullIf(m.added, 0), NULL) AS serve_rate,
    if(m.is_known, m.dealt / nullIf(m.served, 0), NULL) AS deal_rate,
    if(m.is_known, m.buyers / nullIf(m.visitors, 0), NULL) AS order_rate
FROM
(
    SELECT
        day, horizon, dimension, id, sum(e.visitors) AS visitors, sum(e.added) AS added, sum(e.served) AS served,
        sum(e.dealt) AS dealt, sum(e.buyers) AS buyers, sum(e.order_amount) AS order_amount,
        sum(e.refund_amount) AS refund_amount,
        ifNull(day >= (SELECT conversions FROM {database}.known_since), false) AS is_known
    FROM
    (
        SELECT
            day, horizon, dimension, id, toUInt64(0) AS visitors,
            countIf(p.added <= horizon) AS added, countIf(p.served <= horizon) AS served,
            countIf(p.dealt <= horizon) AS dealt, countIf(p.bought <= horizon) AS buyers,
            sum(p.paid[place]) AS order_amount, sum(p.refunded[place]) AS refund_amount
        FROM
        (
            -- How many days after the click each person got that far; nobody gets anywhere in 65535 days.
            SELECT
                day, d.1 AS dimension, d.2 AS id, who,
                min(if(type = 'friend_added', days, 65535)) AS added,
                greatest(added, min(if(type = 'friend_added', days_to_serve, 65535))) AS served,
                greatest(served, min(if(type = 'friend_added', days_to_deal, 65535))) AS dealt,
                min(if(type = 'order_paid', days, 65535)) AS bought,
                sumForEachIf(amounts, type = 'order_paid') AS paid,
                sumForEachIf(amounts, type = 'order_refunded') AS refunded
            FROM
            (
                SELECT
                    toDate(assumeNotNull(click_time), '{timezone}') AS day,
                    -- The click's clock may be some minutes ahead of the event's: no event is before its click.
                    toUInt16(greatest(dateDiff('day', day, toDate(occurred_at, '{timezone}')), 0)) AS days,
                    if(isNull(served_at), 65535, toUInt16(greatest(dateDiff('day', day, toDate(served_at, '{timezone}')), 0)))
                        AS days_to_serve,
                    if(isNull(dealt_at), 65535, toUInt16(greatest(dateDiff('day', day, toDate(dealt_at, '{timezone}')), 0)))
                        AS days_to_deal,
                    arrayMap(horizon -> if(days <= horizon, amount, toDecimal64(0, 4)), [0, 1, 7, 30]) AS amounts,
                    dimensions, cityHash64(person) AS who, type
                FROM {database}.conversion_steps
                WHERE isNotNull(click_time) AND type IN ('friend_added', 'order_paid', 'order_refunded')
            )
            ARRAY JOIN dimensions AS d
            GROUP BY day, dimension, id, who
        ) AS p
        ARRAY JOIN [0, 1, 7, 30] AS horizon, [1, 2, 3, 4] AS place
        GROUP BY day, horizon, dimension, id
        UNION ALL
        SELECT day, horizon, dimension, id, visitors, 0, 0, 0, 0, toDecimal64(0, 4), toDecimal64(0, 4)
        FROM {database}.bi_visitors_day
        ARRAY JOIN [0, 1, 7, 30] AS horizon
    ) AS e
    GROUP BY day, horizon, dimension, id
) AS m
LEFT ANY JOIN {database}.registry_names AS n ON n.dimension = m.dimension AND n.id = m.id
COMMENT '点击日批次 / cohorts by day of the click';

-- By add: a customer belongs to the day when they were first added by any guide, and stands under the link and guide
-- credited for that. `served`, `dealt` and `buyers` say how far they were at the end of the horizon, whatever came
-- first (who had bought before the add is a buyer at once). Money is that of orders that were first paid on the day of
-- the add or later: what is paid for them, and what of that is given back, by then; a refund of an older order is none
-- of the cohort's. A customer whose first add is no raw row any more is in no cohort.
CREATE OR REPLACE VIEW {database}.bi_cohort_adds_day {on_cluster}
(
    day           Date                   COMMENT '首次加粉日期（品牌时区，按批次） / day of the first add: the cohort',
    horizon       UInt8                  COMMENT '观察天数 / days after the day of the add that are counted: 0, 1, 7, 30',
    mature        Bool                   COMMENT '是否到期 / the horizon is over',
    dimension     LowCardinality(String) COMMENT '维度 / all, link, guide, store, region, campaign, touchpoint or variant (id: link/variant)',
    id            String                 COMMENT '维度编号 / id within the dimension, empty for all',
    name          String                 COMMENT '名称 / its name, or its id where it has none',
    customers     UInt64                 COMMENT '加粉客户数 / customers of the cohort',
    served        UInt64                 COMMENT '服务成功客户数 / of these, served by then',
    dealt         UInt64                 COMMENT '成交客户数 / of these, served and with a paid order by then',
    buyers        UInt64                 COMMENT '下单客户数 / of these, with a paid order by then',
    deleted       UInt64                 COMMENT '删粉客户数 / of these, who removed a guide by then',
    order_amount  Decimal(38, 4)         COMMENT '订单金额（加粉当日起的订单） / amount of their orders from the day of the add on, by then',
    refund_amount Decimal(38, 4)         COMMENT '退款金额（仅退这些订单） / amount refunded of these orders, by then',
    net_revenue   Decimal(38, 4)         COMMENT '净收入 / order_amount less refund_amount',
    serve_rate    Nullable(Float64)      COMMENT '服务成功率 / served / customers',
    deal_rate     Nullable(Float64)      COMMENT '成交率 / dealt / served',
    order_rate    Nullable(Float64)      COMMENT '下单率 / buyers / customers',
    delete_rate   Nullable(Float64)      COMMENT '删粉率 / deleted / customers'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    m.day AS day, m.horizon AS horizon, m.day + m.horizon < toDate(now(), '{timezone}') AS mature,
    m.dimension AS dimension, m.id AS id, coalesce(nullIf(n.name, ''), m.id) AS name,
    m.customers, m.served, m.dealt, m.buyers, m.deleted,
    m.order_amount, m.refund_amount, m.order_amount - m.refund_amount AS net_revenue,
    if(m.is_known, m.served / nullIf(m.customers, 0), NULL) AS serve_rate,
    if(m.is_known, m.dealt / nullIf(m.served, 0), NULL) AS deal_rate,
    if(m.is_known, m.buyers / nullIf(m.customers, 0), NULL) AS order_rate,
    if(m.is_known, m.deleted / nullIf(m.customers, 0), NULL) AS delete_rate
FROM
(
    SELECT
        day, horizon, d.1 AS dimension, d.2 AS id, count() AS customers,
        countIf(toDate(served_at, '{timezone}') <= day + horizon) AS served,
        countIf(toDate(dealt_at, '{timezone}') <= day + horizon) AS dealt,
        countIf(toDate(first_order_at, '{timezone}') <= day + horizon) AS buyers,
        countIf(toDate(deleted_at, '{timezone}') <= day + horizon) AS deleted,
        sum(paid[place]) AS order_amount, sum(refunded[place]) AS refund_amount,
        ifNull(day >= (SELECT conversions FROM {database}.known_since), false) AS is_known
    FROM
    (
        SELECT
            customer_id, day, arrayJoin([1, 2, 3, 4]) AS place, [0, 1, 7, 30][place] AS horizon,
            anyIf(o.dimensions, first_adds > 0) AS dimensions,
            any(o.served_at) AS served_at, any(o.dealt_at) AS dealt_at, any(o.first_order_at) AS first_order_at,
            min(o.deleted_at) AS deleted_at,
            -- An order counts, and with it what is given back, once it was placed; one of before the add never does.
            sumForEachIf(o.paid, placed BETWEEN 0 AND 30) AS paid,
            sumForEachIf(
                arrayMap((sum, until) -> if(placed <= until, sum, toDecimal128(0, 4)), o.refunded, [0, 1, 7, 30]),
                placed BETWEEN 0 AND 30
            ) AS refunded
        FROM
        (
            SELECT
                customer_id, toDate(assumeNotNull(first_added_at), '{timezone}') AS day,
                if(type IN ('order_paid', 'order_refunded'), order_id, '') AS order_ref,
                countIf(is_first_add) AS first_adds,
                argMinIf(dimensions, (kafka_partition, kafka_offset), is_first_add) AS dimensions,
                any(s.served_at) AS served_at, any(s.dealt_at) AS dealt_at, any(s.first_order_at) AS first_order_at,
                minOrNullIf(occurred_at, type = 'friend_deleted' AND occurred_at >= first_added_at) AS deleted_at,
                min(if(
                    type = 'order_paid', dateDiff('day', day, toDate(occurred_at, '{timezone}')) AS days, 65535
                )) AS placed,
                sumForEach(arrayMap(
                    until -> if(type = 'order_paid' AND days <= until, amount, toDecimal64(0, 4)), [0, 1, 7, 30]
                )) AS paid,
                sumForEach(arrayMap(
                    until -> if(type = 'order_refunded' AND days <= until, amount, toDecimal64(0, 4)), [0, 1, 7, 30]
                )) AS refunded
            FROM {database}.conversion_steps AS s
            WHERE isNotNull(first_added_at) AND type IN ('friend_added', 'friend_deleted', 'order_paid', 'order_refunded')
            GROUP BY customer_id, day, order_ref
        ) AS o
        GROUP BY customer_id, day
        HAVING sum(first_adds) > 0
    )
    ARRAY JOIN dimensions AS d
    GROUP BY day, horizon, dimension, id
) AS m
LEFT ANY JOIN {database}.registry_names AS n ON n.dimension = m.dimension AND n.id = m.id
COMMENT '加粉日批次 / cohorts by day of the first add';
