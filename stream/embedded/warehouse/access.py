"""The engine's configuration files: memory, no logs of its own, and the roles that its access control enforces."""

from pathlib import Path

from stream.embedded.warehouse.users import Role

# The engine signs every connection in as `default`; a connection then takes one role (SET ROLE), which leaves it
# exactly that role's rights.
_USERS = """<clickhouse>
  <profiles><default>
    <default_normal_view_sql_security>DEFINER</default_normal_view_sql_security>
    <default_view_definer>default</default_view_definer>
  </default></profiles>
  <quotas><default/></quotas>
  <roles>
    <{writer}><grants>
      <query>GRANT ALL ON *.*</query>
      <query>REVOKE FILE ON *.*</query>
    </grants></{writer}>
    <{bi}><grants>{grants}</grants></{bi}>
  </roles>
  <users><default>
    <password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <grants><query>GRANT {writer}</query><query>GRANT {bi}</query></grants>
  </default></users>
</clickhouse>
"""
_CONFIG = """<clickhouse>
  <users_config>{users}</users_config>
  <user_directories><users_xml><path>{users}</path></users_xml></user_directories>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <logger><level>none</level></logger>
</clickhouse>
"""


def write_users(path: Path, databases: list[str]) -> None:
    """Write the roles: the BI role reads what is named `bi_...` in these databases, and nothing else.

    Args:
        path: of the users file; appears whole or not at all.
        databases: names of letters, digits and underscores; others get no grant.
    """
    plain = sorted(name for name in databases if name.replace("_", "a").isalnum() and name.isascii())
    # A grant by prefix, unlike one by table, does not let its holder enter the database (USE, `database=` of a client).
    grants = "".join(
        f"<query>GRANT SELECT ON {name}.bi_*</query><query>GRANT SHOW DATABASES ON {name}.*</query>" for name in plain
    )
    _replace(path, _USERS.format(writer=Role.WRITER, bi=Role.BI, grants=grants))


def write_config(path: Path, users: Path, memory_bytes: int) -> None:
    """Write the server's configuration file."""
    _replace(path, _CONFIG.format(users=users, memory=memory_bytes))


def _replace(path: Path, text: str) -> None:
    scratch = path.with_suffix(".tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
