"""Bring the ClickHouse schema up to date: `schemas/clickhouse/*.sql`, in order, recorded in `schema_migrations`.

Two kinds of files:

- `NNNN_name.sql` runs once. Its checksum is kept, and a file that changed after it was applied is an error: what it
  says is no longer what the tables are.
- `base_name.sql` and `bi_name.sql` hold views, the former those that others are made of. They run again whenever their
  text changes, by a release or by a setting (the brand's time zone, the retention), and replace the views in place.

ClickHouse has neither transactions over DDL nor locks, so every statement must be one that can be repeated (IF NOT
EXISTS, OR REPLACE; a test holds this). That makes two runs at once, and a run that died half-way, harmless.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from schemas.topics import CLICKS, CONVERSIONS
from stream.base.errors import GuidestreamError, SettingsError
from stream.base.settings import Settings
from stream.sink import access, retention
from stream.sink.clickhouse import ClickHouse, QueryError
from stream.sink.sql import Target, per_grain, render, statements

Report = Callable[[str], None]

_ONCE = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
_VIEWS = re.compile(r"(base|bi)_[a-z0-9_]+\.sql")

_LEDGER = """
CREATE TABLE IF NOT EXISTS {database}.schema_migrations {on_cluster}
(
    name       String               COMMENT '文件名 / file in schemas/clickhouse',
    checksum   FixedString(64)      COMMENT '校验和 / SHA-256 of the file, of the rendered text for views',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT '执行时间 / when it was applied'
)
ENGINE = {engine:ReplacingMergeTree(applied_at)}
ORDER BY name
COMMENT '已执行的结构变更 / schema files that were applied'
"""


class MigrationError(GuidestreamError):
    """The schema cannot be brought up to date; names the file and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """One file, ready to run."""

    name: str
    checksum: str
    statements: tuple[str, ...]
    once: bool


def steps(target: Target) -> list[Step]:
    """Every file of `schemas/clickhouse`, rendered, in the order in which it must run: tables, then views."""
    found = []
    for file in files("schemas").joinpath("clickhouse").iterdir():
        once = _ONCE.fullmatch(file.name) is not None
        if once or _VIEWS.fullmatch(file.name):
            text = file.read_text(encoding="utf-8")
            each = [render(one, target) for statement in statements(text) for one in per_grain(statement)]
            checksum = hashlib.sha256((text if once else ";".join(each)).encode()).hexdigest()
            found.append(Step(file.name, checksum, tuple(each), once))
    return sorted(found, key=lambda step: (not step.once, step.name))


def pending(all_steps: Sequence[Step], applied: dict[str, str]) -> list[Step]:
    """The steps that must run, given name and checksum of those that did.

    Raises:
        MigrationError: an applied file changed, or this release does not have it.
    """
    known = {step.name for step in all_steps}
    newer = sorted(name for name in applied if name not in known and _ONCE.fullmatch(name))
    if newer:
        raise MigrationError(f"the database was migrated by a newer release: {', '.join(newer)} is not in this one")
    for step in all_steps:
        if step.once and applied.get(step.name, step.checksum) != step.checksum:
            raise MigrationError(
                f"{step.name} was changed after it was applied: put it back, and change the schema in a new file"
            )
    return [step for step in all_steps if applied.get(step.name) != step.checksum]


def target_of(settings: Settings) -> Target:
    """What the files' placeholders stand for under these settings."""
    where, kept = settings.clickhouse, retention.kept_days(settings)
    # A customer who was forgotten is missing in the rates as much as a conversion that was dropped.
    days = [kept[name] for name in (CONVERSIONS, retention.CUSTOMERS) if kept[name]]
    return Target(
        where.database,
        where.cluster,
        settings.brand.timezone,
        settings.attribution.contact_ms,
        clicks_days=kept[CLICKS],
        conversions_days=min(days, default=0),
    )


async def migrate(
    clickhouse: ClickHouse, settings: Settings, *, dry_run: bool = False, report: Report = lambda _: None
) -> list[str]:
    """Create the database, apply what is pending, set retention and the BI user's rights.

    Args:
        clickhouse: connected without a database (`database=""`), because it may not exist yet.
        settings: names the database, the cluster, the brand's time zone, the retention and the BI user.
        dry_run: only report the statements that would run.
        report: is given one line per step, for people.

    Returns:
        Names of the files that were applied, or would be.

    Raises:
        MigrationError: an applied file changed, a statement failed.
        SettingsError: no such cluster, or one that the tables are not made for.
        UnavailableError: ClickHouse is not there.
    """
    where = settings.clickhouse
    target = target_of(settings)
    await _check_cluster(clickhouse, where.cluster)
    due = pending(steps(target), await _applied(clickhouse, target))
    if dry_run:
        for step in due:
            report(f"would apply {step.name}:\n" + ";\n\n".join(step.statements) + ";\n")
        return [step.name for step in due]
    await clickhouse.command(render("CREATE DATABASE IF NOT EXISTS {database} {on_cluster}", target))
    await clickhouse.command(render(_LEDGER, target))
    for step in due:
        await _apply(clickhouse, target, step)
        report(f"applied {step.name} ({len(step.statements)} statements)")
    for line in (*await retention.apply(clickhouse, settings), *await access.apply(clickhouse, settings)):
        report(line)
    report(f"{where.database} is up to date" if due else f"{where.database} was up to date")
    return [step.name for step in due]


async def _apply(clickhouse: ClickHouse, target: Target, step: Step) -> None:
    for number, statement in enumerate(step.statements, 1):
        try:
            await clickhouse.command(statement)
        except QueryError as error:
            if (await _applied(clickhouse, target)).get(step.name) == step.checksum:
                return  # another run was faster, and the two met in the middle of a statement
            raise MigrationError(f"{step.name}, statement {number}: {error}") from error
    await clickhouse.command(
        f"INSERT INTO {target.database}.schema_migrations (name, checksum) SELECT {{name:String}}, {{checksum:String}}",
        {"name": step.name, "checksum": step.checksum},
    )


async def _applied(clickhouse: ClickHouse, target: Target) -> dict[str, str]:
    exists = await clickhouse.query(
        "SELECT 1 FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'",
        {"database": target.database},
    )
    if not exists:
        return {}
    rows = await clickhouse.query(
        f"SELECT name, toString(argMax(checksum, applied_at)) FROM {target.database}.schema_migrations GROUP BY name"
    )
    return {str(name): str(checksum) for name, checksum in rows}


async def _check_cluster(clickhouse: ClickHouse, cluster: str) -> None:
    if not cluster:
        return
    rows = await clickhouse.query(
        "SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = {cluster:String}", {"cluster": cluster}
    )
    shards = int(rows[0][0])
    if shards == 0:
        raise SettingsError(f"GUIDESTREAM_CLICKHOUSE_CLUSTER: the server knows no cluster {cluster!r}")
    if shards > 1:
        # A worker recounts what it wrote: every replica must hold all rows, so there is nothing to shard by.
        raise SettingsError(
            f"GUIDESTREAM_CLICKHOUSE_CLUSTER: {cluster!r} has {shards} shards; name one with one shard and its replicas"
        )
