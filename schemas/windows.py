"""One-minute windows, `[start, end)` in integer milliseconds of event time, and their absolute rows."""

from typing import Final, NamedTuple

from schemas.conversion_types import ConversionType

WINDOW_MS: Final = 60_000


def window_of(time_ms: int) -> int:
    """The start of the one window that a moment lies in."""
    return time_ms - time_ms % WINDOW_MS


class Facts(NamedTuple):
    """Where something belongs, as it was stamped when it was taken in."""

    store_id: str = ""
    region_id: str = ""
    campaign_id: str = ""
    touchpoint: str = ""


class WindowRow(NamedTuple):
    """All clicks of one guide, link and variant in one window and one Kafka partition, up to offset `version`."""

    window_start: int
    """Milliseconds since 1970 UTC."""
    guide_id: str
    link: str
    variant: str
    version: int
    """The highest offset counted: of two rows of one key the one with the higher version is right."""
    clicks: int
    human_clicks: int
    redirected: int
    visitors: int
    """Distinct visitors among the human clicks of this row; not additive."""
    facts: Facts
    """Of the row's first click, the one with the lowest offset: those of a link and its owner, which seldom change."""

    @property
    def key(self) -> tuple[int, str, str, str]:
        """What no other row of its partition has."""
        return self[:4]


COUNTED: Final[tuple[str, ...]] = ConversionType.__args__  # type: ignore[attr-defined]
"""Types of conversions in the order in which window rows count them; their columns have the same names."""


class ConversionWindowRow(NamedTuple):
    """All conversions credited to one guide, link and variant, with the same facts, in one window and Kafka partition.

    Facts are of the key, for two events of one link and one minute may belong elsewhere: an event may name a campaign
    and a touchpoint of its own, and a refund belongs where its order did.
    """

    window_start: int
    """Milliseconds since 1970 UTC."""
    guide_id: str
    link: str
    variant: str
    facts: Facts
    version: int
    """The highest offset counted: of two rows of one key the one with the higher version is right."""
    counts: tuple[int, ...]
    """Events by type, in the order of `COUNTED`."""
    order_amount: int
    """This and the next two in ten-thousandths of the brand's currency."""
    refund_amount: int
    margin: int
    """Of orders less that of refunds."""
    customers: int
    """Distinct customers of this row; not additive."""

    @property
    def key(self) -> tuple[int, str, str, str, Facts]:
        """What no other row of its partition has."""
        return self[:5]
