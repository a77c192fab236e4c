"""The files of a spool directory: segments by number, positions in them, and the lock of whoever owns a side of it."""

import fcntl
import os
from pathlib import Path
from typing import Final, NamedTuple

from stream.base.errors import SettingsError

SUFFIX: Final = ".seg"
WRITER_LOCK: Final = "writer.lock"
SHIPPER_LOCK: Final = "shipper.lock"


class Position(NamedTuple):
    """A place in the spool; places compare in the order in which records were appended."""

    segment: int
    offset: int


def path(directory: Path, number: int) -> Path:
    """The file of a segment."""
    return directory / f"{number:020d}{SUFFIX}"


def numbers(directory: Path) -> list[int]:
    """Numbers of the segments that are there, ascending."""
    found: list[int] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            stem, dot, suffix = entry.name.partition(".")
            if dot + suffix == SUFFIX and len(stem) == 20 and stem.isascii() and stem.isdigit():
                found.append(int(stem))
    return sorted(found)


def sizes(directory: Path) -> dict[int, int]:
    """Bytes of each segment that is there; one that vanishes meanwhile is left out."""
    out: dict[int, int] = {}
    for number in numbers(directory):
        try:
            out[number] = path(directory, number).stat().st_size
        except FileNotFoundError:
            continue
    return out


def fsync_directory(directory: Path) -> None:
    """Make names made or removed in `directory` durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def try_lock(directory: Path, name: str) -> int | None:
    """Take an exclusive lock that ends with this process. Returns its file descriptor, or None when it is taken."""
    fd = os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    os.ftruncate(fd, 0)
    os.pwrite(fd, str(os.getpid()).encode(), 0)
    return fd


def lock(directory: Path, name: str) -> int:
    """As `try_lock`, for the one owner that there may be.

    Raises:
        SettingsError: another process has it.
    """
    fd = try_lock(directory, name)
    if fd is None:
        pid = (directory / name).read_bytes()[:20].decode("ascii", "replace").strip()
        raise SettingsError(
            f"another process (pid {pid or 'unknown'}) owns the spool {directory}: stop it, or give this one a "
            "GUIDESTREAM_EDGE_NUMBER or GUIDESTREAM_DATA_DIR of its own"
        )
    return fd
