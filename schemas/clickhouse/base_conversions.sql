-- Raw conversions as rates and cohorts need them: what a zombie wrote twice read once, customers under the id that is
-- kept, and a mark on the event that took its customer one stage further. A customer is *served* once they were added
-- and had an effective contact, whichever came later, and *dealt* once they were served and paid an order, whichever
-- came later; so of all customers of all time exactly those are marked that the definitions of the rates count.
CREATE OR REPLACE VIEW {database}.conversion_steps {on_cluster}
(
    kafka_partition   UInt16                            COMMENT '消息分区 / Kafka partition',
    kafka_offset      UInt64                            COMMENT '消息位点 / Kafka offset',
    type              LowCardinality(String)            COMMENT '事件类型 / type of event',
    occurred_at       DateTime64(3, 'UTC')              COMMENT '发生时间 / when it happened',
    click_time        Nullable(DateTime64(3, 'UTC'))    COMMENT '归因点击的时间 / when the credited click happened',
    customer_id       String                            COMMENT '客户编号（合并后） / customer, by the id that is kept',
    person            String                            COMMENT '当事人 / customer, else visitor, else click token',
    acting_guide_id   LowCardinality(String)            COMMENT '操作导购 / guide who acted',
    order_id          String                            COMMENT '订单编号 / order',
    amount            Decimal(18, 4)                    COMMENT '金额 / amount',
    margin            Decimal(18, 4)                    COMMENT '毛利 / gross margin',
    referrer          String                            COMMENT '推荐人（合并后） / customer who referred, by the id that is kept',
    dimensions        Array(Tuple(dimension String, id String))
                                                        COMMENT '归因维度 / what it is counted under: all, and what is credited',
    first_added_at    Nullable(DateTime64(3, 'UTC'))    COMMENT '客户首次加粉时间 / when the customer was first added',
    first_order_at    Nullable(DateTime64(3, 'UTC'))    COMMENT '客户首单时间 / first order of the customer',
    served_at         Nullable(DateTime64(3, 'UTC'))    COMMENT '客户服务成功时间 / when the customer was served',
    dealt_at          Nullable(DateTime64(3, 'UTC'))    COMMENT '客户成交时间 / when the customer was dealt',
    is_first_add      Bool                              COMMENT '是否首次加粉 / it made the customer''s first friend relation',
    is_served         Bool                              COMMENT '是否达成服务 / it made the customer a served one',
    is_dealt          Bool                              COMMENT '是否达成成交 / it made the customer a dealt one',
    is_repeat         Bool                              COMMENT '是否复购 / it paid an order of a customer who had paid another before'
)
AS SELECT
    c.kafka_partition AS kafka_partition, c.kafka_offset AS kafka_offset, c.type AS type, c.occurred_at AS occurred_at,
    c.click_time AS click_time, c.customer_id AS customer_id,
    multiIf(
        c.customer_id != '', concat('c', c.customer_id),
        c.visitor_id != '', concat('v', c.visitor_id),
        concat('t', c.token)
    ) AS person,
    c.acting_guide_id AS acting_guide_id, c.order_id AS order_id, c.amount AS amount, c.margin AS margin,
    c.referrer AS referrer,
    arrayConcat(
        [
            ('all', ''), ('link', c.credited_link), ('guide', toString(c.credited_guide_id)),
            ('store', toString(c.store_id)), ('region', toString(c.region_id)), ('campaign', toString(c.campaign_id)),
            ('touchpoint', toString(c.touchpoint))
        ],
        if(c.credited_variant = '', [], [('variant', concat(c.credited_link, '/', c.credited_variant))])
    ) AS dimensions,
    s.first_added_at AS first_added_at, s.first_order_at AS first_order_at, s.served_at AS served_at,
    s.dealt_at AS dealt_at,
    ifNull(c.type = 'friend_added' AND c.occurred_at = s.first_added_at, false) AS is_first_add,
    ifNull(c.type IN ('friend_added', 'message_in', 'message_out') AND c.occurred_at = s.served_at, false) AS is_served,
    ifNull(c.type IN ('friend_added', 'message_in', 'message_out', 'order_paid') AND c.occurred_at = s.dealt_at, false)
        AS is_dealt,
    -- The rest of the first order is none.
    ifNull(
        c.type = 'order_paid' AND c.occurred_at > s.first_order_at
            AND lower(hex(substring(SHA256(c.order_id), 1, 6))) != s.first_order,
        false
    ) AS is_repeat
FROM
(
    SELECT
        r.* EXCEPT (customer_id),
        coalesce(nullIf(k.customer_id, ''), r.customer_id) AS customer_id,
        coalesce(nullIf(b.customer_id, ''), r.referred_by) AS referrer
    FROM
    (
        SELECT
            kafka_partition, kafka_offset, type, occurred_at, click_time, customer_id, visitor_id, token, acting_guide_id,
            order_id, amount, margin, credited_link, credited_variant, credited_guide_id, store_id, region_id, campaign_id,
            touchpoint,
            if(type = 'referred', JSONExtractString(properties, 'referred_by'), '') AS referred_by
        FROM {database}.conversions FINAL
    ) AS r
    LEFT ANY JOIN {database}.customer_ids AS k ON k.alias = r.customer_id
    LEFT ANY JOIN {database}.customer_ids AS b ON b.alias = r.referred_by
) AS c
LEFT ANY JOIN
(
    SELECT customer_id, first_added_at, first_order_at, first_order, served_at, dealt_at FROM {database}.customers
    WHERE customer_id != ''
) AS s ON s.customer_id = c.customer_id
COMMENT '转化步骤 / raw conversions with the stage they lead to';
