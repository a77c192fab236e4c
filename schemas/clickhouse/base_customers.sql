-- Every id that was given up, and the id that is kept in its place: chains are followed up to 16 steps. Statements that
-- contradict each other (a is b, b is a) end at the smallest id among them; of several about one alias the last is
-- right.
CREATE OR REPLACE VIEW {database}.customer_ids {on_cluster}
(
    alias       String COMMENT '别名编号 / the id that is given up',
    customer_id String COMMENT '客户编号 / the id that is kept'
)
AS WITH RECURSIVE
    said AS
    (
        SELECT alias, argMax(customer_id, (occurred_at, event_id)) AS kept FROM {database}.customer_aliases GROUP BY alias
    ),
    walk AS
    (
        SELECT alias, kept AS reached, [alias] AS passed FROM said
        UNION ALL
        SELECT w.alias AS alias, s.kept AS reached, arrayPushBack(w.passed, w.reached) AS passed
        FROM walk AS w INNER JOIN said AS s ON s.alias = w.reached
        WHERE length(w.passed) < 16 AND NOT has(w.passed, w.reached)
    ),
    ends AS
    (
        SELECT
            alias,
            argMax(
                if(has(passed, reached), arrayMin(arraySlice(passed, indexOf(passed, reached))), reached), length(passed)
            ) AS end
        FROM walk
        GROUP BY alias
    )
SELECT alias, end AS customer_id FROM ends WHERE end != alias
COMMENT '客户编号对照 / which id is kept for one that is given up';

