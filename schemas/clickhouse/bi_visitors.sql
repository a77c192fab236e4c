-- Unique human visitors. They do not add up: two days share visitors. So a range is asked for as a whole:
--
--   SELECT id, visitors FROM bi_unique_visitors(dimension = 'guide', since = '2026-11-01', until = '2026-11-08')
--
-- `dimension` is link, guide, store, region, campaign, touchpoint, variant (its id is link/variant) or all; `since` is
-- in the range and `until` is not; both are a date, or a date and time on a quarter of an hour, in the brand's time
-- zone. The numbers are exact up to some thousands of visitors and within about 0.3 % above.
CREATE OR REPLACE VIEW {database}.bi_unique_visitors {on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    multiIf(
        {dimension:String} = 'link', link,
        {dimension:String} = 'guide', guide_id,
        {dimension:String} = 'store', store_id,
        {dimension:String} = 'region', region_id,
        {dimension:String} = 'campaign', campaign_id,
        {dimension:String} = 'touchpoint', touchpoint,
        {dimension:String} = 'variant', concat(link, '/', variant),
        {dimension:String} = 'all', '',
        toString(throwIf(1, 'dimension is link, guide, store, region, campaign, touchpoint, variant or all'))
    ) AS id,
    uniqCombined64Merge(visitors) AS visitors
FROM {database}.link_visitors
WHERE bucket_start >= parseDateTimeBestEffort({since:String}, '{timezone}')
  AND bucket_start < parseDateTimeBestEffort({until:String}, '{timezone}')
GROUP BY id
COMMENT '任意时段的访客数 / unique human visitors of any range, parameters: dimension, since, until';

-- Visitors who came back: of those who tapped in the range, who had tapped on an earlier day, too, at most 30 days
-- before the range. Asked like `bi_unique_visitors`; only visitors with a cookie are known on another day. From raw
-- clicks, exact; the rate is NULL, unknown, where retention has dropped clicks of the range or of the 30 days before.
--
--   SELECT id, visitors, returned, return_visit_rate
--   FROM bi_return_visits(dimension = 'guide', since = '2026-11-01', until = '2026-11-08')
CREATE OR REPLACE VIEW {database}.bi_return_visits {on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    id, count() AS visitors, countIf(first_day < last_day) AS returned,
    if(
        toDate(parseDateTimeBestEffort({since:String}, '{timezone}') - INTERVAL 30 DAY, '{timezone}')
            >= (SELECT clicks FROM {database}.known_since),
        returned / visitors, NULL
    ) AS return_visit_rate
FROM
(
    SELECT
        multiIf(
            {dimension:String} = 'link', link,
            {dimension:String} = 'guide', guide_id,
            {dimension:String} = 'store', store_id,
            {dimension:String} = 'region', region_id,
            {dimension:String} = 'campaign', campaign_id,
            {dimension:String} = 'touchpoint', touchpoint,
            {dimension:String} = 'variant', concat(link, '/', variant),
            {dimension:String} = 'all', '',
            toString(throwIf(1, 'dimension is link, guide, store, region, campaign, touchpoint, variant or all'))
        ) AS id,
        visitor_id, toDate(min(event_time), '{timezone}') AS first_day, toDate(max(event_time), '{timezone}') AS last_day
    FROM {database}.clicks
    WHERE is_human AND visitor_kind = 'cookie'
        AND event_time >= parseDateTimeBestEffort({since:String}, '{timezone}') - INTERVAL 30 DAY
        AND event_time < parseDateTimeBestEffort({until:String}, '{timezone}')
    GROUP BY id, visitor_id
    HAVING max(event_time) >= parseDateTimeBestEffort({since:String}, '{timezone}')
)
GROUP BY id
COMMENT '任意时段的回访 / visitors who came back within any range, parameters: dimension, since, until';

CREATE OR REPLACE VIEW {database}.bi_visitors_day {on_cluster}
(
    day       Date                   COMMENT '日期（品牌时区） / day, in the brand''s time zone',
    dimension LowCardinality(String) COMMENT '维度 / all, link, guide, store, region, campaign, touchpoint or variant (id: link/variant)',
    id        String                 COMMENT '维度编号 / id within the dimension; empty for all',
    visitors  UInt64                 COMMENT '访客数（真人去重，不可相加） / unique human visitors of the day; not additive'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT toDate(bucket_start, '{timezone}') AS day, d.1 AS dimension, d.2 AS id, uniqCombined64Merge(visitors) AS visitors
FROM {database}.link_visitors
ARRAY JOIN arrayConcat(
    [
        ('all', ''), ('link', link), ('guide', toString(guide_id)), ('store', toString(store_id)),
        ('region', toString(region_id)), ('campaign', toString(campaign_id)), ('touchpoint', toString(touchpoint))
    ],
    if(variant = '', [], [('variant', concat(link, '/', variant))])
) AS d
GROUP BY day, dimension, id
COMMENT '每日访客数 / unique human visitors per day';
