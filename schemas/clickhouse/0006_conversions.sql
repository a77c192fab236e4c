-- Events after the click. Built like `clicks` and `link_windows`: offsets beside the data, absolute versioned windows.
--
-- A zombie worker may write a row twice, and with another credit: of two rows of one offset the one received last is
-- right, because the partition's owner took it in after the zombie did.
--
-- Every event is looked up by its id. A bloom filter is no help where hundreds of ids are asked for at once, for nearly
-- every granule may hold one of them; a projection in the order of ids with small granules reads one granule an id, and
-- lies in the same part as the rows. Measured with 2 million rows: 500 ids 2.6 ms (bloom filter 19 ms), 2,000 ids 7 ms.
-- Plain strings for the reason that `clicks` has them.
--
-- A refund looks its order up by the order's id, whatever the event's id: likewise. With 2 million rows, a fifth of them
-- orders, one order took 5 ms and 50 took 11 ms, 45 to 75 ms without; it costs an insert 0.25 us a row (2026-11).
CREATE TABLE IF NOT EXISTS {database}.conversions {on_cluster}
(
    event_id          String                   COMMENT '事件编号（幂等键） / event id: the caller''s idempotency key' CODEC(ZSTD(1)),
    type              String                   COMMENT '事件类型 / type of event' CODEC(ZSTD(1)),
    occurred_at       DateTime64(3, 'UTC')     COMMENT '发生时间 / when it happened' CODEC(Delta, ZSTD(1)),
    append_time       DateTime64(3, 'UTC')     COMMENT '到达消息队列的时间 / when the broker got it, by its clock' CODEC(Delta, ZSTD(1)),
    received_at       DateTime64(3, 'UTC')     COMMENT '入库批次时间 / when its batch was taken in; one value a batch' CODEC(Delta, ZSTD(1)),
    kafka_partition   UInt16                   COMMENT '消息分区 / Kafka partition',
    kafka_offset      UInt64                   COMMENT '消息位点 / Kafka offset' CODEC(Delta, ZSTD(1)),
    customer_id       String                   COMMENT '客户编号 / customer' CODEC(ZSTD(1)),
    visitor_id        String                   COMMENT '访客编号 / visitor' CODEC(ZSTD(1)),
    click_id          String                   COMMENT '归因的点击 / click it is credited to' CODEC(ZSTD(1)),
    acting_guide_id   String                   COMMENT '操作导购 / guide who acted' CODEC(ZSTD(1)),
    credited_guide_id String                   COMMENT '归因导购 / guide who is credited' CODEC(ZSTD(1)),
    credited_link     String                   COMMENT '归因短链 / link that is credited' CODEC(ZSTD(1)),
    credited_variant  String                   COMMENT '归因测试版本 / arm of the A/B test that is credited' CODEC(ZSTD(1)),
    attribution       String                   COMMENT '归因规则 / rule that gave the credit: token, customer, visitor, guide, none' CODEC(ZSTD(1)),
    confidence        Float32                  COMMENT '归因置信度 / confidence of the credit, 0 to 1',
    first_click_id    String                   COMMENT '首次触达点击 / click of the first touch' CODEC(ZSTD(1)),
    order_id          String                   COMMENT '订单编号 / order' CODEC(ZSTD(1)),
    amount            Decimal(18, 4)           COMMENT '金额 / amount',
    margin            Decimal(18, 4)           COMMENT '毛利 / gross margin',
    currency          String                   COMMENT '币种 / currency, ISO 4217' CODEC(ZSTD(1)),
    properties        String                   COMMENT '其他属性（JSON） / further properties, a JSON object' CODEC(ZSTD(3)),

    -- An assignment reads the last offsets again, an audit asks which offsets are there.
    INDEX offsets kafka_offset TYPE minmax GRANULARITY 1,
    -- Views ask by the brand's day, over all Kafka partitions.
    INDEX event_times occurred_at TYPE minmax GRANULARITY 1,
    PROJECTION event_ids (SELECT event_id, kafka_partition, kafka_offset ORDER BY event_id)
        WITH SETTINGS (index_granularity = 128),
    PROJECTION order_ids (SELECT order_id, type, kafka_partition, kafka_offset ORDER BY order_id)
        WITH SETTINGS (index_granularity = 128),
    PROJECTION reach (SELECT kafka_partition, max(kafka_offset), max(append_time) GROUP BY kafka_partition)
)
ENGINE = {engine:ReplacingMergeTree(received_at)}
PARTITION BY toYYYYMM(received_at)
ORDER BY (kafka_partition, toStartOfMinute(occurred_at), kafka_offset)
SETTINGS {deduplication_window}, deduplicate_merge_projection_mode = 'rebuild'
COMMENT '转化明细 / raw conversions, one row an event';

