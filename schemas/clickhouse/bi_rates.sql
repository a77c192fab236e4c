-- The rates by event time: what happened on this day, whenever it began. A rate may pass 1 (customers who are served
-- today may have been added last week); `bi_cohort_*` follow the clicks or the adds of one day instead. Beside each
-- rate stand its two numbers. People do not add up over days or ids: ask for the row of the dimension, do not sum rows.
--
--   SELECT day, add_rate, serve_rate, deal_rate FROM bi_rates_day
--   WHERE dimension = 'all' AND day >= today() - 30 ORDER BY day
--   SELECT name, added, visitors, add_rate FROM bi_rates_day
--   WHERE dimension = 'guide' AND day = yesterday() ORDER BY added DESC
--
-- | rate        | those who did it (distinct)                       | those who could (distinct)                        |
-- |-------------|---------------------------------------------------|---------------------------------------------------|
-- | add         | customers added                                   | human visitors that tapped                        |
-- | serve       | customers who became served this day              | customers added for the first time this day       |
-- | deal        | served customers who became buyers this day       | customers who became served this day              |
-- | delete      | events friend_deleted                             | events friend_added                               |
-- | lead        | people who left contact data                      | human visitors that tapped                        |
-- | store visit | customers who came to a shop                      | customers active this day                         |
-- | repurchase  | customers who paid, and another order before      | customers with a paid order                       |
-- | referral    | customers who brought another                     | customers active this day                         |
-- | share       | people who shared                                 | human visitors that tapped                        |
-- | interaction | customers who wrote                               | customers in a chat, whoever wrote                |
--
-- What the store manager asks of a guide, how many friends they keep and how many answer them, is asked of the guide
-- who acts: `adds`, `deletes`, `chatting` and `interacting` stand under the guide whose relation or chat it is, and that
-- guide's store and region (those of the time where the event is credited to the same guide, else those of now). All
-- else is what a link has led to, and stands under the guide and link that are credited, so `added` and `adds` of one
-- guide may differ. In rows of links, campaigns, touchpoints and variants everything is by credit.
--
-- A rate is NULL, unknown, of a day that comes before all conversions or whose conversions retention has dropped, were
-- it in part; the numbers beside it are what is left.
--
-- *Served*: added and with an effective contact (one message in each direction within 48 h, a setting), on the day when
-- the later of the two came about. *Became buyers*: served and with a paid order, likewise. Each is counted under what
-- is credited for the event that completed it. *Active*: did anything themselves; a message of the guide's is none of
-- theirs. The rate of return visits needs the days before: `bi_return_visits`.
CREATE OR REPLACE VIEW {database}.bi_rates_day {on_cluster}
(
    day               Date                   COMMENT '日期（品牌时区，按发生时间） / day of the event, in the brand''s time zone',
    dimension         LowCardinality(String) COMMENT '维度 / all, link, guide, store, region, campaign, touchpoint or variant (id: link/variant)',
    id                String                 COMMENT '维度编号 / id within the dimension, empty for all',
    name              String                 COMMENT '名称 / its name, or its id where it has none',
    visitors          UInt64                 COMMENT '真人访客数（去重） / unique human visitors',
    added             UInt64                 COMMENT '加粉客户数（去重） / customers added',
    first_added       UInt64                 COMMENT '首次加粉客户数（去重） / customers added for the first time',
    served            UInt64                 COMMENT '服务成功客户数（去重） / customers who became served',
    dealt             UInt64                 COMMENT '成交客户数（去重） / served customers who became buyers',
    adds              UInt64                 COMMENT '加粉次数（按操作导购） / events friend_added, of the guide who acted',
    deletes           UInt64                 COMMENT '删粉次数（按操作导购） / events friend_deleted, of the guide who was deleted',
    leads             UInt64                 COMMENT '留资人数（去重） / people who left contact data',
    store_visitors    UInt64                 COMMENT '到店客户数（去重） / customers who came to a shop',
    buyers            UInt64                 COMMENT '下单客户数（去重） / customers with a paid order',
    repeat_buyers     UInt64                 COMMENT '复购客户数（去重，首单的后续付款不计） / customers who paid an order and had paid another one before; the rest of a first order paid in parts is none',
    referrers         UInt64                 COMMENT '推荐客户数（去重） / customers who brought another',
    sharers           UInt64                 COMMENT '分享人数（去重） / people who shared',
    chatting          UInt64                 COMMENT '会话客户数（去重，按操作导购） / customers in a chat with the guide, whoever wrote',
    interacting       UInt64                 COMMENT '互动客户数（去重，按操作导购） / customers who wrote to the guide',
    active            UInt64                 COMMENT '活跃客户数（去重） / customers who did anything themselves',
    add_rate          Nullable(Float64)      COMMENT '引流成功率 / added / visitors',
    serve_rate        Nullable(Float64)      COMMENT '服务成功率 / served / first_added',
    deal_rate         Nullable(Float64)      COMMENT '成交率 / dealt / served',
    delete_rate       Nullable(Float64)      COMMENT '删粉率 / deletes / adds',
    lead_rate         Nullable(Float64)      COMMENT '留资率 / leads / visitors',
    store_visit_rate  Nullable(Float64)      COMMENT '到店率 / store_visitors / active',
    repurchase_rate   Nullable(Float64)      COMMENT '复购率 / repeat_buyers / buyers',
    referral_rate     Nullable(Float64)      COMMENT '转介绍率 / referrers / active',
    share_rate        Nullable(Float64)      COMMENT '分享率 / sharers / visitors',
    interaction_rate  Nullable(Float64)      COMMENT '互动率 / interacting / chatting'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    m.day AS day, m.dimension AS dimension, m.id AS id, coalesce(nullIf(n.name, ''), m.id) AS name,
    m.visitors, m.added, m.first_added, m.served, m.dealt, m.adds, m.deletes, m.leads, m.store_visitors, m.buyers,
    m.repeat_buyers, m.referrers, m.sharers, m.chatting, m.interacting, m.active,
    if(m.is_known, m.added / nullIf(m.visitors, 0), NULL) AS add_rate,
    if(m.is_known, m.served / nullIf(m.first_added, 0), NULL) AS serve_rate,
    if(m.is_known, m.dealt / nullIf(m.served, 0), NULL) AS deal_rate,
    if(m.is_known, m.deletes / nullIf(m.adds, 0), NULL) AS delete_rate,
    if(m.is_known, m.leads / nullIf(m.visitors, 0), NULL) AS lead_rate,
    if(m.is_known, m.store_visitors / nullIf(m.active, 0), NULL) AS store_visit_rate,
    if(m.is_known, m.repeat_buyers / nullIf(m.buyers, 0), NULL) AS repurchase_rate,
    if(m.is_known, m.referrers / nullIf(m.active, 0), NULL) AS referral_rate,
    if(m.is_known, m.sharers / nullIf(m.visitors, 0), NULL) AS share_rate,
    if(m.is_known, m.interacting / nullIf(m.chatting, 0), NULL) AS interaction_rate
FROM
(
    SELECT
        day, dimension, id, sum(e.visitors) AS visitors,
        sum(e.added) AS added, sum(e.first_added) AS first_added, sum(e.served) AS served, sum(e.dealt) AS dealt,
        sum(e.adds) AS adds, sum(e.deletes) AS deletes, sum(e.leads) AS leads, sum(e.store_visitors) AS store_visitors,
        sum(e.buyers) AS buyers, sum(e.repeat_buyers) AS repeat_buyers, sum(e.referrers) AS referrers,
        sum(e.sharers) AS sharers, sum(e.chatting) AS chatting, sum(e.interacting) AS interacting,
        sum(e.active) AS active, ifNull(day >= (SELECT conversions FROM {database}.known_since), false) AS is_known
    FROM
    (
        -- What each person did, once a day and dimension: far smaller than a set of people per measure.
        SELECT
            day, d.1 AS dimension, d.2 AS id, toUInt64(0) AS visitors,
            toUInt64(max(s.added AND d.3)) AS added, toUInt64(max(s.first_added AND d.3)) AS first_added,
            toUInt64(max(s.served AND d.3)) AS served, toUInt64(max(s.dealt AND d.3)) AS dealt,
            sum(s.added AND d.4) AS adds, sum(s.deleted AND d.4) AS deletes, toUInt64(max(s.lead)) AS leads,
            toUInt64(max(s.store_visitor)) AS store_visitors, toUInt64(max(s.buyer)) AS buyers,
            toUInt64(max(s.repeat_buyer)) AS repeat_buyers, toUInt64(max(s.referrer)) AS referrers,
            toUInt64(max(s.sharer)) AS sharers, toUInt64(max(s.chatting AND d.4)) AS chatting,
            toUInt64(max(s.interacting AND d.4)) AS interacting, toUInt64(max(s.active AND d.3)) AS active
        FROM
        (
            SELECT
                toDate(occurred_at, '{timezone}') AS day,
                -- What it is counted under as a result, by credit, and as something of the guide who acted.
                dimensions[3].2 != acting_guide_id
                    AND type IN ('friend_added', 'friend_deleted', 'message_in', 'message_out') AS is_of_another,
                arrayConcat(
                    arrayMap(
                        d -> (d.1, d.2, true, NOT is_of_another OR d.1 NOT IN ('guide', 'store', 'region')), dimensions
                    ),
                    if(NOT is_of_another, [], [
                        ('guide', toString(acting_guide_id), false, true),
                        ('store', ifNull(g.store_id, ''), false, true), ('region', ifNull(g.region_id, ''), false, true)
                    ])
                ) AS roles,
                -- A referral is the deed of who referred. A number takes less room than an id; two ids out of a million
                -- share one with a probability of 3 in 100 million.
                cityHash64(if(type = 'referred', concat('c', c.referrer), person)) AS who,
                type = 'friend_added' AS added, is_first_add AS first_added, is_served AS served, is_dealt AS dealt,
                type = 'friend_deleted' AS deleted, type = 'lead' AS lead, type = 'store_visit' AS store_visitor,
                type = 'order_paid' AND customer_id != '' AS buyer,
                is_repeat AS repeat_buyer,
                type = 'referred' AS referrer, type = 'shared' AS sharer,
                type IN ('message_in', 'message_out') AS chatting, type = 'message_in' AS interacting,
                customer_id != '' AND type IN (
                    'friend_requested', 'friend_added', 'message_in', 'group_joined', 'lead', 'page_view', 'store_visit',
                    'order_paid', 'shared', 'referred', 'satisfaction'
                ) AS active
            FROM {database}.conversion_steps AS c
            LEFT ANY JOIN
            (
                SELECT g.guide_id AS guide_id, g.store_id AS store_id, ifNull(s.region_id, '') AS region_id
                FROM (SELECT guide_id, store_id FROM {database}.guides FINAL) AS g
                LEFT ANY JOIN (SELECT store_id, region_id FROM {database}.stores FINAL) AS s ON s.store_id = g.store_id
            ) AS g ON g.guide_id = c.acting_guide_id
        ) AS s
        ARRAY JOIN roles AS d
        GROUP BY day, dimension, id, who
        UNION ALL
        SELECT day, dimension, id, visitors, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM {database}.bi_visitors_day
    ) AS e
    GROUP BY day, dimension, id
) AS m
LEFT ANY JOIN {database}.registry_names AS n ON n.dimension = m.dimension AND n.id = m.id
COMMENT '每日各项比率（按发生时间） / the rates per day, by event time';
