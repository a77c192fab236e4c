"""Making a person's rows anonymous: the statements, and how many rows each changes.

Rows stay, under pseudonyms, one for each id, so that counts, distinct counts and sums are what they were. Statements
that change rows are kept by ClickHouse (`system.mutations`), so they name nobody: ids stand in the table `erasing`
while a run lasts. Sketches of distinct visitors hold hashes that no id can be read from, and stay as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import orjson

from schemas.erasure import CUSTOMER, ERASED, KEPT_PROPERTIES, VISITOR
from stream.sink.clickhouse import ClickHouse
from stream.sink.sql import Target, render

PHONE: Final = "phone"
CLICK: Final = "click"
_EVENT: Final = "event"
_DONE: Final = {"mutations_sync": "2", "allow_nondeterministic_mutations": "1"}
"""Wait for all replicas. The subqueries of these statements say the same on each, because `erasing` does."""


class Erased(NamedTuple):
    """One id that is being erased, or by which somebody is known; for a phone number the hash that is stored of it.

    An event and a click are known by their ids; a click has no pseudonym, for its id is what credit is made of.
    """

    kind: str
    id: str
    pseudonym: str


class Reach(NamedTuple):
    """Up to where rows are of the person who is erased; what lies behind is of somebody new."""

    offsets: Mapping[int, int]
    """The last offset of theirs in each partition of `conversions`: of the event of type `erased`, if there is one."""
    until_ms: int
    """What was said of aliases at this time or before."""
    clicks_before_ms: int
    """Clicks from then on stay; the start of a minute, so that no window is cut in two."""


class Statement(NamedTuple):
    """A change of some rows of a table."""

    table: str
    where: str
    change: str
    """What follows ALTER TABLE, without the condition."""


class Erasing:
    """One run, from `begin` to `end`."""

    def __init__(self, clickhouse: ClickHouse, target: Target, run: str, unnamed: Callable[[str], str]) -> None:
        """`unnamed` makes of the id of an event what stands for it: an event that comes once more is known by it."""
        self._clickhouse = clickhouse
        self._target = target
        self._run = run
        self._unnamed = unnamed

    async def begin(self, people: Sequence[Erased]) -> None:
        """Put down whom the statements mean, or whom else."""
        if not people:
            return
        rows = [
            {
                "run": self._run,
                "kind": one.kind,
                "id": one.id,
                "id_json": _json(one.id),
                "pseudonym": one.pseudonym,
                "pseudonym_json": _json(one.pseudonym),
            }
            for one in people
        ]
        block = b"\n".join(map(orjson.dumps, rows))
        await self._clickhouse.insert("erasing", tuple(rows[0]), block, fmt="JSONEachRow")

    async def end(self) -> None:
        """Forget whom they meant."""
        await self._change(Statement("erasing", f"run = '{self._run}'", "DELETE"))

    async def count(self, reach: Reach) -> dict[str, int]:
        """How many rows name one of them, by table."""
        counts: dict[str, int] = {}
        for statement in (*self._updates(reach), self._aliases(reach), self._states(reach)):
            counts[statement.table] = counts.get(statement.table, 0) + await self._count(statement)
        return {table: count for table, count in counts.items() if count}

    async def change(self, reach: Reach) -> None:
        """Make these rows anonymous."""
        await self._name_events(reach)
        for statement in self._updates(reach):
            await self._change(statement)
        await self._rename_aliases(reach)
        for statement in (self._aliases(reach), self._states(reach)):
            await self._change(statement)

    async def _name_events(self, reach: Reach) -> None:
        """Put down what stands for the ids of events that name somebody."""
        told = (
            f"arrayExists(id -> position(event_id, id) > 0, arrayConcat({self._ids(CUSTOMER)}, {self._ids(VISITOR)}))"
        )
        clicked = f"{self._anonymous} AND token != '' AND position(event_id, token) > 0"
        named = f"(({self._anonymous} OR {self._browser}) AND {told}) OR ({clicked})"
        where = f"{self._conversions(reach).where} AND ({named})"
        rows = await self._clickhouse.query(
            self._rendered(f"SELECT DISTINCT event_id FROM {{database}}.conversions WHERE {where}")
        )
        await self.begin([Erased(_EVENT, event_id, self._unnamed(event_id)) for (event_id,) in rows])

    async def _count(self, statement: Statement) -> int:
        rows = await self._clickhouse.query(
            self._rendered(f"SELECT count() FROM {{database}}.{statement.table} WHERE {statement.where}")
        )
        return int(rows[0][0])

    async def _change(self, statement: Statement) -> None:
        sql = f"ALTER TABLE {{database}}.{statement.table} {{on_cluster}} {statement.change} WHERE {statement.where}"
        await self._clickhouse.command(self._rendered(sql), settings=_DONE)

    def _rendered(self, sql: str) -> str:
        return render(sql, self._target)

    def _updates(self, reach: Reach) -> tuple[Statement, ...]:
        return self._clicks(reach), self._conversions(reach), self._brought_by(reach)

    def _clicks(self, reach: Reach) -> Statement:
        before = f"event_time < fromUnixTimestamp64Milli({reach.clicks_before_ms}, 'UTC')"
        visitor = f"{self._map(VISITOR)}[visitor_id]"
        return Statement("clicks", f"{self._is(VISITOR, 'visitor_id')} AND {before}", f"UPDATE visitor_id = {visitor}")

    @property
    def _mine(self) -> str:
        return self._is(CUSTOMER, "customer_id")

    @property
    def _browser(self) -> str:
        return self._is(VISITOR, "visitor_id")

    @property
    def _anonymous(self) -> str:
        phoned = f"arrayExists(hash -> position(properties, hash) > 0, {self._ids(PHONE)})"
        # A landing page knows the click that led to it, and nobody.
        clicked = f"(visitor_id = '' AND {self._is(CLICK, 'token')})"
        # A browser that is erased may have been somebody else's as well: of them it is all that goes.
        return f"({self._mine} OR (customer_id = '' AND ({self._browser} OR {clicked} OR {phoned})))"

    def _conversions(self, reach: Reach) -> Statement:
        mine, browser, anonymous = self._mine, self._browser, self._anonymous
        named = " OR ".join(self._is(CUSTOMER, f"JSONExtractString(properties, '{name}')") for name in _NAMING)
        pairs = f"(SELECT groupArray((id_json, pseudonym_json)) FROM {self._erasing(CUSTOMER)})"
        # A number may stand in what is kept, too: in the name of a task.
        kept = f"arrayFold((text, hash) -> replaceAll(text, hash, '{ERASED}'), {self._ids(PHONE)}, {_KEPT})"
        # Who had a token alone is told apart by it, and is so by a word for each token from here on.
        clicked = f"customer_id = '' AND visitor_id = '' AND token != '' AND {anonymous}"
        values = {
            "customer_id": f"if({mine}, {self._map(CUSTOMER)}[customer_id], customer_id)",
            "visitor_id": f"multiIf({browser}, {self._map(VISITOR)}[visitor_id], {mine}, '', "
            f"{clicked}, {self._word('token')}, visitor_id)",
            "token": f"if({anonymous}, '', token)",
            "event_id": f"transform(event_id, {self._events(1)}, {self._events(2)}, event_id)",
            "properties": "arrayFold((text, pair) -> replaceAll(text, concat(':', pair.1), concat(':', pair.2)), "
            f"{pairs}, if({anonymous}, {kept}, properties))",
        }
        return Statement(
            "conversions",
            f"{_reached(reach, 'kafka_offset')} AND ({anonymous} OR {browser} OR {named})",
            "UPDATE " + ", ".join(f"{name} = {value}" for name, value in values.items()),
        )

    def _brought_by(self, reach: Reach) -> Statement:
        """Customers whom an erased one brought; rows that are newer have the pseudonym from their lane."""
        pairs = f"(SELECT groupArray((id_json, pseudonym_json)) FROM {self._erasing(CUSTOMER)})"
        state = (
            "arrayFold((text, pair) -> replaceAll(text, concat(',', pair.1, ']'), concat(',', pair.2, ']')), "
            f"{pairs}, state)"
        )
        brought = self._is(CUSTOMER, "JSONExtractString(state, 'referred', 2)")
        return Statement(
            "customer_states",
            f"{brought} AND {_reached(reach, 'version')}",
            f"UPDATE state = {state}",
        )

    def _states(self, reach: Reach) -> Statement:
        """Rows of the ids: their lanes moved what was in them to the pseudonyms."""
        mine = f"{self._is(CUSTOMER, 'customer_id')} AND {_reached(reach, 'version')}"
        return Statement("customer_states", mine, "DELETE")

    def _aliases(self, reach: Reach) -> Statement:
        is_one = f"({self._is(CUSTOMER, 'alias')} OR {self._is(CUSTOMER, 'customer_id')})"
        said = f"occurred_at <= fromUnixTimestamp64Milli({reach.until_ms}, 'UTC')"
        return Statement("customer_aliases", f"{is_one} AND {said}", "DELETE")

    async def _rename_aliases(self, reach: Reach) -> None:
        """Both ids are of the key: a row of pseudonyms takes the place of each row."""
        alias, kept = (f"if(mapContains(names, {name}), names[{name}], {name})" for name in ("alias", "customer_id"))
        await self._clickhouse.command(
            self._rendered(
                f"INSERT INTO {{database}}.customer_aliases (alias, customer_id, occurred_at, event_id) "
                f"WITH {self._map(CUSTOMER)} AS names "
                f"SELECT {alias}, {kept}, occurred_at, {self._word('alias, occurred_at')} "
                f"FROM {{database}}.customer_aliases WHERE {self._aliases(reach).where}"
            )
        )

    def _erasing(self, kind: str) -> str:
        return f"{{database}}.erasing FINAL WHERE run = '{self._run}' AND kind = '{kind}'"

    def _is(self, kind: str, expression: str) -> str:
        return f"{expression} IN (SELECT id FROM {self._erasing(kind)})"

    def _ids(self, kind: str) -> str:
        return f"(SELECT groupArray(id) FROM {self._erasing(kind)})"

    def _events(self, place: int) -> str:
        """Ids of events (1), or what stands for them (2), in the same order."""
        pairs = "arraySort(groupArray((id, pseudonym)))"
        return f"(SELECT arrayMap(pair -> pair.{place}, {pairs}) FROM {self._erasing(_EVENT)})"

    def _map(self, kind: str) -> str:
        return (
            f"(SELECT CAST((groupArray(id), groupArray(pseudonym)), 'Map(String, String)') FROM {self._erasing(kind)})"
        )

    def _word(self, of: str) -> str:
        """A word in the place of one that names somebody, the same on every replica."""
        salt = f"(SELECT max(pseudonym) FROM {{database}}.erasing FINAL WHERE run = '{self._run}')"
        return f"concat('{ERASED}:', lower(hex(sipHash128({of}, {salt}))))"


_NAMING: Final = ("referred_by", "alias")
"""Properties that are the id of another customer."""
_KEPT: Final = (
    "concat('{', arrayStringConcat(arrayMap(entry -> concat('\"', entry.1, '\":', entry.2), "
    f"arrayFilter(entry -> entry.1 IN ({', '.join(map(repr, KEPT_PROPERTIES))}), "
    "JSONExtractKeysAndValuesRaw(properties))), ','), '}')"
)


def _reached(reach: Reach, offset: str) -> str:
    partitions = sorted(reach.offsets)
    behind = [reach.offsets[partition] + 1 for partition in partitions]
    return f"{offset} < transform(kafka_partition, {partitions}, {behind}, toUInt64(0))"


def _json(text: str) -> str:
    return orjson.dumps(text).decode()