-- What the newest state of each customer in each Kafka partition says, read out of its JSON (schemas/customers.py; a test
-- compares the two). Where the bound on ends of relations was reached, nobody knows whether a relation that is older than
-- those that are left has ended.
CREATE OR REPLACE VIEW {database}.customer_rows {on_cluster}
(
    customer_id      String                          COMMENT '客户编号 / customer',
    kafka_partition  UInt16                          COMMENT '消息分区 / Kafka partition',
    version          UInt64                          COMMENT '版本（已计入的最大位点） / highest offset applied',
    relations        Array(Tuple(guide_id String, added_at Nullable(DateTime64(3, 'UTC')), ended_at Nullable(DateTime64(3, 'UTC')), ended_by LowCardinality(String)))
                                                     COMMENT '与导购的好友关系 / per guide: last made, last ended, ended by customer, guide or transfer',
    first_added_at   Nullable(DateTime64(3, 'UTC'))  COMMENT '首次加粉时间 / first friend relation with any guide',
    first_touch_at   Nullable(DateTime64(3, 'UTC'))  COMMENT '首次触达时间 / click of the first touch',
    first_click_id   String                          COMMENT '首次触达点击 / click of the first touch',
    first_guide_id   String                          COMMENT '首次触达导购 / guide of the first touch',
    first_link       String                          COMMENT '首次触达短链 / link of the first touch',
    first_variant    String                          COMMENT '首次触达测试版本 / arm of the first touch',
    last_touch_at    Nullable(DateTime64(3, 'UTC'))  COMMENT '最近触达时间 / click of the last touch',
    last_click_id    String                          COMMENT '最近触达点击 / click of the last touch',
    last_guide_id    String                          COMMENT '最近触达导购 / guide of the last touch',
    last_link        String                          COMMENT '最近触达短链 / link of the last touch',
    last_variant     String                          COMMENT '最近触达测试版本 / arm of the last touch',
    messages_in      Array(DateTime64(3, 'UTC'))     COMMENT '客户消息时间（有效沟通所需） / messages by the customer, as far as a first effective contact may need them',
    messages_out     Array(DateTime64(3, 'UTC'))     COMMENT '导购消息时间（有效沟通所需） / messages by guides, as far as a first effective contact may need them',
    first_order_at   Nullable(DateTime64(3, 'UTC'))  COMMENT '首单时间 / first order paid',
    first_order      String                          COMMENT '首单（订单编号 SHA-256 前 12 位） / first order: the first 12 digits of the SHA-256 of its id',
    last_order_at    Nullable(DateTime64(3, 'UTC'))  COMMENT '末单时间 / last order paid',
    orders           UInt64                          COMMENT '订单数（去重，分次支付计一单） / distinct orders paid, in parts or not',
    payments         UInt64                          COMMENT '支付笔数 / payments, of which an order may have several',
    paid_orders      Array(Tuple(order String, payments UInt64))
                                                     COMMENT '各订单的支付笔数（最多 128 单，订单同 first_order） / payments by order (as in first_order), of more than 128 those with the lowest digits',
    revenue          Decimal(38, 4)                  COMMENT '支付金额 / amount of orders paid',
    refunds          Decimal(38, 4)                  COMMENT '退款金额 / amount refunded',
    margin           Decimal(38, 4)                  COMMENT '毛利（已扣退款） / gross margin net of refunds',
    tags             Array(Tuple(tag String, at DateTime64(3, 'UTC'), is_set Bool)) COMMENT '标签 / tags, each with its last change',
    consent          LowCardinality(String)          COMMENT '授权 / given, withdrawn, or empty when never said',
    consent_at       Nullable(DateTime64(3, 'UTC'))  COMMENT '授权变更时间 / when that was said',
    last_active_at   Nullable(DateTime64(3, 'UTC'))  COMMENT '最近活跃时间 / last thing the customer did',
    referred_by      String                          COMMENT '推荐人 / customer who brought this one',
    referred_at      Nullable(DateTime64(3, 'UTC'))  COMMENT '推荐时间 / when this one was first brought'
)
AS SELECT
    customer_id, kafka_partition, version,
    arrayMap(
        r -> (
            r.1, fromUnixTimestamp64Milli(nullIf(r.2, 0), 'UTC'), fromUnixTimestamp64Milli(nullIf(r.3, 0), 'UTC'), r.4
        ),
        arraySort(r -> r.1, arrayConcat(
            arrayMap(
                guide -> (guide, said.begun[guide], said.ended[guide].1, said.ended[guide].2), mapKeys(said.ended)
            ),
            arrayMap(guide -> (guide, said.begun[guide], toInt64(0), ''), arrayFilter(
                (guide, at) -> NOT mapContains(said.ended, guide)
                    AND at > if(length(said.ended) < 64, 0, arrayMin(mapValues(said.ended).1)),
                mapKeys(said.begun), mapValues(said.begun)
            ))
        ))
    ) AS relations,
    fromUnixTimestamp64Milli(nullIf(said.first_added_at, 0), 'UTC') AS first_added_at,
    fromUnixTimestamp64Milli(nullIf((said.touches[1] AS first).1, 0), 'UTC') AS first_touch_at, first.2 AS first_click_id,
    first.4 AS first_guide_id, first.3 AS first_link, first.5 AS first_variant,
    fromUnixTimestamp64Milli(nullIf((said.touches[-1] AS last).1, 0), 'UTC') AS last_touch_at, last.2 AS last_click_id,
    last.4 AS last_guide_id, last.3 AS last_link, last.5 AS last_variant,
    arrayMap(at -> fromUnixTimestamp64Milli(at, 'UTC'), said.messages.incoming) AS messages_in,
    arrayMap(at -> fromUnixTimestamp64Milli(at, 'UTC'), said.messages.outgoing) AS messages_out,
    fromUnixTimestamp64Milli(nullIf(said.first_order.1, 0), 'UTC') AS first_order_at, said.first_order.2 AS first_order,
    fromUnixTimestamp64Milli(nullIf(said.last_order_at, 0), 'UTC') AS last_order_at,
    length(said.paid_orders) + said.payments - arraySum(mapValues(said.paid_orders)) AS orders,
    said.payments AS payments, arrayZip(mapKeys(said.paid_orders), mapValues(said.paid_orders)) AS paid_orders,
    said.revenue * toDecimal128('0.0001', 4) AS revenue, said.refunds * toDecimal128('0.0001', 4) AS refunds,
    said.margin * toDecimal128('0.0001', 4) AS margin,
    arrayMap(
        (tag, change) -> (tag, fromUnixTimestamp64Milli(change.1, 'UTC'), NOT change.2),
        mapKeys(said.tags), mapValues(said.tags)
    ) AS tags,
    multiIf(said.consent.1 = 0, '', said.consent.2, 'withdrawn', 'given') AS consent,
    fromUnixTimestamp64Milli(nullIf(said.consent.1, 0), 'UTC') AS consent_at,
    fromUnixTimestamp64Milli(nullIf(said.last_active_at, 0), 'UTC') AS last_active_at,
    said.referred.2 AS referred_by, fromUnixTimestamp64Milli(nullIf(said.referred.1, 0), 'UTC') AS referred_at
