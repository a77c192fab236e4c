"""The API without its process: a registry that a test sets, a spool in memory, keys that open it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson

from schemas.personal import PersonKeys, protect
from schemas.registry import ApiKey
from stream.api.app import create_app, ports
from stream.base.errors import SpoolFullError
from stream.base.settings import Settings, load
from stream.intake import Intake
from stream.registry.api_keys import SCOPES, key_text, new_key
from stream.registry.snapshot import Builder, Snapshot

NOW: Final = 1_795_334_400_000
SECRET: Final = "s" * 43
KEY: Final = key_text("all", SECRET)
AUTHORIZATION: Final = {"Authorization": f"Bearer {KEY}"}
PERSON_KEYS: Final = PersonKeys(1, {1: bytes(32)})


def api_key(id_: str = "all", scopes: Sequence[str] = SCOPES) -> ApiKey:
    """A key whose text is `key_text(id_, SECRET)`."""
    return new_key(id_, "测试", scopes, SECRET, NOW)


@dataclass
class Shown:
    """A registry that a test sets; the key `all` is in it."""

    snapshot: Snapshot = field(default_factory=Snapshot)
    ready: bool = True

    def __post_init__(self) -> None:
        self.snapshot = Builder(self.snapshot).add(api_key()).build(self.snapshot.offset)


@dataclass
class Kept:
    """A spool in memory, which may be full."""

    records: list[tuple[bytes, dict[str, Any]]] = field(default_factory=list)
    room: int = 1 << 30

    def append(self, key: bytes, value: bytes) -> None:
        """Keep one event while there is room."""
        if len(self.records) >= self.room:
            raise SpoolFullError("it reached its cap")
        self.records.append((key, orjson.loads(value)))


class Api:
    """An application and what stands behind it. Its clock says `NOW` until `now_ms` is set."""

    def __init__(self, snapshot: Snapshot | None = None, environ: dict[str, str] | None = None) -> None:
        self.settings: Settings = load(
            {
                "GUIDESTREAM_EDGE_PUBLIC_URL": "https://s.example",
                "GUIDESTREAM_TOKEN_KEYS": "1:" + "ab" * 32,
                **(environ or {}),
            }
        )
        self.now_ms = NOW
        self.shown = Shown(snapshot or Snapshot())
        self.kept = Kept()
        self.intake = Intake(
            self.settings,
            self.kept,
            owner="api",
            protect=lambda event: protect(event, PERSON_KEYS),
            clock=lambda: self.now_ms,
        )
        self.app = create_app(ports(self.settings, self.shown, self.intake, lambda: self.now_ms))

    def client(self, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        """A client with the key `all`, or with these headers alone."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://api",
            headers=AUTHORIZATION if headers is None else headers,
        )
