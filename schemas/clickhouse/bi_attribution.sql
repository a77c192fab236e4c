-- Who got the credit and how sure that is, by event time: events and money per rule, confidence band and touch. Every
-- event stands once under `touch` = 'last' and once under 'first', so choose one: within it every column adds up, and
-- both come to the same totals. Where no first touch is known, guide and link of the first touch are empty.
--
--   SELECT attribution, sum(orders), sum(net_revenue) FROM bi_attribution WHERE touch = 'last' GROUP BY attribution
--   SELECT link, sumIf(net_revenue, touch = 'first'), sumIf(net_revenue, touch = 'last') FROM bi_attribution GROUP BY link
CREATE OR REPLACE VIEW {database}.bi_attribution {on_cluster}
(
    day             Date                   COMMENT '日期（品牌时区，按发生时间） / day of the event',
    touch           LowCardinality(String) COMMENT '触达口径 / last or first: which touch is credited in this row',
    attribution     LowCardinality(String) COMMENT '归因规则 / token, customer, visitor, guide or none',
    confidence_band LowCardinality(String) COMMENT '置信区间 / certain: 1, high: from 0.6, low: above 0, none: 0',
    guide_id        String                 COMMENT '导购编号 / guide who is credited',
    guide_name      String                 COMMENT '导购姓名 / name of the guide',
    link            String                 COMMENT '短链代码 / link that is credited',
    events          UInt64                 COMMENT '事件数 / events',
    adds            UInt64                 COMMENT '加粉数 / friends added',
    orders          UInt64                 COMMENT '订单支付笔数（分次支付逐笔计，订单数见 bi_orders） / payments of orders: one that is paid in parts counts with each; bi_orders has orders',
    order_amount    Decimal(38, 4)         COMMENT '订单金额 / amount of orders paid',
    refund_amount   Decimal(38, 4)         COMMENT '退款金额 / amount refunded',
    net_revenue     Decimal(38, 4)         COMMENT '净收入 / order_amount less refund_amount',
    margin          Decimal(38, 4)         COMMENT '毛利（已扣退款） / gross margin net of refunds'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    a.day AS day, a.touch AS touch, a.attribution AS attribution, a.confidence_band AS confidence_band,
    a.guide_id AS guide_id, coalesce(nullIf(n.name, ''), a.guide_id) AS guide_name, a.link AS link,
    a.events AS events, a.adds AS adds, a.orders AS orders, a.paid AS order_amount, a.refunded AS refund_amount,
    a.paid - a.refunded AS net_revenue, a.net_margin AS margin
FROM
(
    SELECT
        toDate(occurred_at, '{timezone}') AS day, t.1 AS touch, attribution,
        multiIf(confidence > 0.95, 'certain', confidence > 0.55, 'high', confidence > 0, 'low', 'none') AS confidence_band,
        t.2 AS guide_id, t.3 AS link,
        count() AS events, countIf(type = 'friend_added') AS adds, countIf(type = 'order_paid') AS orders,
        sumIf(amount, type = 'order_paid') AS paid, sumIf(amount, type = 'order_refunded') AS refunded,
        sumIf(margin, type = 'order_paid') - sumIf(margin, type = 'order_refunded') AS net_margin
    FROM {database}.conversions FINAL
    ARRAY JOIN
        [('last', toString(credited_guide_id), credited_link), ('first', toString(first_guide_id), first_link)] AS t
    WHERE type != 'erased'
    GROUP BY day, touch, attribution, confidence_band, guide_id, link
) AS a
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'guide') AS n ON n.id = a.guide_id
COMMENT '归因 / credit by rule, confidence and touch, by event time';
