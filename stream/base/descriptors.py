"""How many connections the system's limit of open files lets this process have."""

import contextlib
import resource
from typing import Final

from stream.base import log
from stream.base.errors import SettingsError

RESERVED: Final = 128
"""For all that is no connection of a client: the spool's files, Kafka's brokers, probes, a child to be started. An edge
at rest has 20 files open."""
_log = log.get(__name__)


def room_for(connections: int, setting: str) -> int:
    """How many of so many connections there can be at once; raises the soft limit to what they need, if need be.

    The soft limit is often 1,024, for programs that cannot use more; the hard one is the system's word.

    Args:
        connections: as many as are wanted.
        setting: what said so, for the log.

    Raises:
        SettingsError: there is room for none.
    """
    needed = connections + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS has a lower limit than the one it tells
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    room = connections if soft == resource.RLIM_INFINITY else min(connections, soft - RESERVED)
    if room < 1:
        raise SettingsError(
            f"the limit of open files (RLIMIT_NOFILE) is {soft}, and {RESERVED} are needed beside connections: raise "
            "it (ulimit -n, LimitNOFILE= of systemd, ulimits.nofile of a container)"
        )
    if room < connections:
        _log.warning(
            f"the hard limit of open files is too low for {setting}: raise it, or lower that",
            connections=room,
            wanted=connections,
        )
    return room
