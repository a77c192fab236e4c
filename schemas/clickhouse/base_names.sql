-- What the registry calls things now, deleted ones too: numbers of the past keep their names.
CREATE OR REPLACE VIEW {database}.registry_names {on_cluster}
(
    dimension String COMMENT '维度 / guide, store, region or campaign',
    id        String COMMENT '编号 / id within the dimension',
    name      String COMMENT '名称 / its newest name'
)
AS
SELECT 'guide' AS dimension, guide_id AS id, name FROM {database}.guides FINAL WHERE name != ''
UNION ALL
SELECT 'store' AS dimension, store_id AS id, name FROM {database}.stores FINAL WHERE name != ''
UNION ALL
SELECT 'region' AS dimension, region_id AS id, argMax(region_name, version) AS name
FROM {database}.stores FINAL WHERE region_name != '' GROUP BY region_id
UNION ALL
SELECT 'campaign' AS dimension, campaign_id AS id, name FROM {database}.campaigns FINAL WHERE name != ''
COMMENT '登记名称 / names of guides, stores, regions and campaigns';
