-- What was filtered as not human, and by which rule. A click that several rules mark stands under each of them, so reasons do
-- not add up to bot clicks; `bi_clicks_*` has those. Reaches back as far as raw rows are kept.
--
--   SELECT day, reason, sum(clicks) FROM bi_bots_day WHERE day >= today() - 7 GROUP BY day, reason ORDER BY day, reason
CREATE OR REPLACE VIEW {database}.bi_bots_day {on_cluster}
(
    day         Date   COMMENT '日期（品牌时区） / day, in the brand''s time zone',
    reason      String COMMENT '判定原因 / bot rule',
    link        String COMMENT '短链代码 / code of the short link',
    guide_id    String COMMENT '导购编号（点击时） / guide at the time of the click',
    store_id    String COMMENT '门店编号（点击时） / store at the time of the click',
    region_id   String COMMENT '区域编号（点击时） / region at the time of the click',
    campaign_id String COMMENT '活动编号（点击时） / campaign at the time of the click',
    touchpoint  String COMMENT '触点（点击时） / touchpoint at the time of the click',
    fetch       String COMMENT '访问方式 / navigate, head, prefetch or preview',
    clicks      UInt64 COMMENT '点击数 / clicks that this rule marks'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    toDate(event_time, '{timezone}') AS day,
    arrayJoin(bot_reasons) AS reason,
    link, guide_id, store_id, region_id, campaign_id, touchpoint, fetch,
    count() AS clicks
FROM {database}.clicks FINAL
WHERE NOT is_human
GROUP BY day, reason, link, guide_id, store_id, region_id, campaign_id, touchpoint, fetch
COMMENT '每日机器点击及原因 / clicks filtered as not human per day, and why';
