-- The registry as it is now; deleted entries are left out.
CREATE OR REPLACE VIEW {database}.bi_stores {on_cluster}
(
    store_id    String COMMENT '门店编号 / store id',
    name        String COMMENT '门店名称 / name',
    region_id   String COMMENT '区域编号 / region id',
    region_name String COMMENT '区域名称 / name of the region',
    disabled    Bool   COMMENT '是否停用 / switched off'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT store_id, name, region_id, region_name, disabled
FROM {database}.stores FINAL
WHERE NOT deleted
COMMENT '门店 / stores';

CREATE OR REPLACE VIEW {database}.bi_guides {on_cluster}
(
    guide_id     String                   COMMENT '导购编号 / guide id',
    name         String                   COMMENT '姓名 / name',
    store_id     String                   COMMENT '门店编号 / store id',
    store_name   String                   COMMENT '门店名称 / name of the store',
    region_id    String                   COMMENT '区域编号 / region id',
    region_name  String                   COMMENT '区域名称 / name of the region',
    hire_date    Nullable(Date32)         COMMENT '入职日期 / hire date',
    monthly_cost Nullable(Decimal(18, 4)) COMMENT '月成本 / monthly cost',
    currency     String                   COMMENT '币种 / currency',
    wecom_userid String                   COMMENT '企业微信账号 / WeCom user id',
    disabled     Bool                     COMMENT '是否停用 / switched off'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    g.guide_id AS guide_id, g.name AS name, g.store_id AS store_id, ifNull(s.name, '') AS store_name,
    ifNull(s.region_id, '') AS region_id, ifNull(s.region_name, '') AS region_name, g.hire_date AS hire_date,
    g.monthly_cost AS monthly_cost, g.currency AS currency, g.wecom_userid AS wecom_userid, g.disabled AS disabled
FROM (SELECT * FROM {database}.guides FINAL WHERE NOT deleted) AS g
LEFT ANY JOIN (SELECT * FROM {database}.stores FINAL) AS s ON s.store_id = g.store_id
COMMENT '导购 / guides';

CREATE OR REPLACE VIEW {database}.bi_campaigns {on_cluster}
(
    campaign_id String                   COMMENT '活动编号 / campaign id',
    name        String                   COMMENT '活动名称 / name',
    start       Nullable(Date32)         COMMENT '开始日期 / first day',
    `end`       Nullable(Date32)         COMMENT '结束日期 / last day',
    budget      Nullable(Decimal(18, 4)) COMMENT '预算 / budget',
    currency    String                   COMMENT '币种 / currency',
    disabled    Bool                     COMMENT '是否停用 / switched off'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT campaign_id, name, start, `end`, budget, currency, disabled
FROM {database}.campaigns FINAL
WHERE NOT deleted
COMMENT '活动 / campaigns';

CREATE OR REPLACE VIEW {database}.bi_links {on_cluster}
(
    link        String                              COMMENT '短链代码 / code of the short link',
    number      UInt32                              COMMENT '短链序号 / number that click tokens carry',
    kind        String                              COMMENT '落地类型 / kind of destination',
    url         String                              COMMENT '落地地址 / destination',
    guide_id    String                              COMMENT '现归属导购 / guide who owns it now, empty for a campaign link',
    campaign_id String                              COMMENT '活动编号 / campaign id',
    touchpoint  String                              COMMENT '触点 / where the link is shown',
    valid_from  Nullable(DateTime64(3, '{timezone}')) COMMENT '生效时间（品牌时区） / valid from, in the brand''s time zone',
    valid_until Nullable(DateTime64(3, '{timezone}')) COMMENT '失效时间（品牌时区） / valid until, in the brand''s time zone',
    variants    Array(String)                       COMMENT '测试版本 / arms of its A/B test',
    disabled    Bool                                COMMENT '是否停用 / switched off'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    link, number, kind, url,
    arrayLast(o -> o.2 <= now64(3), owners).1 AS guide_id,
    campaign_id, touchpoint, toTimeZone(l.valid_from, '{timezone}') AS valid_from,
    toTimeZone(l.valid_until, '{timezone}') AS valid_until, variants.name AS variants, disabled
FROM {database}.links AS l FINAL
WHERE NOT deleted
COMMENT '短链 / short links';

CREATE OR REPLACE VIEW {database}.bi_link_owners {on_cluster}
(
    link     String                                COMMENT '短链代码 / code of the short link',
    guide_id String                                COMMENT '归属导购 / guide, empty for a campaign link',
    since    DateTime64(3, '{timezone}')           COMMENT '归属起（品牌时区） / from when on, in the brand''s time zone',
    until    Nullable(DateTime64(3, '{timezone}')) COMMENT '归属止（品牌时区） / until when, empty for the last owner'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    link,
    owner.1 AS guide_id,
    toTimeZone(owner.2, '{timezone}') AS since,
    if(place < length(owners), toTimeZone(owners[place + 1].2, '{timezone}'), NULL) AS until
FROM {database}.links FINAL
ARRAY JOIN owners AS owner, arrayEnumerate(owners) AS place
WHERE NOT deleted
COMMENT '短链归属历史 / who owned a link when';
