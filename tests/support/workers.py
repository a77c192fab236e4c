"""Worker processes of a test: started, killed and stopped at will."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stream.base import runfile
from stream.base.settings import Settings
from tests.support.broker import start, stop


class WorkerProcess:
    """A `guidestream worker` with settings of the test, started."""

    def __init__(
        self, environ: dict[str, str], settings: Settings, log_file: Path, instance: str = "", module: str = "stream"
    ) -> None:
        self.settings = settings
        self.log_file = log_file
        self._environ = environ | {"GUIDESTREAM_WORKER_INSTANCE": instance}
        self._name = runfile.worker_name(instance)
        self.start(module)

    def start(self, module: str = "stream") -> None:
        """Start it, or start it again; it may take seconds until it is ready. `module` has the command `worker`."""
        self.process = start("worker", self._environ, self.log_file, module)

    async def ready(self) -> runfile.Running:
        """Wait until it has its partitions and recovered them."""
        while (running := runfile.read(self.settings, self._name)) is None or running.pid != self.process.pid:
            assert self.process.poll() is None, self.log()
            await asyncio.sleep(0.02)
        return running

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, and wait for it to be gone."""
        self.process.kill()
        self.process.wait()

    async def ended(self) -> int:
        """Wait for it to end by itself; its exit code."""
        while (code := self.process.poll()) is None:
            await asyncio.sleep(0.05)
        return code

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGCONT)
        return stop(self.process)

    def log(self) -> str:
        """The end of what it said."""
        return self.log_file.read_text(errors="replace")[-6000:]


@asynccontextmanager
async def running(
    environ: dict[str, str], settings: Settings, directory: Path, *instances: str, module: str = "stream"
) -> AsyncIterator[list[WorkerProcess]]:
    """Workers that are stopped at the end, whatever happens; their log goes with a failure."""
    workers = [
        WorkerProcess(environ, settings, directory / f"worker-{instance}.log", instance, module)
        for instance in instances or ("",)
    ]
    try:
        yield workers
    except BaseException as error:
        error.add_note("\n".join(worker.log() for worker in workers))
        raise
    finally:
        for worker in workers:
            worker.stop()
