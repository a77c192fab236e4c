"""What the demo shows while it runs: a table on a terminal, a line now and then elsewhere."""

import time
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from stream.embedded.demo.probe import FreshnessProbe
from stream.embedded.demo.producer import Answers
from stream.embedded.demo.quantiles import quantile
from stream.embedded.demo.taps import Ledger
from stream.sink.clickhouse import ClickHouse

_LINE_EVERY_S = 5.0
_NEWEST = 5_000
"""Answers whose times are shown: sorting all that are kept would hold up the taps, which share this process."""
_GUIDES = """
SELECT guide_id, sum(clicks) AS clicks, sum(human_clicks) AS human FROM link_windows FINAL
WHERE window_start >= now('UTC') - INTERVAL 5 MINUTE AND guide_id != ''
GROUP BY guide_id ORDER BY human DESC, guide_id LIMIT 8
"""
_STAGES = "SELECT sum(friend_added), sum(order_paid), sum(order_amount) FROM conversion_windows FINAL"


@dataclass(frozen=True, slots=True)
class Shown:
    """One moment of the pipeline, as far as it is shown."""

    rows: int
    window_clicks: int
    conversions: int
    added: int
    orders: int
    revenue: Decimal
    guides: list[tuple[str, int, int]]


async def look(clickhouse: ClickHouse) -> Shown:
    """Ask ClickHouse for what is shown; costs a few milliseconds."""
    rows = await clickhouse.query("SELECT count() FROM clicks")
    windows = await clickhouse.query("SELECT sum(clicks) FROM link_windows FINAL")
    conversions = await clickhouse.query("SELECT count() FROM conversions")
    stages = await clickhouse.query(_STAGES)
    guides = await clickhouse.query(_GUIDES)
    added, orders, revenue = stages[0]
    stages_shown = (int(conversions[0][0]), int(added), int(orders), revenue)
    return Shown(int(rows[0][0]), int(windows[0][0]), *stages_shown, [(str(g), int(c), int(h)) for g, c, h in guides])


class View:
    """Use as a context manager around the run."""

    def __init__(self, console: Console, names: dict[str, str]) -> None:
        self._console, self._names = console, names
        self._live = Live(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None
        self._started = self._said = time.monotonic()
        self._last = (self._started, 0)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, ledger: Ledger, probe: FreshnessProbe, answers: Answers, shown: Shown) -> None:
        """Bring what is shown up to date."""
        now = time.monotonic()
        rate = (ledger.answered - self._last[1]) / max(now - self._last[0], 0.001)
        self._last = now, ledger.answered
        if self._live:
            self._live.update(self._table(ledger, probe, answers, shown, rate))
        elif now - self._said >= _LINE_EVERY_S:
            self._said = now
            self._console.print(
                f"{now - self._started:5.0f} s  {rate:6.0f} taps/s  answered {ledger.answered}  rows {shown.rows}  "
                f"in windows {shown.window_clicks}  tap to row p50 {_ms(probe.quantile_ms(0.5))}  "
                f"events {shown.conversions}  added {shown.added}  orders {shown.orders}",
                highlight=False,
                soft_wrap=True,
            )

    def _table(self, ledger: Ledger, probe: FreshnessProbe, answers: Answers, shown: Shown, rate: float) -> Group:
        flow = Table(title="guidestream demo · 演示", title_justify="left", expand=False)
        for name in ("", "now 当前", "total 合计"):
            flow.add_column(name, justify="left" if not name else "right")
        flow.add_row("taps answered 点击", f"{rate:.0f}/s", f"{ledger.answered}")
        flow.add_row("rows in ClickHouse 明细", "", f"{shown.rows}")
        flow.add_row("clicks in windows 窗口合计", "", f"{shown.window_clicks}")
        times = list(islice(reversed(ledger.answer_ms), _NEWEST))
        flow.add_row("redirect p50 / p99 跳转", f"{_ms(quantile(times, 0.5))} / {_ms(quantile(times, 0.99))}", "")
        flow.add_row(
            "tap to row p50 / p99 新鲜度", f"{_ms(probe.quantile_ms(0.5))} / {_ms(probe.quantile_ms(0.99))}", ""
        )
        flow.add_row("events accepted 转化事件", "", f"{answers.accepted}")
        flow.add_row("events in ClickHouse 转化明细", "", f"{shown.conversions}")
        flow.add_row("friends added 加粉", "", f"{shown.added}")
        flow.add_row("orders 订单 · revenue 支付金额", f"¥{shown.revenue:,.2f}", f"{shown.orders}")
        guides = Table(title="guides, last 5 minutes · 导购（近 5 分钟）", title_justify="left", expand=False)
        guides.add_column("guide 导购")
        guides.add_column("clicks 点击", justify="right")
        guides.add_column("human 真人", justify="right")
        for guide, clicks, human in shown.guides:
            guides.add_row(f"{guide} {self._names.get(guide, '')}", str(clicks), str(human))
        return Group(flow, guides)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"
