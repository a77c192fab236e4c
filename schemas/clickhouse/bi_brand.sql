-- What holds for all numbers of the brand: one row. Days of the other views are in this time zone, so whoever turns a range of
-- times into days, as a dashboard must, asks for it here:
--
--   SELECT * FROM bi_rates_day
--   WHERE day = toDate(now() - INTERVAL 1 DAY, assumeNotNull((SELECT timezone FROM bi_brand)))
CREATE OR REPLACE VIEW {database}.bi_brand {on_cluster}
(
    timezone String COMMENT '品牌时区：其他视图的日期均按此划分 / the brand''s time zone, in which days of the other views are'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT '{timezone}' AS timezone
COMMENT '品牌 / the brand';
