-- How fast guides answer, by event time: from a customer's message to the guide's next one to that customer. Several
-- messages before one answer are one question, from the first of them on; it stands on the day of that first one, in
-- the brand's time zone, under the guide of the chat and the store that the guide works in now. What has no answer yet
-- is counted and is in no median. Messages of one moment stand in the order in which they came. Medians do not add up: ask
-- for the row of the dimension.
--
--   SELECT name, questions, answered, median_seconds, p90_seconds FROM bi_response_times
--   WHERE dimension = 'guide' AND day = yesterday() ORDER BY median_seconds DESC
CREATE OR REPLACE VIEW {database}.bi_response_times {on_cluster}
(
    day            Date                   COMMENT '日期（品牌时区，按发生时间） / day of the question',
    dimension      LowCardinality(String) COMMENT '维度 / all, guide, store or region',
    id             String                 COMMENT '维度编号 / id within the dimension, empty for all',
    name           String                 COMMENT '名称 / its name, or its id where it has none',
    questions      UInt64                 COMMENT '客户提问数 / first messages of customers since the guide''s last',
    answered       UInt64                 COMMENT '已回复数 / of these, answered',
    unanswered     UInt64                 COMMENT '未回复数 / of these, not answered so far',
    median_seconds Nullable(Float64)      COMMENT '首响时长中位数（秒） / median of the time to the answer, seconds',
    p90_seconds    Nullable(Float64)      COMMENT '首响时长 P90（秒） / seconds that nine in ten answers stay within'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    m.day AS day, m.dimension AS dimension, m.id AS id, coalesce(nullIf(n.name, ''), m.id) AS name,
    m.questions, m.answered, m.questions - m.answered AS unanswered,
    if(m.answered = 0, NULL, m.quantiles[1]) AS median_seconds,
    if(m.answered = 0, NULL, m.quantiles[2]) AS p90_seconds
FROM
(
    SELECT
        toDate(q.asked_at, '{timezone}') AS day, d.1 AS dimension, d.2 AS id,
        count() AS questions, countIf(q.is_answered) AS answered,
        quantilesExactInclusiveIf(0.5, 0.9)(q.seconds, q.is_answered) AS quantiles
    FROM
    (
        SELECT
            guide_id, occurred_at AS asked_at, type,
            leadInFrame(type) OVER following = 'message_out' AS is_answered,
            dateDiff('millisecond', occurred_at, leadInFrame(occurred_at) OVER following) / 1000 AS seconds
        FROM
        (
            SELECT
                guide_id, customer_id, occurred_at, append_time, kafka_partition, kafka_offset, type,
                lagInFrame(type) OVER (
                    PARTITION BY guide_id, customer_id ORDER BY occurred_at, append_time, kafka_partition, kafka_offset
                    ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
                ) AS type_before
            FROM
            (
                SELECT
                    c.guide_id AS guide_id, coalesce(nullIf(k.customer_id, ''), c.customer_id) AS customer_id,
                    c.occurred_at AS occurred_at, c.append_time AS append_time, c.kafka_partition AS kafka_partition,
                    c.kafka_offset AS kafka_offset, c.type AS type
                FROM
                (
                    SELECT
                        toString(acting_guide_id) AS guide_id, customer_id, occurred_at, append_time, kafka_partition,
                        kafka_offset, toString(type) AS type
                    FROM {database}.conversions FINAL
                    WHERE type IN ('message_in', 'message_out')
                ) AS c
                LEFT ANY JOIN {database}.customer_ids AS k ON k.alias = c.customer_id
            )
        )
        WHERE type != type_before
        WINDOW following AS (
            PARTITION BY guide_id, customer_id ORDER BY occurred_at, append_time, kafka_partition, kafka_offset
            ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING
        )
    ) AS q
    LEFT ANY JOIN (SELECT guide_id, store_id FROM {database}.guides FINAL) AS g ON g.guide_id = q.guide_id
    LEFT ANY JOIN (SELECT store_id, region_id FROM {database}.stores FINAL) AS s ON s.store_id = g.store_id
    ARRAY JOIN
        [('all', ''), ('guide', q.guide_id), ('store', ifNull(g.store_id, '')), ('region', ifNull(s.region_id, ''))] AS d
    WHERE q.type = 'message_in'
    GROUP BY day, dimension, id
) AS m
LEFT ANY JOIN {database}.registry_names AS n ON n.dimension = m.dimension AND n.id = m.id
COMMENT '首次响应时长 / time to a guide''s answer per day, by event time';

-- How long from the first add to the first paid order, by event time: on the day of that order, under the link and
-- guide credited for it. Who had ordered before the add is counted apart and is in no median.
--
--   SELECT day, deals, median_days, p90_days FROM bi_first_deal_cycle WHERE dimension = 'all' ORDER BY day
CREATE OR REPLACE VIEW {database}.bi_first_deal_cycle {on_cluster}
(
    day           Date                   COMMENT '首单日期（品牌时区，按发生时间） / day of the first order',
    dimension     LowCardinality(String) COMMENT '维度 / all, link, guide, store, region, campaign, touchpoint or variant (id: link/variant)',
    id            String                 COMMENT '维度编号 / id within the dimension, empty for all',
    name          String                 COMMENT '名称 / its name, or its id where it has none',
    deals         UInt64                 COMMENT '首单客户数（加粉后） / customers whose first order came after their first add',
    ordered_first UInt64                 COMMENT '先下单后加粉客户数 / customers who had ordered before they were added',
    median_days   Nullable(Float64)      COMMENT '首单周期中位数（天） / median of the days from the first add to the first order',
    p90_days      Nullable(Float64)      COMMENT '首单周期 P90（天） / days that nine in ten stay within'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    m.day AS day, m.dimension AS dimension, m.id AS id, coalesce(nullIf(n.name, ''), m.id) AS name,
    m.deals, m.ordered_first,
    if(m.deals = 0, NULL, m.quantiles[1]) AS median_days,
    if(m.deals = 0, NULL, m.quantiles[2]) AS p90_days
FROM
(
    SELECT
        day, d.1 AS dimension, d.2 AS id, countIf(days >= 0) AS deals, countIf(days < 0) AS ordered_first,
        quantilesExactInclusiveIf(0.5, 0.9)(days, days >= 0) AS quantiles
    FROM
    (
        SELECT
            customer_id, toDate(assumeNotNull(first_order_at), '{timezone}') AS day,
            argMin(dimensions, (kafka_partition, kafka_offset)) AS dimensions,
            dateDiff('millisecond', assumeNotNull(any(first_added_at)), assumeNotNull(any(first_order_at))) / 86400000
                AS days
        FROM {database}.conversion_steps
        WHERE type = 'order_paid' AND occurred_at = first_order_at AND isNotNull(first_added_at)
        GROUP BY customer_id, day
    )
    ARRAY JOIN dimensions AS d
    GROUP BY day, dimension, id
) AS m
LEFT ANY JOIN {database}.registry_names AS n ON n.dimension = m.dimension AND n.id = m.id
COMMENT '首单周期 / time from the first add to the first order per day, by event time';

-- More than one Moments post a day (in the brand's time zone), in two readings that are not to be mixed:
--
-- - `guide`: the guide posted more than once that day, whoever could see it. A feed that sends one event per customer
--   who sees a post must not be read this way.
-- - `customer`: one customer could see more than one of the guide's posts that day: those that name the customer, and
--   those that name nobody and are for all. Only customers who are named by some post are known here.
--
--   SELECT day, guide_name, posts FROM bi_moments_violations WHERE reading = 'guide' AND day >= today() - 7
CREATE OR REPLACE VIEW {database}.bi_moments_violations {on_cluster}
(
    day         Date                   COMMENT '日期（品牌时区，按发生时间） / day',
    reading     LowCardinality(String) COMMENT '口径 / guide: posts of the guide; customer: posts that one customer could see',
    guide_id    String                 COMMENT '导购编号 / guide who posted',
    guide_name  String                 COMMENT '导购姓名 / name of the guide',
    customer_id String                 COMMENT '客户编号（合并后） / customer, empty in the reading guide',
    posts       UInt64                 COMMENT '朋友圈条数 / posts of the day, more than one',
    excess      UInt64                 COMMENT '超出条数 / posts beyond the first',
    first_at    DateTime64(3, '{timezone}') COMMENT '首条时间 / first post of the day',
    last_at     DateTime64(3, '{timezone}') COMMENT '末条时间 / last post of the day'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    p.day AS day, p.reading AS reading, p.guide_id AS guide_id, coalesce(nullIf(n.name, ''), p.guide_id) AS guide_name,
    p.customer_id AS customer_id, p.posts AS posts, p.posts - 1 AS excess,
    toTimeZone(p.first_at, '{timezone}') AS first_at, toTimeZone(p.last_at, '{timezone}') AS last_at
FROM
(
    SELECT
        day, guide_id, customer_id, if(customer_id = '', 'guide', 'customer') AS reading,
        count() AS posts, min(at) AS first_at, max(at) AS last_at
    FROM
    (
        -- Each post stands once for the guide, and once for each customer of the day who could see it.
        SELECT
            day, guide_id, posts.1 AS at,
            arrayJoin(arrayConcat([''], if(posts.2 = '', customers, [posts.2]))) AS customer_id
        FROM
        (
            SELECT
                toDate(occurred_at, '{timezone}') AS day, toString(acting_guide_id) AS guide_id,
                groupArray((occurred_at, customer_id)) AS posts,
                groupUniqArrayIf(customer_id, customer_id != '') AS customers
            FROM {database}.conversion_steps
            WHERE type = 'moments_post'
            GROUP BY day, guide_id
        )
        ARRAY JOIN posts
    )
    GROUP BY day, guide_id, customer_id
    HAVING posts > 1
) AS p
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'guide') AS n ON n.id = p.guide_id
COMMENT '朋友圈超限 / more than one Moments post a day, in two readings';

-- Tasks given to guides and done, by event time: a task may be done on another day than it was given, so a rate of one
-- day may pass 1. Counts add up. The rate of a day whose conversions retention has dropped, were it in part, is NULL.
--
--   SELECT guide_name, sum(done) / sum(assigned) FROM bi_tasks WHERE day >= today() - 7 GROUP BY guide_name
CREATE OR REPLACE VIEW {database}.bi_tasks {on_cluster}
(
    day        Date              COMMENT '日期（品牌时区，按发生时间） / day',
    guide_id   String            COMMENT '导购编号 / guide',
    guide_name String            COMMENT '导购姓名 / name of the guide',
    task       String            COMMENT '任务 / task',
    assigned   UInt64            COMMENT '下发数 / times it was given',
    done       UInt64            COMMENT '完成数 / times it was done',
    done_rate  Nullable(Float64) COMMENT '完成率 / done / assigned'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    t.day AS day, t.guide_id AS guide_id, coalesce(nullIf(n.name, ''), t.guide_id) AS guide_name, t.task AS task,
    t.assigned AS assigned, t.done AS done,
    if(ifNull(t.day >= (SELECT conversions FROM {database}.known_since), false), t.done / nullIf(t.assigned, 0), NULL)
        AS done_rate
FROM
(
    SELECT
        toDate(occurred_at, '{timezone}') AS day, toString(acting_guide_id) AS guide_id,
        JSONExtractString(properties, 'task') AS task,
        countIf(type = 'task_assigned') AS assigned, countIf(type = 'task_done') AS done
    FROM {database}.conversions FINAL
    WHERE type IN ('task_assigned', 'task_done')
    GROUP BY day, guide_id, task
) AS t
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'guide') AS n ON n.id = t.guide_id
COMMENT '每日任务 / tasks per day, by event time';

-- What guides did and what became of their own friends, by event time: every event stands under the guide who acted, or
-- whose relation or chat it is, whoever is credited for it (`bi_funnel_day` has those). Counts add up. Reaches back as far
-- as raw rows are kept; the rate of a day whose conversions retention has dropped, were it in part, is NULL.
--
--   SELECT guide_name, sum(adds), sum(deletes), sum(deletes) / nullIf(sum(adds), 0) FROM bi_guide_work_day
--   WHERE day >= today() - 7 GROUP BY guide_name
CREATE OR REPLACE VIEW {database}.bi_guide_work_day {on_cluster}
(
    day           Date              COMMENT '日期（品牌时区，按发生时间） / day',
    guide_id      String            COMMENT '操作导购编号 / guide who acted',
    guide_name    String            COMMENT '导购姓名 / name of the guide',
    adds          UInt64            COMMENT '加粉数 / friends added',
    deletes       UInt64            COMMENT '删粉数（客户删除） / friends who deleted the guide',
    drops         UInt64            COMMENT '删除客户数（导购删除） / customers whom the guide deleted',
    transfers     UInt64            COMMENT '接手客户数 / customers handed to the guide',
    messages_in   UInt64            COMMENT '客户消息数 / messages by customers to the guide',
    messages_out  UInt64            COMMENT '导购消息数 / messages by the guide',
    group_posts   UInt64            COMMENT '群发帖数 / posts in groups',
    moments_posts UInt64            COMMENT '朋友圈数 / posts in Moments',
    delete_rate   Nullable(Float64) COMMENT '删粉率 / deletes / adds'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    w.day AS day, w.guide_id AS guide_id, coalesce(nullIf(n.name, ''), w.guide_id) AS guide_name, w.adds AS adds,
    w.deletes AS deletes, w.drops AS drops, w.transfers AS transfers, w.messages_in AS messages_in,
    w.messages_out AS messages_out, w.group_posts AS group_posts, w.moments_posts AS moments_posts,
    if(ifNull(w.day >= (SELECT conversions FROM {database}.known_since), false), w.deletes / nullIf(w.adds, 0), NULL)
        AS delete_rate
FROM
(
    SELECT
        toDate(occurred_at, '{timezone}') AS day, toString(acting_guide_id) AS guide_id,
        countIf(type = 'friend_added') AS adds, countIf(type = 'friend_deleted') AS deletes,
        countIf(type = 'friend_dropped') AS drops, countIf(type = 'transferred') AS transfers,
        countIf(type = 'message_in') AS messages_in, countIf(type = 'message_out') AS messages_out,
        countIf(type = 'group_post') AS group_posts, countIf(type = 'moments_post') AS moments_posts
    FROM {database}.conversions FINAL
    WHERE acting_guide_id != '' AND type IN (
        'friend_added', 'friend_deleted', 'friend_dropped', 'transferred', 'message_in', 'message_out', 'group_post',
        'moments_post'
    )
    GROUP BY day, guide_id
) AS w
LEFT ANY JOIN (SELECT id, name FROM {database}.registry_names WHERE dimension = 'guide') AS n ON n.id = w.guide_id
COMMENT '每日导购行为 / what guides did per day, by event time';
