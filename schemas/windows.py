"""One-minute windows, `[start, end)` in integer milliseconds of event time, and their absolute rows."""

from typing import Final, NamedTuple

WINDOW_MS: Final = 60_000


def window_of(time_ms: int) -> int:
    """The start of the one window that a moment lies in."""
    return time_ms - time_ms % WINDOW_MS


class Facts(NamedTuple):
    """What the edge stamped on the first click of a row, the one with the lowest offset."""

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
