"""Why a callback is not believed. Pure."""

from typing import Final, Literal

Reason = Literal[
    "form",  # a parameter or the envelope is not of the documented form
    "signature",  # not signed with this corp's token
    "stale",  # signed, but for a time too far from now
    "sealed",  # signed, but not sealed as documented with this corp's key
    "receiver",  # sealed with this corp's key, for somebody else
    "message",  # sealed for us, and its text is no message
]
REASONS: Final[tuple[Reason, ...]] = Reason.__args__  # type: ignore[attr-defined]


class Refused(Exception):  # noqa: N818 - a fate of a request, not an error of the program
    """The request is none of WeCom's, or cannot be told from one that is not; `detail` holds nothing secret."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: Reason = reason
        self.detail = detail
