"""One-minute windows, `[start, end)` in integer milliseconds of event time, and their absolute rows."""

from typing import Final, NamedTuple

from schemas.conversion_types import ConversionType

WINDOW_MS: Final = 60_000


def window_of(time_ms: int) -> int:
    """The start of the one window that a moment lies in."""
    return time_ms - time_ms % WINDOW_MS


class Facts(NamedTuple):
    """What was stamped on the first event of a row, the one with the lowest offset."""

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


COUNTED: Final[tuple[str, ...]] = ConversionType.__args__  # type: ignore[attr-defined]
"""Types of conversions in the order in which window rows count them; their columns have the same names."""


class ConversionWindowRow(NamedTuple):
    """All conversions credited to one guide, link and variant in one window and one Kafka partition."""

    window_start: int
    """Milliseconds since 1970 UTC."""
    guide_id: str
    link: str
    variant: str
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
    facts: Facts
