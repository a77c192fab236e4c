-- Orders with their refunds, one row an order, by event time. A refund whose order never came is a row without
-- `paid_at`. The credit is that of the payment, last touch beside first touch.
--
--   SELECT toDate(paid_at) AS day, sum(amount), sum(refund_amount), sum(net_amount) FROM bi_orders
--   GROUP BY day ORDER BY day
CREATE OR REPLACE VIEW {database}.bi_orders {on_cluster}
(
    order_id           String                                COMMENT '订单编号 / order',
    paid_at            Nullable(DateTime64(3, '{timezone}')) COMMENT '支付时间（品牌时区） / when it was paid first',
    customer_id        String                                COMMENT '客户编号（合并后） / customer, by the id that is kept',
    acting_guide_id    String                                COMMENT '操作导购 / guide who acted',
    credited_guide_id  String                                COMMENT '归因导购（末次触达） / guide who is credited, last touch',
    credited_link      String                                COMMENT '归因短链（末次触达） / link that is credited, last touch',
    credited_variant   String                                COMMENT '归因测试版本 / arm of the A/B test that is credited',
    first_guide_id     String                                COMMENT '首次触达导购 / guide of the first touch',
    first_link         String                                COMMENT '首次触达短链 / link of the first touch',
    store_id           String                                COMMENT '门店编号 / store of the credited guide',
    region_id          String                                COMMENT '区域编号 / region of that store',
    campaign_id        String                                COMMENT '活动编号 / campaign',
    touchpoint         String                                COMMENT '触点 / touchpoint',
    attribution        String                                COMMENT '归因规则 / rule that gave the credit',
    confidence         Float32                               COMMENT '归因置信度 / confidence of the credit, 0 to 1',
    payments           UInt64                                COMMENT '支付笔数 / events order_paid, one unless the shop pays in parts',
    amount             Decimal(38, 4)                        COMMENT '支付金额 / amount paid',
    refunds            UInt64                                COMMENT '退款笔数 / refunds',
    refund_amount      Decimal(38, 4)                        COMMENT '退款金额 / amount refunded',
    last_refunded_at   Nullable(DateTime64(3, '{timezone}')) COMMENT '末次退款时间（品牌时区） / when it was last refunded',
    net_amount         Decimal(38, 4)                        COMMENT '净额 / amount less refund_amount',
    margin             Decimal(38, 4)                        COMMENT '毛利（已扣退款） / gross margin net of refunds',
    currency           String                                COMMENT '币种 / currency'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    o.order_id AS order_id, toTimeZone(o.paid_at, '{timezone}') AS paid_at,
    coalesce(nullIf(k.customer_id, ''), o.facts.1) AS customer_id, o.facts.2 AS acting_guide_id,
    o.facts.3 AS credited_guide_id, o.facts.4 AS credited_link, o.facts.5 AS credited_variant, o.facts.6 AS first_guide_id,
    o.facts.7 AS first_link, o.facts.8 AS store_id, o.facts.9 AS region_id, o.facts.10 AS campaign_id,
    o.facts.11 AS touchpoint, o.facts.12 AS attribution, o.facts.13 AS confidence,
    o.payments AS payments, o.paid AS amount, o.refunds AS refunds, o.refunded AS refund_amount,
    toTimeZone(o.last_refunded_at, '{timezone}') AS last_refunded_at,
    o.paid - o.refunded AS net_amount, o.net_margin AS margin, o.facts.14 AS currency
FROM
(
    SELECT
        order_id, minOrNullIf(occurred_at, type = 'order_paid') AS paid_at,
        maxOrNullIf(occurred_at, type = 'order_refunded') AS last_refunded_at,
        countIf(type = 'order_paid') AS payments, countIf(type = 'order_refunded') AS refunds,
        sumIf(amount, type = 'order_paid') AS paid, sumIf(amount, type = 'order_refunded') AS refunded,
        sumIf(margin, type = 'order_paid') - sumIf(margin, type = 'order_refunded') AS net_margin,
        -- Of the first payment; of a refund only where there is no payment.
        argMin(
            (
                customer_id, acting_guide_id, credited_guide_id, credited_link, credited_variant, first_guide_id,
                first_link, store_id, region_id, campaign_id, touchpoint, attribution, confidence, currency
            ),
            (type != 'order_paid', occurred_at, kafka_partition, kafka_offset)
        ) AS facts
    FROM {database}.conversions FINAL
    WHERE type IN ('order_paid', 'order_refunded')
    GROUP BY order_id
) AS o
LEFT ANY JOIN {database}.customer_ids AS k ON k.alias = o.facts.1
COMMENT '订单 / orders with their refunds, by event time';

-- What was spent, one row an entry. `from_day` and `until_day` are both in the period; without them it is the day of the
-- entry. A period is ten years at most: what is later is not looked at. `amount` is that of the whole period: what a
-- month cost, or a day, is in `bi_costs_day`.
--
--   SELECT campaign_id, sum(amount) FROM bi_costs GROUP BY campaign_id
CREATE OR REPLACE VIEW {database}.bi_costs {on_cluster}
(
    event_id      String         COMMENT '事件编号 / id of the entry',
    occurred_at   DateTime64(3, '{timezone}') COMMENT '记录时间（品牌时区） / time of the entry',
    from_day      Date32         COMMENT '开始日期（品牌时区） / first day that it pays for',
    until_day     Date32         COMMENT '结束日期（品牌时区） / last day that it pays for',
    days          Int32          COMMENT '天数 / days that it pays for',
    campaign_id   String         COMMENT '活动编号 / campaign',
    campaign_name String         COMMENT '活动名称 / name of the campaign',
    touchpoint    String         COMMENT '触点 / touchpoint',
    guide_id      String         COMMENT '导购编号 / guide',
    guide_name    String         COMMENT '导购姓名 / name of the guide',
    link          String         COMMENT '短链代码 / code of the short link',
    amount        Decimal(18, 4) COMMENT '金额（整个周期） / amount, of the whole period',
    currency      String         COMMENT '币种 / currency',
    properties    String         COMMENT '其他属性（JSON） / further properties'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    c.event_id AS event_id, toTimeZone(c.occurred_at, '{timezone}') AS occurred_at,
    c.from_day AS from_day, c.until_day AS until_day, dateDiff('day', c.from_day, c.until_day) + 1 AS days,
    c.campaign_id AS campaign_id, coalesce(nullIf(n.name, ''), c.campaign_id) AS campaign_name, c.touchpoint AS touchpoint,
    c.guide_id AS guide_id, coalesce(nullIf(g.name, ''), c.guide_id) AS guide_name, c.link AS link,
    c.amount AS amount, c.currency AS currency, c.properties AS properties
FROM
(
    SELECT
        event_id, occurred_at, campaign_id, touchpoint, acting_guide_id AS guide_id, link, amount, currency, properties,
        toDate32(occurred_at, '{timezone}') AS entered_on,
        ifNull(toDate32OrNull(JSONExtractString(properties, 'from')), entered_on) AS from_day,
        ifNull(toDate32OrNull(JSONExtractString(properties, 'until')), from_day) AS named_until,
        least(greatest(from_day, named_until), from_day + 3652) AS until_day
    FROM {database}.conversions FINAL
    WHERE type = 'cost'
) AS c
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'campaign') AS n ON n.id = c.campaign_id
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'guide') AS g ON g.id = c.guide_id
COMMENT '费用 / cost entries';

