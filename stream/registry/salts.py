"""Salts of visitor ids: one secret per business day, made a day ahead, gone 48 hours after its day ended.

With the salt gone nobody can tell whose visitor id it was. The first salt that the topic holds for a day is the one.
Days are the brand's, so a visitor without a cookie is one visitor all of a business day, and another the next.
"""

import secrets
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from schemas.registry import Removed, Salt, encode_record
from stream.base.days import day_at
from stream.registry.snapshot import Snapshot

FORGOTTEN: Final = b""
"""In place of a key that is dropped here while the topic still holds it, so that somebody deletes it there."""
_SALT_BYTES: Final = 32
_KEPT_MS: Final = 48 * 3_600_000


def expired(day: str, now_ms: int, zone: ZoneInfo) -> bool:
    """Whether the salt of that day must be gone."""
    return day < day_at(now_ms - _KEPT_MS, zone).name


def own_salts(snapshot: Snapshot, now_ms: int, zone: ZoneInfo) -> dict[str, bytes]:
    """A salt of our own for today and tomorrow where the topic has none; one made before is kept."""
    return {
        day: snapshot.own_salts.get(day) or secrets.token_bytes(_SALT_BYTES)
        for day in _wanted(now_ms, zone)
        if day not in snapshot.salts
    }


def tend(
    state: Snapshot, proposed: Mapping[str, bytes], now_ms: int, zone: ZoneInfo
) -> list[tuple[bytes, bytes | None]]:
    """Records to write so that the topic has salts for today and tomorrow, and none that is expired."""
    missing = [day for day in _wanted(now_ms, zone) if day in proposed and day not in state.salts]
    old = [day for day in state.salts if expired(day, now_ms, zone)]
    return [
        *(encode_record(Salt(day, proposed[day])) for day in missing),
        *(encode_record(Removed("salt", day)) for day in old),
    ]


def _wanted(now_ms: int, zone: ZoneInfo) -> tuple[str, str]:
    today = day_at(now_ms, zone)
    return today.name, day_at(today.end_ms, zone).name
