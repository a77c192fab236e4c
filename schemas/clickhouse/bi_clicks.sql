-- Clicks per link, guide, store, region, campaign and touchpoint. Sum over whatever is not asked for: every column of
-- counts adds up, and minutes add up to hours and days exactly, because all three are sums of the same window rows.
--
--   SELECT region_name, sum(human_clicks) FROM bi_clicks_day WHERE day = today() GROUP BY region_name
--
-- FINAL picks the highest version of each window row; names are the newest the registry has.
CREATE OR REPLACE VIEW {database}.bi_clicks_{grain} {on_cluster}
(
    {grain}       {grain_type}           COMMENT '{grain_zh}（品牌时区） / {grain}, in the brand''s time zone',
    link          String                 COMMENT '短链代码 / code of the short link',
    guide_id      LowCardinality(String) COMMENT '导购编号 / guide, empty for a campaign link',
    guide_name    String                 COMMENT '导购姓名 / name of the guide',
    store_id      LowCardinality(String) COMMENT '门店编号（点击时） / store at the time of the click',
    store_name    String                 COMMENT '门店名称 / name of the store',
    region_id     LowCardinality(String) COMMENT '区域编号（点击时） / region at the time of the click',
    region_name   String                 COMMENT '区域名称 / name of the region',
    campaign_id   LowCardinality(String) COMMENT '活动编号（点击时） / campaign at the time of the click',
    campaign_name String                 COMMENT '活动名称 / name of the campaign',
    touchpoint    LowCardinality(String) COMMENT '触点（点击时） / touchpoint at the time of the click',
    variant       LowCardinality(String) COMMENT '测试版本 / arm of the A/B test',
    clicks        UInt64                 COMMENT '点击数 / clicks',
    human_clicks  UInt64                 COMMENT '真人点击数 / clicks that no bot rule marks',
    bot_clicks    UInt64                 COMMENT '机器点击数 / clicks that a bot rule marks',
    redirected    UInt64                 COMMENT '成功跳转数 / clicks that were redirected to the destination'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    w.{grain} AS {grain}, w.link AS link,
    w.guide_id AS guide_id, coalesce(nullIf(g.name, ''), w.guide_id) AS guide_name,
    w.store_id AS store_id, coalesce(nullIf(s.name, ''), w.store_id) AS store_name,
    w.region_id AS region_id, coalesce(nullIf(r.name, ''), w.region_id) AS region_name,
    w.campaign_id AS campaign_id, coalesce(nullIf(c.name, ''), w.campaign_id) AS campaign_name,
    w.touchpoint AS touchpoint, w.variant AS variant,
    w.clicks AS clicks, w.human_clicks AS human_clicks, w.clicks - w.human_clicks AS bot_clicks, w.redirected AS redirected
FROM
(
    SELECT
        {grain_of:window_start} AS {grain}, link, guide_id, store_id, region_id, campaign_id, touchpoint, variant,
        sum(clicks) AS clicks, sum(human_clicks) AS human_clicks, sum(redirected) AS redirected
    FROM {database}.link_windows FINAL
    GROUP BY {grain}, link, guide_id, store_id, region_id, campaign_id, touchpoint, variant
) AS w
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'guide') AS g ON g.id = w.guide_id
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'store') AS s ON s.id = w.store_id
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'region') AS r ON r.id = w.region_id
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'campaign') AS c ON c.id = w.campaign_id
COMMENT '每{grain_zh}点击 / clicks per {grain}';