-- What was spent, spread evenly over the days that it pays for: one row an entry and day. Days of an entry differ by no
-- more than the last of four places and add up to its amount exactly, and so do months.
--
--   SELECT toStartOfMonth(day) AS month, campaign_id, sum(amount) FROM bi_costs_day
--   WHERE day >= '2026-10-01' AND day < '2026-12-01' GROUP BY month, campaign_id
CREATE OR REPLACE VIEW {database}.bi_costs_day {on_cluster}
(
    day           Date32         COMMENT '日期（品牌时区） / day that is paid for',
    event_id      String         COMMENT '事件编号 / id of the entry',
    campaign_id   String         COMMENT '活动编号 / campaign',
    campaign_name String         COMMENT '活动名称 / name of the campaign',
    touchpoint    String         COMMENT '触点 / touchpoint',
    guide_id      String         COMMENT '导购编号 / guide',
    guide_name    String         COMMENT '导购姓名 / name of the guide',
    link          String         COMMENT '短链代码 / code of the short link',
    amount        Decimal(18, 4) COMMENT '金额（当日分摊） / share of the entry''s amount that falls on the day',
    currency      String         COMMENT '币种 / currency'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    c.from_day + number AS day, c.event_id AS event_id, c.campaign_id AS campaign_id, c.campaign_name AS campaign_name,
    c.touchpoint AS touchpoint, c.guide_id AS guide_id, c.guide_name AS guide_name, c.link AS link,
    -- What has been spent by the end of the day less what had been by its beginning, each cut down to four places.
    toDecimal64(
        toDecimal128(c.amount, 4) * (number + 1) / c.days - toDecimal128(c.amount, 4) * number / c.days, 4
    ) AS amount,
    c.currency AS currency
FROM {database}.bi_costs AS c
ARRAY JOIN range(toUInt32(c.days)) AS number
COMMENT '每日费用 / costs, spread over the days that they pay for';
