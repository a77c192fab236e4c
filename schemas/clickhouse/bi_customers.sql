-- Customers as they are now, one row each, by the id that is kept; without messages.
--
--   SELECT guide_name, count(), sum(net_revenue) FROM bi_customers WHERE is_friend GROUP BY guide_name ORDER BY 3 DESC
CREATE OR REPLACE VIEW {database}.bi_customers {on_cluster}
(
    customer_id      String                                COMMENT '客户编号（合并后） / customer, by the id that is kept',
    is_friend        Bool                                  COMMENT '是否在粉 / a friend relation is on',
    guide_id         String                                COMMENT '现属导购 / guide of the newest friend relation that is on; empty when none is',
    guide_name       String                                COMMENT '现属导购姓名 / name of that guide',
    former_guide_id  String                                COMMENT '原属导购 / guide of the relation that ended last, when none is on',
    added_at         Nullable(DateTime64(3, '{timezone}')) COMMENT '加粉时间 / when that relation was made; when none is on, the one that ended last',
    deleted_at       Nullable(DateTime64(3, '{timezone}')) COMMENT '流失时间 / when the last relation ended; empty while one is on',
    first_added_at   Nullable(DateTime64(3, '{timezone}')) COMMENT '首次加粉时间 / first friend relation with any guide',
    first_touch_at   Nullable(DateTime64(3, '{timezone}')) COMMENT '首次触达时间 / click of the first touch',
    first_click_id   String                                COMMENT '首次触达点击 / click of the first touch',
    first_guide_id   String                                COMMENT '首次触达导购 / guide of the first touch',
    first_link       String                                COMMENT '首次触达短链 / link of the first touch',
    first_variant    String                                COMMENT '首次触达测试版本 / arm of the first touch',
    last_touch_at    Nullable(DateTime64(3, '{timezone}')) COMMENT '最近触达时间 / click of the last touch',
    last_click_id    String                                COMMENT '最近触达点击 / click of the last touch',
    last_guide_id    String                                COMMENT '最近触达导购 / guide of the last touch',
    last_link        String                                COMMENT '最近触达短链 / link of the last touch',
    last_variant     String                                COMMENT '最近触达测试版本 / arm of the last touch',
    first_contact_at Nullable(DateTime64(3, '{timezone}')) COMMENT '首次有效沟通时间 / first effective contact',
    served_at        Nullable(DateTime64(3, '{timezone}')) COMMENT '服务成功时间 / when they had been added and had an effective contact',
    first_order_at   Nullable(DateTime64(3, '{timezone}')) COMMENT '首单时间 / first order paid',
    dealt_at         Nullable(DateTime64(3, '{timezone}')) COMMENT '成交时间 / when they had been served and had paid an order',
    last_order_at    Nullable(DateTime64(3, '{timezone}')) COMMENT '末单时间 / last order paid',
    orders           UInt64                                COMMENT '订单数（去重，分次支付计一单） / distinct orders paid, in parts or not; of one customer beyond 128 a part may count as an order',
    payments         UInt64                                COMMENT '支付笔数 / payments, of which an order may have several',
    revenue          Decimal(38, 4)                        COMMENT '支付金额 / amount of orders paid',
    refunds          Decimal(38, 4)                        COMMENT '退款金额 / amount refunded',
    net_revenue      Decimal(38, 4)                        COMMENT '净收入 / revenue less refunds',
    margin           Decimal(38, 4)                        COMMENT '毛利（已扣退款） / gross margin net of refunds',
    tags             Array(String)                         COMMENT '标签 / tags that are set',
    consent          LowCardinality(String)                COMMENT '授权 / given, withdrawn, or empty when never said',
    last_active_at   Nullable(DateTime64(3, '{timezone}')) COMMENT '最近活跃时间 / last thing the customer did',
    referred_by      String                                COMMENT '推荐人 / customer who brought this one',
    transfers        UInt64                                COMMENT '转移次数 / guides who handed the customer over',
    aliases          UInt64                                COMMENT '别名数 / further ids of the customer'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    c.customer_id AS customer_id, c.guide_id != '' AS is_friend,
    c.guide_id AS guide_id, coalesce(nullIf(g.name, ''), c.guide_id) AS guide_name, c.former_guide_id AS former_guide_id,
    toTimeZone(c.added_at, '{timezone}') AS added_at, toTimeZone(c.deleted_at, '{timezone}') AS deleted_at,
    toTimeZone(c.first_added_at, '{timezone}') AS first_added_at,
    toTimeZone(c.first_touch_at, '{timezone}') AS first_touch_at,
    c.first_click_id, c.first_guide_id, c.first_link, c.first_variant,
    toTimeZone(c.last_touch_at, '{timezone}') AS last_touch_at,
    c.last_click_id, c.last_guide_id, c.last_link, c.last_variant,
    toTimeZone(c.first_contact_at, '{timezone}') AS first_contact_at, toTimeZone(c.served_at, '{timezone}') AS served_at,
    toTimeZone(c.first_order_at, '{timezone}') AS first_order_at, toTimeZone(c.dealt_at, '{timezone}') AS dealt_at,
    toTimeZone(c.last_order_at, '{timezone}') AS last_order_at,
    c.orders, c.payments, c.revenue, c.refunds, c.revenue - c.refunds AS net_revenue, c.margin, c.tags, c.consent,
    toTimeZone(c.last_active_at, '{timezone}') AS last_active_at, c.referred_by, c.transfers, c.aliases
FROM {database}.customers AS c
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'guide') AS g ON g.id = c.guide_id
COMMENT '客户 / customers as they are now';
