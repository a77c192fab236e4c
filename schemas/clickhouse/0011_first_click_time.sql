-- With it `attributed` is sent again, after a crash, byte for byte as it was sent first.
ALTER TABLE {database}.conversions {on_cluster}
    ADD COLUMN IF NOT EXISTS first_click_time Nullable(DateTime64(3, 'UTC'))
        COMMENT '首次触达点击的时间 / when the click of the first touch happened' AFTER first_click_id;
