-- Up to where a certificate vouches: what the worker takes in behind it is of somebody new, or goes under the pseudonym.
ALTER TABLE {database}.erasures {on_cluster}
    ADD COLUMN IF NOT EXISTS offsets Map(UInt16, UInt64)
        COMMENT '已处理至的 conversions 偏移量（按分区） / last offset of the topic conversions that is dealt with, by partition'
        AFTER rows_changed;
