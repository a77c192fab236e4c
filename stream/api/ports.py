"""What the parts of the API are given: each module's `install(app, ports)` takes what it needs of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stream.base.clock import Clock
from stream.base.settings import Settings
from stream.intake import Intake
from stream.registry.snapshot import Snapshot

if TYPE_CHECKING:
    from stream.api.bodies import Bodies
    from stream.api.keys import ApiKeys
    from stream.api.limits import Buckets


class Registry(Protocol):
    """The registry as the API needs it; `stream.registry.follower.Follower` is one."""

    @property
    def snapshot(self) -> Snapshot:
        """The registry in force."""

    @property
    def ready(self) -> bool:
        """Whether there is one."""


@dataclass(frozen=True, slots=True)
class Ports:
    """One process's doors to the rest; `stream.api.app.ports` makes it."""

    settings: Settings
    registry: Registry
    intake: Intake
    clock: Clock
    api_keys: "ApiKeys"
    """Who may call what."""
    bodies: "Bodies"
    """How a request's body is read."""
    quotas: "Buckets"
    """How many events each API key may hand in, by its id, whichever way."""
