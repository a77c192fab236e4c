"""The edge as a process: what it is made of, in which order it comes up, and how it goes down."""

import asyncio
import signal
import sys
import time
from typing import Final

from schemas.token import Signer
from schemas.topics import CLICKS
from stream.base import log, runfile
from stream.base.admin import AdminServer
from stream.base.clock import wall_clock
from stream.base.descriptors import room_for
from stream.base.listening import listen
from stream.base.settings import Settings
from stream.base.token_keys import token_keys
from stream.edge.handler import Handler
from stream.edge.server import Server
from stream.registry.follower import Follower
from stream.spool import Shipper, Spool

_PUBLISH_SECONDS: Final = 0.1
_SWITCH_SECONDS: Final = 0.0001
"""How long the event loop may keep the interpreter from the thread that answers: an answer takes it a few times, and
at the default of 5 ms a registry that is just being read would slow answers down a hundredfold."""
_ANSWERS_SHARE: Final = 0.5
"""Of the time to drain, what answers under way may take; the rest is for shipping."""
_log = log.get(__name__)


def serve(settings: Settings) -> None:
    """Run an edge until SIGTERM or SIGINT.

    Raises:
        SettingsError: an address cannot be listened on, a key cannot be read, another edge owns the spool, or the
            system lets this one have too few files open.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    asyncio.run(Edge(settings).run())


class Edge:
    """One edge process; two that run at once on a machine need two numbers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        number = settings.edge.number
        self._name = f"edge-{number}" if number else "edge"
        self._wrong = "starting"
        """What /readyz says; empty when all is well."""
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Come up, answer until told to stop, drain."""
        settings = self._settings
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        keys = token_keys(settings)
        connections = room_for(settings.edge.max_connections, "GUIDESTREAM_EDGE_MAX_CONNECTIONS")
        listening = listen(settings.edge.host, settings.edge.port)
        host, port = listening.getsockname()[:2]
        with Spool.of(settings, self._name, CLICKS) as spool:
            admin = AdminServer(settings.edge.admin_host, settings.edge.admin_port, ready=lambda: self._wrong)
            follower = Follower(settings, wall_clock)
            await follower.start()
            signer = Signer(keys.signing_id, keys.signing_key, settings.edge.number)
            handler = Handler(settings, follower, spool, signer)
            server = Server(handler.handle, listening, max_connections=connections)
            shipper = Shipper(spool, settings, CLICKS)
            server.start()
            try:
                async with asyncio.TaskGroup() as tasks:
                    shipping = tasks.create_task(shipper.run())
                    publishing = tasks.create_task(_publish(handler))
                    while not follower.ready and not self._stopping.is_set():  # noqa: ASYNC110 - it has no event
                        await asyncio.sleep(0.02)
                    self._wrong = ""
                    runfile.publish(
                        settings, self._name, host=host, port=port, admin_host=admin.host, admin_port=admin.port
                    )
                    _log.info("ready", host=host, port=port, admin_host=admin.host, admin_port=admin.port)
                    await self._stopping.wait()
                    self._wrong = "draining"
                    await self._drain(server, shipper)
                    publishing.cancel()
                    await shipping
            finally:
                handler.counters.publish()
                runfile.remove(settings, self._name)
                await follower.stop()
                admin.close()

    async def _drain(self, server: Server, shipper: Shipper) -> None:
        budget = self._settings.edge.drain_ms / 1000
        started = time.monotonic()
        answered = await server.stop(budget * _ANSWERS_SHARE)
        left = max(0.0, budget - (time.monotonic() - started))
        await shipper.stop(int(left * 1000))
        _log.info("stopped", all_answered=answered, seconds=round(time.monotonic() - started, 3))


async def _publish(handler: Handler) -> None:
    while True:
        await asyncio.sleep(_PUBLISH_SECONDS)
        handler.counters.publish()
