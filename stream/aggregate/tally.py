"""Counts of the clicks of one batch, made before its raw rows are in and merged into the partition's windows after."""

from collections.abc import Sequence

from schemas.click_record import ClickRecord
from schemas.windows import WINDOW_MS, Facts
from stream.aggregate.rows import Key, OpenRow


class Tally:
    """Rows per window and key. Clicks are given in the order of their offsets, a part of the batch at a time."""

    __slots__ = ("windows",)

    def __init__(self) -> None:
        self.windows: dict[int, dict[Key, OpenRow]] = {}

    def count(
        self, clicks: Sequence[ClickRecord], times: Sequence[int], offsets: Sequence[int], human: Sequence[bool]
    ) -> None:
        """Count accepted clicks.

        Args:
            clicks: in order of their offsets.
            times: event time of each, milliseconds since 1970 UTC.
            offsets: Kafka offset of each.
            human: whether no bot rule marks it.
        """
        windows = self.windows
        current = None
        rows: dict[Key, OpenRow] = {}
        for click, time, offset, is_human in zip(clicks, times, offsets, human, strict=True):
            start = time - time % WINDOW_MS
            if start != current:
                current = start
                rows = windows.setdefault(start, {})
            key = (click.guide, click.link, click.variant)
            row = rows.get(key)
            if row is None:
                row = rows[key] = OpenRow(start, key, _facts(click))
            row.version = offset
            row.clicks += 1
            if click.outcome == "redirected":
                row.redirected += 1
            if is_human:
                row.human_clicks += 1
                row.visitors.add(click.visitor)


def _facts(click: ClickRecord) -> Facts:
    return Facts(click.store, click.region, click.campaign, click.touchpoint)
