"""The error tree. Each class knows whether a retry can help, its HTTP status and its exit code.

::

    GuidestreamError
    |- SettingsError       settings are wrong; all of them are named at once         exit 2
    |- InputError          what the caller sent is wrong: names the field, the fix   HTTP 422
    |  |- RowsError        rows of a table are wrong: each with its number, field and fix
    |  |- NotFoundError    no such link, guide, campaign or store                    HTTP 404
    |  `- ConflictError    it exists already, or was changed meanwhile               HTTP 409
    |- TokenError          a click token that is malformed, forged or of an unknown key
    |- UnavailableError    a peer is down or slow: Kafka, ClickHouse                 retry, HTTP 503
    |- SpoolFullError      the spool reached its cap: the event is dropped, counted      retry, HTTP 503
    |- InvariantError      a promise of the design does not hold: the process ends   a bug or a damaged store
    `- RejectLimitError    the worker would reject more than the set share: it ends, with the reasons    exit 3
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple


class GuidestreamError(Exception):
    """Root of all errors that this project raises on purpose."""

    retryable: ClassVar[bool] = False
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1


class SettingsError(GuidestreamError):
    """One or more settings are wrong; the message names each with its fix."""

    exit_code = 2


class InputError(GuidestreamError):
    """What the caller sent is wrong; the message names the field and the fix."""

    http_status = 422

    def __init__(self, detail: str, *, field: str = "") -> None:
        super().__init__(f"{field}: {detail}" if field else detail)
        self.field = field
        self.detail = detail


class RowProblem(NamedTuple):
    """What is wrong with one field of one row; the head line of a table is row 1."""

    row: int
    field: str
    detail: str


class RowsError(InputError):
    """Rows of a table are wrong; nothing of it was taken in."""

    def __init__(self, rows: Sequence[RowProblem], total: int) -> None:
        first = "; ".join(f"row {row.row}, {row.field}: {row.detail}" for row in rows[:3])
        super().__init__(f"{total} problems, nothing was taken in: {first}")
        self.rows = rows
        """The first of them, by row."""
        self.total = total


class NotFoundError(InputError):
    """No such thing."""

    http_status = 404


class ConflictError(InputError):
    """It exists already, or was changed by somebody else meanwhile."""

    http_status = 409


class TokenError(GuidestreamError):
    """A click token that is malformed, forged, or signed with an unknown key."""

    http_status = 422


class UnavailableError(GuidestreamError):
    """Kafka or ClickHouse is down, slow, or refused for a passing reason."""

    retryable = True
    http_status = 503


class SpoolFullError(GuidestreamError):
    """The spool reached its cap on disk; the event was not kept."""

    retryable = True
    http_status = 503


class InvariantError(GuidestreamError):
    """A promise of the design does not hold; going on would make numbers wrong, so the process ends."""


class RejectLimitError(GuidestreamError):
    """The worker would reject more than the set share of its input, which is more likely its fault than the input's.

    Starting it again mends nothing.
    """

    exit_code = 3
