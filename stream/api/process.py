"""The API as a process: what it is made of, in which order it comes up, and how it goes down."""

import asyncio
import signal
from typing import Final

from stream.api.app import create_app, ports
from stream.api.server import Server
from stream.base import log, runfile
from stream.base.admin import AdminServer
from stream.base.clock import wall_clock
from stream.base.descriptors import room_for
from stream.base.listening import listen
from stream.base.settings import Settings
from stream.intake import Intake
from stream.registry.follower import Follower

PROCESS: Final = "api"
STOP_SECONDS: Final = 5.0
"""What answers under way may take after SIGTERM; the spool has `intake.drain_ms` behind it."""
_log = log.get(__name__)


async def serve(settings: Settings) -> None:
    """Answer until SIGTERM or SIGINT.

    Raises:
        SettingsError: an address cannot be listened on, another API process of this machine owns the spool, or the
            system lets this one have too few files open.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    follower = Follower(settings, wall_clock)
    connections = room_for(settings.api.max_connections, "GUIDESTREAM_API_MAX_CONNECTIONS")
    listening = listen(settings.api.host, settings.api.port)
    host, port = listening.getsockname()[:2]
    async with Intake.open(settings, PROCESS) as intake:
        app = create_app(ports(settings, follower, intake, wall_clock))
        server = Server(app, listening, max_connections=connections)
        admin = AdminServer(
            settings.api.admin_host,
            settings.api.admin_port,
            ready=lambda: "" if follower.ready else "the registry was not read yet",
        )
        await follower.start()
        try:
            running = asyncio.create_task(server.run(stopping, stop_seconds=STOP_SECONDS))
            while not (follower.ready or stopping.is_set() or running.done()):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.02)
            runfile.publish(settings, PROCESS, host=host, port=port, admin_host=admin.host, admin_port=admin.port)
            _log.info("ready", host=host, port=port, admin_host=admin.host, admin_port=admin.port)
            await running
        finally:
            runfile.remove(settings, PROCESS)
            await follower.stop()
            admin.close()
    _log.info("stopped")
