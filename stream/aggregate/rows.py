"""A row of an open window: the counts of one key so far."""

from typing import Self

from schemas.windows import Facts, WindowRow

Key = tuple[str, str, str]
"""Guide, link, variant."""


class OpenRow:
    """Counts of one guide, link and variant in one window that may still change; visitors are an exact set."""

    __slots__ = (
        "clicks",
        "dirty",
        "facts",
        "flushed",
        "human_clicks",
        "key",
        "redirected",
        "version",
        "visitors",
        "window_start",
    )

    def __init__(self, window_start: int, key: Key, facts: Facts) -> None:
        self.window_start = window_start
        self.key = key
        self.facts = facts
        self.clicks = 0
        self.human_clicks = 0
        self.redirected = 0
        self.version = -1
        self.visitors: set[str] = set()
        self.dirty = True
        """Whether it changed since it was last taken for a flush; a new row did."""
        self.flushed: WindowRow | None = None
        """The row as it was last taken for a flush."""

    @classmethod
    def restored(cls, row: WindowRow, visitors: set[str]) -> Self:
        """A row as raw rows say it is: `row` counts them, `visitors` are its distinct human ones."""
        found = cls(row.window_start, (row.guide_id, row.link, row.variant), row.facts)
        found.clicks = row.clicks
        found.human_clicks = row.human_clicks
        found.redirected = row.redirected
        found.version = row.version
        found.visitors = visitors
        return found

    @property
    def events(self) -> int:
        """How many clicks it counts."""
        return self.clicks

    def merge(self, later: Self) -> None:
        """Add clicks of the same key that came after these."""
        self.clicks += later.clicks
        self.human_clicks += later.human_clicks
        self.redirected += later.redirected
        self.version = later.version
        self.visitors |= later.visitors

    def frozen(self) -> WindowRow:
        """The counts as they are now."""
        return WindowRow(
            self.window_start,
            *self.key,
            self.version,
            self.clicks,
            self.human_clicks,
            self.redirected,
            len(self.visitors),
            self.facts,
        )