FROM
(
    SELECT
        customer_id, kafka_partition, version,
        JSONExtract(state, 'Tuple(
            begun Map(String, Int64), ended Map(String, Tuple(Int64, String)), first_added_at Int64,
            touches Array(Tuple(Int64, String, String, String, String)),
            messages Tuple(incoming Array(Int64), outgoing Array(Int64)),
            first_order Tuple(Int64, String), last_order_at Int64, payments UInt64, paid_orders Map(String, UInt64),
            revenue Decimal(38, 0), refunds Decimal(38, 0), margin Decimal(38, 0),
            tags Map(String, Tuple(Int64, Bool)), consent Tuple(Int64, Bool), last_active_at Int64,
            referred Tuple(Int64, String)
        )') AS said
    FROM {database}.customer_states FINAL
)
COMMENT '客户状态明细（每分区一行） / states of customers by column, a row per Kafka partition';

-- What is known of each customer: the rows of all Kafka partitions and of all ids of theirs, merged by the rules of
-- stream/attribute/customer.py (a test compares the two).
-- The bounds on guides and tags that a row keeps to are not applied again to what several rows have together.
CREATE OR REPLACE VIEW {database}.customers {on_cluster}
(
    customer_id      String                         COMMENT '客户编号（合并后） / customer, by the id that is kept',
    guide_id         String                         COMMENT '现属导购 / guide of the newest friend relation that is on; empty when none is',
    added_at         Nullable(DateTime64(3, 'UTC')) COMMENT '加粉时间 / when that relation was made; when none is on, the one that ended last',
    deleted_at       Nullable(DateTime64(3, 'UTC')) COMMENT '流失时间 / when the last relation ended; empty while one is on',
    former_guide_id  String                         COMMENT '原属导购 / guide of the relation that ended last, when none is on',
    first_added_at   Nullable(DateTime64(3, 'UTC')) COMMENT '首次加粉时间 / first friend relation with any guide',
    first_touch_at   Nullable(DateTime64(3, 'UTC')) COMMENT '首次触达时间 / click of the first touch',
    first_click_id   String                         COMMENT '首次触达点击 / click of the first touch',
    first_guide_id   String                         COMMENT '首次触达导购 / guide of the first touch',
    first_link       String                         COMMENT '首次触达短链 / link of the first touch',
    first_variant    String                         COMMENT '首次触达测试版本 / arm of the first touch',
    last_touch_at    Nullable(DateTime64(3, 'UTC')) COMMENT '最近触达时间 / click of the last touch',
    last_click_id    String                         COMMENT '最近触达点击 / click of the last touch',
    last_guide_id    String                         COMMENT '最近触达导购 / guide of the last touch',
    last_link        String                         COMMENT '最近触达短链 / link of the last touch',
    last_variant     String                         COMMENT '最近触达测试版本 / arm of the last touch',
    first_contact_at Nullable(DateTime64(3, 'UTC')) COMMENT '首次有效沟通时间 / first effective contact',
    served_at        Nullable(DateTime64(3, 'UTC')) COMMENT '服务成功时间 / when they had been added and had an effective contact',
    first_order_at   Nullable(DateTime64(3, 'UTC')) COMMENT '首单时间 / first order paid',
    first_order      String                         COMMENT '首单（订单编号 SHA-256 前 12 位） / first order: the first 12 digits of the SHA-256 of its id',
    dealt_at         Nullable(DateTime64(3, 'UTC')) COMMENT '成交时间 / when they had been served and had paid an order',
    last_order_at    Nullable(DateTime64(3, 'UTC')) COMMENT '末单时间 / last order paid',
    orders           UInt64                         COMMENT '订单数（去重，分次支付计一单） / distinct orders paid, in parts or not; of one customer beyond 128 a part may count as an order',
    payments         UInt64                         COMMENT '支付笔数 / payments, of which an order may have several',
    revenue          Decimal(38, 4)                 COMMENT '支付金额 / amount of orders paid',
    refunds          Decimal(38, 4)                 COMMENT '退款金额 / amount refunded',
    margin           Decimal(38, 4)                 COMMENT '毛利（已扣退款） / gross margin net of refunds',
    tags             Array(String)                  COMMENT '标签 / tags that are set',
    consent          LowCardinality(String)         COMMENT '授权 / given, withdrawn, or empty when never said',
    consent_at       Nullable(DateTime64(3, 'UTC')) COMMENT '授权变更时间 / when that was said',
    last_active_at   Nullable(DateTime64(3, 'UTC')) COMMENT '最近活跃时间 / last thing the customer did',
    referred_by      String                         COMMENT '推荐人 / customer who brought this one, by the id that is kept',
    transfers        UInt64                         COMMENT '转移次数 / guides who handed the customer over',
    aliases          UInt64                         COMMENT '别名数 / further ids of the customer',
    relations        Array(Tuple(guide_id String, added_at Nullable(DateTime64(3, 'UTC')), ended_at Nullable(DateTime64(3, 'UTC')), ended_by LowCardinality(String)))
                                                    COMMENT '与导购的好友关系 / per guide: last made, last ended, by whom',
    version          UInt64                         COMMENT '版本 / grows with every event: sum of the versions of the merged rows'
)
AS SELECT
    m.id AS customer_id,
    m.friends[-1].guide_id AS guide_id,
    if(empty(m.friends), (arraySort(r -> (r.ended_at, r.guide_id), arrayFilter(
        r -> isNotNull(r.ended_at), m.relations
    ))[-1] AS former).added_at, m.friends[-1].added_at) AS added_at,
    if(empty(m.friends), former.ended_at, NULL) AS deleted_at,
    if(empty(m.friends), former.guide_id, '') AS former_guide_id,
    m.first_added_at AS first_added_at,
    -- Of several clicks that are one, the one that most is known of.
    (arraySort(arrayFilter(t -> (t.1, t.2) = (m.first_touches[1].1, m.first_touches[1].2), m.first_touches))[-1]
        AS first_touch).1 AS first_touch_at, first_touch.2 AS first_click_id, first_touch.4 AS first_guide_id,
    first_touch.3 AS first_link, first_touch.5 AS first_variant,
    m.last_touch.1 AS last_touch_at, m.last_touch.2 AS last_click_id, m.last_touch.4 AS last_guide_id,
    m.last_touch.3 AS last_link, m.last_touch.5 AS last_variant,
    m.first_contact_at AS first_contact_at,
    if(isNull(m.first_added_at) OR isNull(m.first_contact_at), NULL, greatest(m.first_added_at, m.first_contact_at))
        AS served_at,
    m.first_order_at AS first_order_at, m.first_order AS first_order,
    if(isNull(served_at) OR isNull(m.first_order_at), NULL, greatest(served_at, m.first_order_at)) AS dealt_at,
    m.last_order_at AS last_order_at, m.orders AS orders, m.payments AS payments,
    m.revenue AS revenue, m.refunds AS refunds, m.margin AS margin,
    arraySort(arrayFilter(
        tag -> NOT arrayReduce('max', arrayMap(t -> (t.at, NOT t.is_set), arrayFilter(t -> t.tag = tag, m.tags))).2,
        arrayDistinct(m.tags.tag)
    )) AS tags,
    m.said.3 AS consent, m.said.1 AS consent_at, m.last_active_at AS last_active_at,
    coalesce(nullIf(b.customer_id, ''), m.referral.2) AS referred_by,
    arrayCount(r -> r.ended_by = 'transfer', m.relations) AS transfers,
    ifNull(a.ids, 0) AS aliases, m.relations AS relations, m.version AS version
