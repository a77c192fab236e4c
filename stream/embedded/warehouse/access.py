"""The engine's configuration files: memory, caches, and the roles that its own access control enforces."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stream.embedded.warehouse.users import Role

_FIXED_SETTINGS: Final = (
    # another language would pass by what `guard` looks for
    "dialect",
    # files of this machine
    "format_schema",
    "format_schema_source",
    "format_template_resultset",
    "format_template_row",
    "output_format_schema",
    # tables and expressions named by a setting
    "implicit_table_at_top_level",
    "parallel_replicas_custom_key",
)
"""Settings that no client may change."""

# The engine signs every connection in as `default`; the connection then takes one role (SET ROLE), which leaves it
# exactly that role's rights. Views run with the rights of `default`, so that whoever may read a view needs no right on
# the tables behind it.
_USERS: Final = """<clickhouse>
  <profiles><default>
    <default_normal_view_sql_security>DEFINER</default_normal_view_sql_security>
    <default_view_definer>default</default_view_definer>
    <max_memory_usage>{query_memory}</max_memory_usage>
    <constraints>{fixed}</constraints>
  </default></profiles>
  <quotas><default/></quotas>
  <roles>
    <{writer}><grants>
      <query>GRANT ALL ON *.*</query>
      <query>REVOKE FILE, SQLITE, ODBC, JDBC, HIVE, DISK ON *.*</query>
      <query>REVOKE SYSTEM SHUTDOWN ON *.*</query>
    </grants></{writer}>
    <{bi}><grants>{grants}</grants></{bi}>
  </roles>
  <users><default>
    <password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <grants><query>GRANT {writer}</query><query>GRANT {bi}</query></grants>
  </default></users>
</clickhouse>
"""
_BI_GRANTS: Final = "<query>GRANT SHOW DATABASES ON {database}.*</query><query>GRANT SELECT ON {database}.bi_*</query>"
_CONFIG: Final = """<clickhouse>
  <users_config>{users}</users_config>
  <user_directories><users_xml><path>{users}</path></users_xml></user_directories>
  <ignore_empty_sql_security_in_create_view_query>0</ignore_empty_sql_security_in_create_view_query>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <merges_mutations_memory_usage_soft_limit>{half}</merges_mutations_memory_usage_soft_limit>
  <mark_cache_size>{cache}</mark_cache_size>
  <primary_index_cache_size>{cache}</primary_index_cache_size>
  <index_mark_cache_size>{cache}</index_mark_cache_size>
  <merge_tree><min_bytes_for_full_part_storage>{packed}</min_bytes_for_full_part_storage></merge_tree>
  <logger><level>none</level></logger>
</clickhouse>
"""


_PACKED_BYTES: Final = 64 << 20
"""A part of less, before compression, is one file and one for each projection, not dozens: ext4 looks at every inode
that was freed in the last minutes before it gives one out, which took 5.8 us of processor a click, and takes 0.5."""


def write_users(path: Path, databases: Iterable[str], query_memory: int) -> None:
    """Write the roles: the BI role reads what is named `bi_...` in these databases, and nothing else.

    Args:
        path: of the users file. The engine reads it when it starts, and never again.
        databases: need not exist yet.
        query_memory: bytes that one query may use.
    """
    text = _USERS.format(
        writer=Role.WRITER,
        bi=Role.BI,
        query_memory=query_memory,
        fixed="".join(f"<{name}><readonly/></{name}>" for name in _FIXED_SETTINGS),
        grants="".join(_BI_GRANTS.format(database=database) for database in databases),
    )
    path.write_text(text, encoding="utf-8")


def write_config(path: Path, users: Path, memory_bytes: int) -> None:
    """Write the server's configuration file; the caches take a share of the memory, not the engine's 5 GB each."""
    text = _CONFIG.format(
        users=users, memory=memory_bytes, half=memory_bytes // 2, cache=memory_bytes // 16, packed=_PACKED_BYTES
    )
    path.write_text(text, encoding="utf-8")
