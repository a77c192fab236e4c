"""Why an event was not accepted: the closed list of reasons, which are metric labels and a column of `dead_letters`."""

from typing import Final, Literal

Reason = Literal[
    "unreadable",  # the name of a Kafka header is not UTF-8, which most clients do not get past
    "null",  # no value at all
    "too_large",  # more bytes than the contract allows; not read
    "not_utf8",
    "not_json",
    "too_deep",  # nested further than the contract has levels
    "not_object",
    "unknown_version",
    "missing_field",
    "wrong_type",
    "out_of_range",  # a number, length or set of words that the contract does not allow
    "future",  # event time further ahead of the broker's clock than the setting allows
    "past",  # event time before 2020-01-01, the token's epoch
]
REASONS: Final[frozenset[str]] = frozenset(Reason.__args__)  # type: ignore[attr-defined]


class Reject(Exception):  # noqa: N818 - a fate of an event, not an error of the program
    """Raised by decoding and validation; the event goes to dead letters with `reason` and `detail`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: Reason = reason
        self.detail = detail[:500]
