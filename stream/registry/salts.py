"""Salts of visitor ids: one secret per UTC day, made a day ahead, gone 48 hours after its day ended.

With the salt gone nobody can tell whose visitor id it was. The first salt that the topic holds for a day is the one.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from schemas.registry import Removed, Salt, encode_record
from stream.registry.snapshot import Snapshot

FORGOTTEN: Final = b""
"""In place of a key that is dropped here while the topic still holds it, so that somebody deletes it there."""
_SALT_BYTES: Final = 32
_KEPT: Final = timedelta(hours=48)


def utc_day(at_ms: int) -> str:
    """The UTC day of a moment, YYYY-MM-DD: what `Snapshot.salt` wants."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def expired(day: str, now_ms: int) -> bool:
    """Whether the salt of that day must be gone."""
    end = datetime.combine(date.fromisoformat(day) + timedelta(days=1), datetime.min.time(), UTC)
    return datetime.fromtimestamp(now_ms / 1000, UTC) >= end + _KEPT


def own_salts(snapshot: Snapshot, now_ms: int) -> dict[str, bytes]:
    """A salt of our own for today and tomorrow where the topic has none; one made before is kept."""
    return {
        day: snapshot.own_salts.get(day) or secrets.token_bytes(_SALT_BYTES)
        for day in _wanted(now_ms)
        if day not in snapshot.salts
    }


def tend(state: Snapshot, proposed: Mapping[str, bytes], now_ms: int) -> list[tuple[bytes, bytes | None]]:
    """Records to write so that the topic has salts for today and tomorrow, and none that is expired."""
    missing = [day for day in _wanted(now_ms) if day in proposed and day not in state.salts]
    old = [day for day in state.salts if expired(day, now_ms)]
    return [
        *(encode_record(Salt(day, proposed[day])) for day in missing),
        *(encode_record(Removed("salt", day)) for day in old),
    ]


def _wanted(now_ms: int) -> tuple[str, str]:
    return utc_day(now_ms), utc_day(now_ms + 86_400_000)
