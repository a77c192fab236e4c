-- Raw clicks, one row a tap: what a worker wrote twice is read once. For questions that windows cannot answer; reaches back as
-- far as raw rows are kept.
--
--   SELECT platform, count() FROM bi_click_log WHERE event_time >= toStartOfDay(now('Asia/Shanghai')) AND is_human GROUP BY platform
CREATE OR REPLACE VIEW {database}.bi_click_log {on_cluster}
(
    event_time       DateTime64(3, '{timezone}') COMMENT '点击时间（品牌时区） / when it was tapped, in the brand''s time zone',
    click_id         String        COMMENT '点击编号 / click id',
    link             String        COMMENT '短链代码 / code of the short link',
    guide_id         String        COMMENT '导购编号（点击时） / guide at the time of the click',
    store_id         String        COMMENT '门店编号（点击时） / store at the time of the click',
    region_id        String        COMMENT '区域编号（点击时） / region at the time of the click',
    campaign_id      String        COMMENT '活动编号（点击时） / campaign at the time of the click',
    touchpoint       String        COMMENT '触点（点击时） / touchpoint at the time of the click',
    variant          String        COMMENT '测试版本 / arm of the A/B test',
    destination_kind String        COMMENT '落地类型 / kind of destination',
    outcome          String        COMMENT '处理结果 / what became of it',
    visitor_id       String        COMMENT '访客编号 / browser, not a person',
    platform         String        COMMENT '平台 / app or kind of browser',
    device           String        COMMENT '设备 / device',
    os               String        COMMENT '操作系统 / operating system',
    browser          String        COMMENT '浏览器 / browser',
    country          String        COMMENT '国家或地区 / country',
    geo_region       String        COMMENT '省份 / province or state',
    city             String        COMMENT '城市 / city',
    referrer_host    String        COMMENT '来源站点 / host of the referring page',
    referrer_class   String        COMMENT '来源类别 / class of the referring page',
    utm_source       String        COMMENT 'UTM 来源 / UTM source',
    utm_medium       String        COMMENT 'UTM 媒介 / UTM medium',
    utm_campaign     String        COMMENT 'UTM 活动 / UTM campaign',
    language         String        COMMENT '语言 / language',
    `trigger`        String        COMMENT '触发方式 / link or qr',
    fetch            String        COMMENT '访问方式 / navigate, head, prefetch or preview',
    is_human         Bool          COMMENT '是否真人 / no bot rule marks it',
    bot_reasons      Array(String) COMMENT '判为机器的原因 / the bot rules that mark it',
    is_late          Bool          COMMENT '是否迟到 / its window had closed when it came'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    toTimeZone(clicks.event_time, '{timezone}') AS event_time,
    click_id, link, guide_id, store_id, region_id, campaign_id, touchpoint, variant, destination_kind, outcome, visitor_id,
    platform, device, os, browser, country, geo_region, city, referrer_host, referrer_class,
    utm_source, utm_medium, utm_campaign, language, `trigger`, fetch, is_human, bot_reasons, is_late
FROM {database}.clicks FINAL
COMMENT '点击明细（去重） / one row a tap';
