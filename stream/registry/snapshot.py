"""The registry at one offset of its topic, as an immutable value that readers hold and that is swapped whole.

A million links as objects would take gigabytes, so a link stays the bytes of its record until somebody asks for it;
the links asked for last are kept decoded. Links lie in many small dicts: a change copies one dict of about a thousand
entries, however many links there are, and snapshots share all others. They hold nothing but text and bytes, so the
garbage collector does not look into them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

from schemas.registry import ApiKey, Campaign, Guide, Link, Record, Removed, Store, encode_record
from schemas.registry.codec import decode_wire, split_key, to_record
from schemas.registry.wire import LinkV1, NumbersV1, SaltV1

_SHARDS: Final = 1024
_CACHED_LINKS: Final = 8192
"""Decoded links per generation of the cache, about 1.5 KiB each."""


class _Cache:
    """Decoded links by code, each with the bytes it was made from: right for every snapshot, whichever asks.

    Two generations bound it without bookkeeping per hit: a full young one becomes the old one, and what is asked for
    again moves back.
    """

    __slots__ = ("_old", "_young")

    def __init__(self) -> None:
        self._young: dict[str, tuple[bytes, Link]] = {}
        self._old: dict[str, tuple[bytes, Link]] = {}

    def link(self, code: str, value: bytes) -> Link:
        entry = self._young.get(code)
        if entry is not None and entry[0] is value:
            return entry[1]
        entry = self._old.get(code)
        if entry is None or entry[0] is not value:
            entry = (value, _decoded(code, value))
        if len(self._young) >= _CACHED_LINKS:
            self._old, self._young = self._young, {}
        self._young[code] = entry
        return entry[1]


class _Staff:
    """Who has which WeCom userid, in lower case: made from the guides when it is asked for and they have changed."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: tuple[Mapping[str, Guide], dict[str, str]] = ({}, {})

    def guide_id(self, userid: str, guides: Mapping[str, Guide]) -> str:
        made = self._made
        if made[0] is not guides:
            # The last one stays: of those in force, or else of the disabled ones, the one with the smallest id.
            order = sorted(guides.values(), key=lambda guide: (guide.disabled, guide.id), reverse=True)
            index = {guide.wecom_userid.lower(): guide.id for guide in order if guide.wecom_userid}
            made = self._made = (guides, index)
        return made[1].get(userid.lower(), "")


@dataclass(frozen=True, slots=True)
class Mark:
    """One record of the topic, to tell on the next start whether it is still the same topic."""

    offset: int
    timestamp_ms: int
    crc: int

    @classmethod
    def of(cls, offset: int, timestamp_ms: int, key: bytes | None, value: bytes | None) -> "Mark":
        """The mark of this record."""
        return cls(offset, timestamp_ms, crc32(value or b"", crc32(key or b"")))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Never changes; `Builder.build` makes the next one. Look-ups find disabled things too: they say so themselves."""

    offset: int = 0
    """The next offset of the topic to be read: all records before it are in."""
    links: int = 0
    """How many links there are."""
    highest_number: int = 0
    """The highest link number ever given out."""
    mark: Mark | None = None
    """The last record that is in."""
    shards: tuple[Mapping[str, bytes], ...] = field(default=({},) * _SHARDS, repr=False)
    """Link code -> value of its record, spread by the code's hash."""
    guides: Mapping[str, Guide] = field(default_factory=dict, repr=False)
    stores: Mapping[str, Store] = field(default_factory=dict, repr=False)
    campaigns: Mapping[str, Campaign] = field(default_factory=dict, repr=False)
    api_keys: Mapping[str, ApiKey] = field(default_factory=dict, repr=False)
    salts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Business day, YYYY-MM-DD -> secret of visitor ids; empty when forgotten here while the topic still holds it."""
    own_salts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Salts made here, in force for a day that the topic has none for."""
    cache: _Cache = field(default_factory=_Cache, repr=False, compare=False)
    staff: _Staff = field(default_factory=_Staff, repr=False, compare=False)

    def resolve(self, code: str) -> Link | None:
        """The link of this code; constant time."""
        value = self.encoded_link(code)
        return None if value is None else self.cache.link(code, value)

    def encoded_link(self, code: str) -> bytes | None:
        """The link of this code as the value of its record; nothing is decoded."""
        return self.shards[hash(code) % _SHARDS].get(code)

    def guide(self, id_: str) -> Guide | None:
        """The guide of this id."""
        return self.guides.get(id_)

    def guide_of_wecom(self, userid: str) -> str:
        """The id of the guide with this WeCom userid, in which case does not matter; empty if there is none.

        Of several (one who came back under a new id) the one in force with the smallest id.
        """
        return self.staff.guide_id(userid, self.guides)

    def store(self, id_: str) -> Store | None:
        """The store of this id."""
        return self.stores.get(id_)

    def campaign(self, id_: str) -> Campaign | None:
        """The campaign of this id."""
        return self.campaigns.get(id_)

    def api_key(self, id_: str) -> ApiKey | None:
        """The API key of this id."""
        return self.api_keys.get(id_)

    def salt(self, day: str) -> bytes | None:
        """The secret of visitor ids of a business day, YYYY-MM-DD."""
        return self.salts.get(day) or self.own_salts.get(day)

    def all_links(self) -> Iterator[Link]:
        """Every link in no order, decoded one at a time."""
        for shard in self.shards:
            for code, value in shard.items():
                yield _decoded(code, value)


