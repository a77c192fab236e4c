-- The funnel: clicks beside what was credited to the same link and guide, by event time (what happened in this minute,
-- hour or day; a click and the order it leads to may stand in different rows). Sum over whatever is not asked for:
-- every number adds up, over dimensions and over time, because all are sums of the same window rows. People are not
-- counted here, for they do not add up: `bi_rates_day` has those.
--
--   SELECT region_name, sum(human_clicks), sum(adds), sum(orders), sum(net_revenue) FROM bi_funnel_day
--   WHERE day >= today() - 7 GROUP BY region_name
--
-- Clicks stand under the guide who owned the link, conversions under the guide and link that are credited; what has no
-- link (a post of the guide's, an order without a click) has an empty one. Conversions stand under the campaign and the
-- touchpoint of the credited link, or those that the event itself names; refunds under those of their order.
CREATE OR REPLACE VIEW {database}.bi_funnel_{grain} {on_cluster}
(
    {grain}         {grain_type}           COMMENT '{grain_zh}（品牌时区） / {grain}, in the brand''s time zone',
    link            String                 COMMENT '短链代码 / code of the short link, empty without one',
    guide_id        LowCardinality(String) COMMENT '导购编号（归因） / guide: owner of the link when it was tapped, or credited',
    guide_name      String                 COMMENT '导购姓名 / name of the guide',
    store_id        LowCardinality(String) COMMENT '门店编号（当时） / store of the guide at that time',
    store_name      String                 COMMENT '门店名称 / name of the store',
    region_id       LowCardinality(String) COMMENT '区域编号（当时） / region of the store at that time',
    region_name     String                 COMMENT '区域名称 / name of the region',
    campaign_id     LowCardinality(String) COMMENT '活动编号（当时） / campaign at that time',
    campaign_name   String                 COMMENT '活动名称 / name of the campaign',
    touchpoint      LowCardinality(String) COMMENT '触点（当时） / touchpoint at that time',
    variant         LowCardinality(String) COMMENT '测试版本 / arm of the A/B test',
    clicks          UInt64                 COMMENT '点击数 / clicks',
    human_clicks    UInt64                 COMMENT '真人点击数 / clicks that no bot rule marks',
    redirected      UInt64                 COMMENT '成功跳转数 / clicks that were redirected to the destination',
    page_views      UInt64                 COMMENT '页面浏览数 / page views',
    leads           UInt64                 COMMENT '留资数 / leads',
    requests        UInt64                 COMMENT '申请好友数 / friend requests',
    adds            UInt64                 COMMENT '加粉数 / friends added',
    deletes         UInt64                 COMMENT '删粉数（客户删除） / friends deleted by the customer',
    drops           UInt64                 COMMENT '删除客户数（导购删除） / customers deleted by the guide',
    transfers       UInt64                 COMMENT '客户转移数 / customers handed to this guide',
    messages_in     UInt64                 COMMENT '客户消息数 / messages by customers',
    messages_out    UInt64                 COMMENT '导购消息数 / messages by guides',
    group_joins     UInt64                 COMMENT '入群数 / members who joined a group',
    group_posts     UInt64                 COMMENT '群发帖数 / posts in groups',
    moments_posts   UInt64                 COMMENT '朋友圈数 / posts in Moments',
    store_visits    UInt64                 COMMENT '到店数 / visits of a shop',
    orders          UInt64                 COMMENT '订单支付笔数（分次支付逐笔计，订单数见 bi_orders） / payments of orders: one that is paid in parts counts with each; bi_orders has orders',
    order_amount    Decimal(38, 4)         COMMENT '订单金额 / amount of orders paid',
    refunds         UInt64                 COMMENT '退款笔数 / refunds',
    refund_amount   Decimal(38, 4)         COMMENT '退款金额 / amount refunded',
    net_revenue     Decimal(38, 4)         COMMENT '净收入 / amount of orders paid less amount refunded',
    margin          Decimal(38, 4)         COMMENT '毛利（已扣退款） / gross margin net of refunds',
    shares          UInt64                 COMMENT '分享数 / shares',
    referrals       UInt64                 COMMENT '转介绍数 / referrals',
    tags_set        UInt64                 COMMENT '标签变更数 / tags set or removed',
    ratings         UInt64                 COMMENT '评价数 / ratings given',
    consents        UInt64                 COMMENT '授权变更数 / consents given or withdrawn'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    w.{grain} AS {grain}, w.link AS link,
    w.guide_id AS guide_id, coalesce(nullIf(g.name, ''), w.guide_id) AS guide_name,
    w.store_id AS store_id, coalesce(nullIf(s.name, ''), w.store_id) AS store_name,
    w.region_id AS region_id, coalesce(nullIf(r.name, ''), w.region_id) AS region_name,
    w.campaign_id AS campaign_id, coalesce(nullIf(c.name, ''), w.campaign_id) AS campaign_name,
    w.touchpoint AS touchpoint, w.variant AS variant,
    w.clicks, w.human_clicks, w.redirected, w.page_views, w.leads, w.requests, w.adds, w.deletes, w.drops, w.transfers,
    w.messages_in, w.messages_out, w.group_joins, w.group_posts, w.moments_posts, w.store_visits, w.orders, w.order_amount,
    w.refunds, w.refund_amount, w.order_amount - w.refund_amount AS net_revenue, w.margin, w.shares, w.referrals,
    w.tags_set, w.ratings, w.consents
FROM
(
    SELECT
        {grain_of:window_start} AS {grain}, link, guide_id, store_id, region_id, campaign_id, touchpoint, variant,
        sum(e.clicks) AS clicks, sum(e.human_clicks) AS human_clicks, sum(e.redirected) AS redirected,
        sum(e.page_view) AS page_views, sum(e.lead) AS leads, sum(e.friend_requested) AS requests,
        sum(e.friend_added) AS adds, sum(e.friend_deleted) AS deletes, sum(e.friend_dropped) AS drops,
        sum(e.transferred) AS transfers, sum(e.message_in) AS messages_in, sum(e.message_out) AS messages_out,
        sum(e.group_joined) AS group_joins, sum(e.group_post) AS group_posts, sum(e.moments_post) AS moments_posts,
        sum(e.store_visit) AS store_visits, sum(e.order_paid) AS orders, sum(e.order_amount) AS order_amount,
        sum(e.order_refunded) AS refunds, sum(e.refund_amount) AS refund_amount, sum(e.margin) AS margin,
        sum(e.shared) AS shares, sum(e.referred) AS referrals, sum(e.tagged) AS tags_set, sum(e.satisfaction) AS ratings,
        sum(e.consent) AS consents
    FROM
    (
        -- Stacked, not joined: a link with clicks and no orders, or orders and no clicks, keeps each once.
        SELECT
            window_start, link, guide_id, store_id, region_id, campaign_id, touchpoint, variant,
            toUInt64(0) AS clicks, toUInt64(0) AS human_clicks, toUInt64(0) AS redirected,
            page_view, lead, friend_requested, friend_added, friend_deleted, friend_dropped, transferred,
            message_in, message_out, group_joined, group_post, moments_post, store_visit,
            order_paid, order_amount, order_refunded, refund_amount, margin,
            shared, referred, tagged, satisfaction, consent
        FROM {database}.conversion_windows FINAL
        UNION ALL
        SELECT
            window_start, link, guide_id, store_id, region_id, campaign_id, touchpoint, variant,
            clicks, human_clicks, redirected,
            0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0,
            0, toDecimal64(0, 4), 0, toDecimal64(0, 4), toDecimal64(0, 4),
            0, 0, 0, 0, 0
        FROM {database}.link_windows FINAL
    ) AS e
    GROUP BY {grain}, link, guide_id, store_id, region_id, campaign_id, touchpoint, variant
) AS w
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'guide') AS g ON g.id = w.guide_id
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'store') AS s ON s.id = w.store_id
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'region') AS r ON r.id = w.region_id
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'campaign') AS c ON c.id = w.campaign_id
COMMENT '每{grain_zh}漏斗（按发生时间） / the funnel per {grain}, by event time';