-- Where an event belongs is of the key: one may name a campaign and a touchpoint of its own, and a refund belongs where
-- its order did, so events of one link and minute may belong elsewhere.
CREATE TABLE IF NOT EXISTS {database}.conversion_windows {on_cluster}
(
    window_start     DateTime('UTC')        COMMENT '窗口起点（一分钟） / start of the minute' CODEC(Delta, ZSTD(1)),
    guide_id         LowCardinality(String) COMMENT '归因导购 / guide who is credited',
    link             String                 COMMENT '归因短链 / link that is credited' CODEC(ZSTD(1)),
    variant          LowCardinality(String) COMMENT '归因测试版本 / arm of the A/B test that is credited',
    store_id         LowCardinality(String) COMMENT '门店编号（归因导购当时所属） / store of the credited guide at that time',
    region_id        LowCardinality(String) COMMENT '区域编号（当时） / region of that store at that time',
    campaign_id      LowCardinality(String) COMMENT '活动编号 / campaign of the credited link, or that the events name',
    touchpoint       LowCardinality(String) COMMENT '触点 / touchpoint of the credited link, or that the events name',
    kafka_partition  UInt16                 COMMENT '消息分区 / Kafka partition',
    version          UInt64                 COMMENT '版本（已计入的最大位点） / highest offset applied; the highest version wins' CODEC(Delta, ZSTD(1)),
    friend_requested UInt64                 COMMENT '申请好友数 / friend requests',
    friend_added     UInt64                 COMMENT '加粉数 / friends added',
    friend_deleted   UInt64                 COMMENT '删粉数（客户删除） / friends deleted by the customer',
    friend_dropped   UInt64                 COMMENT '删除客户数（导购删除） / customers deleted by the guide',
    message_in       UInt64                 COMMENT '客户消息数 / messages by customers',
    message_out      UInt64                 COMMENT '导购消息数 / messages by the guide',
    group_joined     UInt64                 COMMENT '入群数 / members who joined a group',
    group_post       UInt64                 COMMENT '群发帖数 / posts in groups',
    moments_post     UInt64                 COMMENT '朋友圈数 / posts in Moments',
    lead             UInt64                 COMMENT '留资数 / leads',
    page_view        UInt64                 COMMENT '页面浏览数 / page views',
    store_visit      UInt64                 COMMENT '到店数 / visits of a shop',
    order_paid       UInt64                 COMMENT '订单支付笔数（分次支付逐笔计） / payments of orders: one that is paid in parts counts with each',
    order_refunded   UInt64                 COMMENT '退款笔数 / refunds of orders',
    shared           UInt64                 COMMENT '分享数 / shares',
    referred         UInt64                 COMMENT '转介绍数 / referrals',
    tagged           UInt64                 COMMENT '打标签数 / tags set',
    satisfaction     UInt64                 COMMENT '评价数 / ratings given',
    consent          UInt64                 COMMENT '授权变更数 / consents given or withdrawn',
    task_assigned    UInt64                 COMMENT '任务下发数 / tasks assigned',
    task_done        UInt64                 COMMENT '任务完成数 / tasks done',
    cost             UInt64                 COMMENT '费用记录数 / cost entries',
    order_amount     Decimal(18, 4)         COMMENT '订单金额 / amount of orders paid',
    refund_amount    Decimal(18, 4)         COMMENT '退款金额 / amount refunded',
    margin           Decimal(18, 4)         COMMENT '毛利 / gross margin',
    updated_at       DateTime64(3, 'UTC')   COMMENT '写入时间 / when this row was written' CODEC(Delta, ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree(version)}
PARTITION BY toYYYYMM(window_start)
ORDER BY (window_start, guide_id, link, variant, store_id, region_id, campaign_id, touchpoint, kafka_partition)
SETTINGS {deduplication_window}
COMMENT '转化分钟窗口 / conversions per minute, guide, link, variant, where they belong, and Kafka partition';
