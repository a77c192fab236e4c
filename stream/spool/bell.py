"""How a writer wakes a reader that waits in another process, at next to no cost while it does not wait.

One shared byte says whether the reader waits; only then does the writer write to the named pipe beside it. Both sides
make a system call between their own step and the look at the other's, so a wake-up is not lost in practice; a reader
waits with a time-out all the same.
"""

import asyncio
import contextlib
import mmap
import os
from pathlib import Path
from typing import Final

_FLAG: Final = "bell"
_PIPE: Final = "bell.pipe"


class Bell:
    """One side of the bell of a spool directory."""

    def __init__(self, directory: Path) -> None:
        fd = os.open(directory / _FLAG, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(fd, 1)
            self.waited_for = mmap.mmap(fd, 1)
            """Its one byte is not 0 while a reader waits; the writer looks at it after each append."""
        finally:
            os.close(fd)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(directory / _PIPE, 0o600)
        # Open for both, so that neither side's coming and going is an end of file for the other.
        self._fd = os.open(directory / _PIPE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def ring(self) -> None:
        """Wake the reader."""
        self.waited_for[0] = 0
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes it as well
            os.write(self._fd, b"!")

    def arm(self) -> None:
        """Ask to be woken by the next append. The caller then looks at the spool once more before it waits."""
        self.waited_for[0] = 1

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait for the bell; False when the time was over first."""
        loop = asyncio.get_running_loop()
        rung = asyncio.Event()
        loop.add_reader(self._fd, rung.set)
        try:
            async with asyncio.timeout(timeout_seconds):
                await rung.wait()
            os.read(self._fd, 65536)
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._fd)
        return True

    def close(self) -> None:
        """Release the files."""
        self.waited_for.close()
        os.close(self._fd)
