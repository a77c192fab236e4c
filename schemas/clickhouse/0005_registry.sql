-- Mirror of the topic `registry`: the newest state of stores, guides, campaigns and links. `version` is the offset of the
-- record, so a record that is applied twice, or late, changes nothing. The edge and the worker never read these.
CREATE TABLE IF NOT EXISTS {database}.stores {on_cluster}
(
    store_id    String               COMMENT '门店编号 / store id',
    name        String               COMMENT '门店名称 / name',
    region_id   String               COMMENT '区域编号 / region id',
    region_name String               COMMENT '区域名称 / name of the region',
    disabled    Bool                 COMMENT '是否停用 / switched off',
    deleted     Bool                 COMMENT '是否删除 / deleted',
    version     UInt64               COMMENT '版本 / offset in the registry topic',
    updated_at  DateTime64(3, 'UTC') COMMENT '变更时间 / when it was changed'
)
ENGINE = {engine:ReplacingMergeTree(version)}
ORDER BY store_id
COMMENT '门店 / stores';

CREATE TABLE IF NOT EXISTS {database}.guides {on_cluster}
(
    guide_id     String                    COMMENT '导购编号 / guide id',
    name         String                    COMMENT '姓名 / name',
    store_id     String                    COMMENT '门店编号 / store id',
    hire_date    Nullable(Date32)          COMMENT '入职日期 / hire date, in the brand''s time zone',
    monthly_cost Nullable(Decimal(18, 4))  COMMENT '月成本 / monthly cost',
    currency     LowCardinality(String)    COMMENT '币种 / currency, ISO 4217',
    wecom_userid String                    COMMENT '企业微信账号 / WeCom user id',
    disabled     Bool                      COMMENT '是否停用 / switched off',
    deleted      Bool                      COMMENT '是否删除 / deleted',
    version      UInt64                    COMMENT '版本 / offset in the registry topic',
    updated_at   DateTime64(3, 'UTC')      COMMENT '变更时间 / when it was changed'
)
ENGINE = {engine:ReplacingMergeTree(version)}
ORDER BY guide_id
COMMENT '导购 / guides';

CREATE TABLE IF NOT EXISTS {database}.campaigns {on_cluster}
(
    campaign_id String                    COMMENT '活动编号 / campaign id',
    name        String                    COMMENT '活动名称 / name',
    start       Nullable(Date32)          COMMENT '开始日期 / first day, in the brand''s time zone',
    `end`       Nullable(Date32)          COMMENT '结束日期 / last day, in the brand''s time zone',
    budget      Nullable(Decimal(18, 4))  COMMENT '预算 / budget',
    currency    LowCardinality(String)    COMMENT '币种 / currency, ISO 4217',
    disabled    Bool                      COMMENT '是否停用 / switched off',
    deleted     Bool                      COMMENT '是否删除 / deleted',
    version     UInt64                    COMMENT '版本 / offset in the registry topic',
    updated_at  DateTime64(3, 'UTC')      COMMENT '变更时间 / when it was changed'
)
ENGINE = {engine:ReplacingMergeTree(version)}
ORDER BY campaign_id
COMMENT '活动 / campaigns';

CREATE TABLE IF NOT EXISTS {database}.links {on_cluster}
(
    link          String                        COMMENT '短链代码 / code of the short link',
    number        UInt32                        COMMENT '短链序号 / number that click tokens carry; never reused',
    kind          LowCardinality(String)        COMMENT '落地类型 / kind of destination',
    url           String                        COMMENT '落地地址 / destination' CODEC(ZSTD(1)),
    owners        Array(Tuple(guide_id String, since DateTime64(3, 'UTC')))
                                                COMMENT '归属历史 / who owned it from when on; an empty guide: a campaign link',
    campaign_id   String                        COMMENT '活动编号 / campaign id',
    touchpoint    LowCardinality(String)        COMMENT '触点 / where the link is shown',
    utm           Map(LowCardinality(String), String) COMMENT 'UTM 参数 / UTM parameters it appends',
    pass_params   Array(String)                 COMMENT '透传参数 / names of query parameters that it passes through',
    valid_from    Nullable(DateTime64(3, 'UTC')) COMMENT '生效时间 / valid from',
    valid_until   Nullable(DateTime64(3, 'UTC')) COMMENT '失效时间 / valid until',
    hours_from    Nullable(UInt16)              COMMENT '每日开放起（分钟） / opens at this minute of the day',
    hours_until   Nullable(UInt16)              COMMENT '每日开放止（分钟） / closes at this minute of the day',
    fallback_url  String                        COMMENT '备用地址 / where it leads when it may not lead to its destination',
    platforms     Array(LowCardinality(String)) COMMENT '允许的平台 / platforms allowed; empty allows all',
    platform_urls Map(LowCardinality(String), String) COMMENT '按平台的落地地址 / destination per platform',
    country_urls  Map(LowCardinality(String), String) COMMENT '按国家的落地地址 / destination per country',
    variants      Array(Tuple(name String, weight UInt32, url String)) COMMENT '测试版本 / arms of its A/B test',
    status        UInt16                        COMMENT '跳转状态码 / HTTP status, 302 or 307',
    disabled      Bool                          COMMENT '是否停用 / switched off',
    deleted       Bool                          COMMENT '是否删除 / deleted',
    version       UInt64                        COMMENT '版本 / offset in the registry topic',
    updated_at    DateTime64(3, 'UTC')          COMMENT '变更时间 / when it was changed'
)
ENGINE = {engine:ReplacingMergeTree(version)}
ORDER BY link
COMMENT '短链 / short links';