class Builder:
    """Applies records in the order of the topic; snapshots it built before stay as they are."""

    def __init__(self, base: Snapshot | None = None) -> None:
        base = base or Snapshot()
        self._shards: list[Any] = list(base.shards)
        self._tables: dict[str, Any] = {
            "guide": base.guides,
            "store": base.stores,
            "campaign": base.campaigns,
            "key": base.api_keys,
            "salt": base.salts,
        }
        self.own_salts = dict(base.own_salts)
        self._cache = base.cache
        self._staff = base.staff
        self._links = base.links
        self._highest = base.highest_number
        self._own: set[int | str] = set()
        """Shards and tables that no snapshot shares: these may be changed in place."""

    def feed(self, key: bytes | None, value: bytes | None) -> None:
        """Apply one record of the topic.

        Raises:
            Reject: the record breaks the contract; nothing was changed.
        """
        kind, id_ = split_key(key)
        if value is None:
            self._remove(kind, id_)
            return
        wire = decode_wire(kind, id_, value)
        if isinstance(wire, LinkV1):
            shard = self._shard(id_)
            self._links += id_ not in shard
            shard[id_] = value
            self.raise_highest(wire.number)
        elif isinstance(wire, NumbersV1):
            self.raise_highest(wire.highest)
        elif isinstance(wire, SaltV1):
            self._table(kind)[id_] = bytes.fromhex(wire.key)
            self.own_salts.pop(id_, None)
        else:
            self._table(kind)[id_] = to_record(wire)

    def add(self, *records: Record | Removed) -> "Builder":
        """Apply records that are not bytes yet; returns itself."""
        for record in records:
            self.feed(*encode_record(record))
        return self

    def load_salts(self, salts: Mapping[str, bytes]) -> None:
        """Apply salts, forgotten ones too."""
        self._table("salt").update(salts)

    def load_links(self, links: Iterable[tuple[str, bytes]]) -> None:
        """Apply codes and values of links that were checked before; `highest_number` does not follow them."""
        for code, value in links:
            shard = self._shard(code)
            self._links += code not in shard
            shard[code] = value

    def raise_highest(self, number: int) -> None:
        """No link that is made later gets this number or one below it."""
        self._highest = max(self._highest, number)

    def forget_salt(self, day: str) -> None:
        """Drop the key of a salt that the topic holds."""
        if day in self._tables["salt"]:
            self._table("salt")[day] = b""

    def build(self, offset: int = 0, mark: Mark | None = None) -> Snapshot:
        """The snapshot of all that was applied; `offset` is the next one of the topic to be read."""
        self._own.clear()
        return Snapshot(
            offset,
            self._links,
            self._highest,
            mark,
            tuple(self._shards),
            self._tables["guide"],
            self._tables["store"],
            self._tables["campaign"],
            self._tables["key"],
            self._tables["salt"],
            dict(self.own_salts),
            self._cache,
            self._staff,
        )

    def _remove(self, kind: str, id_: str) -> None:
        if kind == "link":
            self._links -= self._shard(id_).pop(id_, None) is not None
        elif kind in self._tables:
            self._table(kind).pop(id_, None)

    def _shard(self, code: str) -> dict[str, bytes]:
        index = hash(code) % _SHARDS
        if index not in self._own:
            self._shards[index] = dict(self._shards[index])
            self._own.add(index)
        shard: dict[str, bytes] = self._shards[index]
        return shard

    def _table(self, kind: str) -> dict[str, Any]:
        if kind not in self._own:
            self._tables[kind] = dict(self._tables[kind])
            self._own.add(kind)
        table: dict[str, Any] = self._tables[kind]
        return table


def _decoded(code: str, value: bytes) -> Link:
    link = to_record(decode_wire("link", code, value))
    assert isinstance(link, Link)
    return link
