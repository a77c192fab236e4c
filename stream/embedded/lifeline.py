"""How processes of a machine hang together: children that cannot outlive their parent, signals that ask to stop."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> Callable[[], None]:
    """A `preexec_fn`: the kernel kills the child (SIGKILL) when the thread that started it is gone.

    Start such children from the main thread. The child also gets an empty signal mask, whatever its parent blocks.
    """
    parent = os.getpid()

    def in_child() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return in_child


def stop_signals() -> set[signal.Signals]:
    """The signals that ask a process to stop: a closed terminal too, unless it was started with nohup."""
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return {signal.SIGTERM, signal.SIGINT} | (set() if ignored else {signal.SIGHUP})
