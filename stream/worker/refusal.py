"""The mark that a worker stopped at its reject limit, kept below `data.dir`.

Whoever supervises a worker may start it again at once, and again. Without a memory each life would reject the next
`worker.reject_limit_events` events before it stops, and drain a whole topic of good events, which only this worker
takes for bad ones, into dead letters. With the mark a life is judged from its first event on, so it writes nothing.
"""

from pathlib import Path

from stream.base import log

_logger = log.get(__name__)


class Refusal:
    """One per topic. Workers that share a data directory share it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def stands(self) -> bool:
        """Whether a worker stopped and none got past that since."""
        return self._file.exists()

    def put(self, why: str) -> None:
        """Set the mark; a disk that does not take it must not hide the error that is the reason for it."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(why + "\n", "utf-8")
        except OSError as error:
            _logger.warning(
                "the next start will not know that this one stopped", file=str(self._file), error=str(error)
            )

    def lift(self) -> None:
        """Take it away: enough events were taken in."""
        self._file.unlink(missing_ok=True)
