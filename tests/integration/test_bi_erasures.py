"""What BI sees of erasures: how many, how long, how much; nobody."""

from dataclasses import replace

import pytest

from schemas.erasure import CUSTOMER, id_hash
from schemas.person_hashes import PersonKeys
from stream.base.clock import wall_clock
from stream.base.settings import load
from stream.sink.clickhouse import ClickHouse, QueryError
from stream.sink.erasures import Certificate, put

HASH = id_hash(CUSTOMER, "c1", PersonKeys(1, {1: b"k" * 32}))
PSEUDONYM = "erased:" + "0f" * 16


async def test_the_bi_user_sees_that_somebody_was_erased_and_not_who(
    migrated: ClickHouse, environ: dict[str, str]
) -> None:
    now_ms = wall_clock()
    first = Certificate("one", CUSTOMER, HASH, now_ms, now_ms - 7_200_000, now_ms + 60_000, PSEUDONYM, version=1)
    changed = {"conversions": 10, "clicks": 2}
    await put(migrated, first)
    await put(migrated, replace(first, finished_ms=now_ms - 3_600_000, rows_changed=changed, version=2))
    await put(migrated, replace(first, id="two", kafka_until_ms=now_ms - 60_000))
    environ["GUIDESTREAM_CLICKHOUSE_USER"] = environ.pop("GUIDESTREAM_CLICKHOUSE_BI_USER")
    environ["GUIDESTREAM_CLICKHOUSE_PASSWORD"] = environ["GUIDESTREAM_CLICKHOUSE_BI_PASSWORD"]
    environ["GUIDESTREAM_CLICKHOUSE_BI_USER"] = "another"  # two users of one name are refused
    async with await ClickHouse.connect(load(environ)) as reader:
        columns = "certificate, kind, finished, round(hours, 1), gone, rows"
        assert await reader.query(f"SELECT {columns} FROM bi_erasures ORDER BY certificate") == [
            ("one", CUSTOMER, True, 1.0, False, 12),
            ("two", CUSTOMER, False, 2.0, False, 0),
        ]
        everything = str(await reader.query("SELECT * FROM bi_erasures"))
        assert HASH not in everything
        assert PSEUDONYM not in everything
        with pytest.raises(QueryError):
            await reader.query("SELECT * FROM erasures")