FROM
(
    SELECT
        * EXCEPT (relations, first_in, first_out, contact, messages, orders, paid),
        if(g.rows = 1, g.orders, length(
            arraySlice(arraySort(arrayDistinct(g.paid.order)), 1, 128) AS known
        ) + g.payments - arraySum(p -> if(has(known, p.order), p.payments, 0), g.paid)) AS orders,
        CAST(
            arrayMap(
                rows -> (
                    rows[1].guide_id,
                    arrayReduce('max', arrayMap(r -> r.added_at, rows)),
                    (arrayReduce('max', arrayMap(r -> (r.ended_at, r.ended_by), rows)) AS ended).1,
                    ended.2
                ),
                arrayMap(
                    guide -> arrayFilter(r -> r.guide_id = guide, g.relations),
                    arraySort(arrayDistinct(g.relations.guide_id))
                )
            ) AS Array(Tuple(
                guide_id String, added_at Nullable(DateTime64(3, 'UTC')), ended_at Nullable(DateTime64(3, 'UTC')),
                ended_by String
            ))
        ) AS relations,
        arraySort(r -> (r.added_at, r.guide_id), arrayFilter(
            r -> ifNull(r.added_at > r.ended_at, isNotNull(r.added_at)), relations
        )) AS friends,
        if(empty(g.messages), g.contact, fromUnixTimestamp64Milli(nullIf(arrayFold(
            -- Message by message in order of time: the last one of each direction, and the first that met one.
            (seen, message) -> if(seen.3 != 0, seen, (
                if(message.2, message.1, seen.1),
                if(message.2, seen.2, message.1),
                if(message.1 - if(message.2, seen.2, seen.1) <= {contact_ms}, message.1, 0)
            )),
            arraySort(g.messages),
            (toInt64(0), toInt64(0), toInt64(0))
        ).3, 0), 'UTC')) AS first_contact_at
    FROM
    (
        SELECT
            coalesce(nullIf(k.customer_id, ''), s.customer_id) AS id,
            count() AS rows,
            sum(s.version) AS version,
            groupArrayArray(s.relations) AS relations,
            min(s.first_added_at) AS first_added_at,
            arraySort(groupArrayIf(
                (s.first_touch_at, s.first_click_id, s.first_link, s.first_guide_id, s.first_variant),
                isNotNull(s.first_touch_at)
            )) AS first_touches,
            max((s.last_touch_at, s.last_click_id, s.last_link, s.last_guide_id, s.last_variant)) AS last_touch,
            -- Nearly always the first message of either direction is the contact, or there is none.
            min(if(empty(s.messages_in), NULL, s.messages_in[1])) AS first_in,
            min(if(empty(s.messages_out), NULL, s.messages_out[1])) AS first_out,
            if(isNull(first_in) OR isNull(first_out), NULL, greatest(first_in, first_out)) AS contact,
            if(
                isNull(contact) OR abs(dateDiff('millisecond', first_in, first_out)) <= {contact_ms}, [],
                groupArrayArray(arrayConcat(
                    arrayMap(at -> (toUnixTimestamp64Milli(at), true), s.messages_in),
                    arrayMap(at -> (toUnixTimestamp64Milli(at), false), s.messages_out)
                ))
            ) AS messages,
            min(s.first_order_at) AS first_order_at, max(s.last_order_at) AS last_order_at,
            argMinIf(s.first_order, (s.first_order_at, s.first_order), isNotNull(s.first_order_at)) AS first_order,
            sum(s.orders) AS orders, sum(s.payments) AS payments, groupArrayArray(s.paid_orders) AS paid,
            sum(s.revenue) AS revenue, sum(s.refunds) AS refunds, sum(s.margin) AS margin,
            groupArrayArray(s.tags) AS tags,
            max((s.consent_at, s.consent = 'withdrawn', s.consent)) AS said,
            max(s.last_active_at) AS last_active_at,
            minIf((s.referred_at, s.referred_by), s.referred_by != '') AS referral
        FROM {database}.customer_rows AS s
        LEFT ANY JOIN {database}.customer_ids AS k ON k.alias = s.customer_id
        GROUP BY id
    ) AS g
) AS m
LEFT ANY JOIN {database}.customer_ids AS b ON b.alias = m.referral.2
LEFT ANY JOIN (SELECT customer_id, count() AS ids FROM {database}.customer_ids GROUP BY customer_id) AS a
    ON a.customer_id = m.id
COMMENT '客户 / customers';
