"""What people do after a tap: they look, leave a phone number, add the guide, talk, buy, give back, leave. Pure.

Days are played in seconds. The rates are the truth that the views have to give back: what a journey will come to is
thrown when the person taps for the first time, so `Truth` knows it before any event is sent.
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any, Final

from schemas.registry import Campaign, Guide, Link

ADD_RATE: Final = 0.72
"""Of people who tap, those who add the guide."""
SERVE_RATE: Final = 0.45
"""Of customers, those with a message in each direction."""
DEAL_RATE: Final = 0.35
"""Of customers served, those who buy."""
_LOOK_RATE, _LEAD_RATE, _LOST_STATE_RATE = 0.6, 0.06, 0.06
_REPEAT_RATE, _REFUND_RATE, _DELETE_RATE, _TAG_RATE, _CONSENT_RATE, _SHARE_RATE = 0.25, 0.08, 0.04, 0.3, 0.5, 0.08
_TWICE_RATE: Final = 0.02
"""Events that the producer sends once more with the same id, as those do that did not hear the answer."""
_TAGS: Final = ("新客", "会员", "高净值", "敏感肌", "宝妈", "学生党")
COOKIE_LENGTH: Final = 24
"""Characters of a visitor id from a cookie; a browser without one is known by its user agent here, which is longer."""
_BY_VISITOR_RATE: Final = 0.2
"""Leads of a page that knows the cookie's id and lost the token."""

Event = dict[str, Any]
Due = tuple[int, int, Event]


@dataclass(slots=True)
class Truth:
    """What was decided; the views have to agree with it once all events are in."""

    visitors: int = 0
    """Who could become a customer: every browser that tapped a link as people do."""
    added: int = 0
    served: int = 0
    dealt: int = 0
    orders: int = 0
    revenue: Decimal = Decimal(0)
    refunds: Decimal = Decimal(0)
    deleted: int = 0
    sent: int = 0
    """Different events that were due."""


@dataclass(slots=True)
class Journeys:
    """Everybody's further way. `most_new` bounds new journeys a second, so that many taps leave room for themselves."""

    rng: Random
    links: tuple[Link, ...]
    run: str
    """Part of every id, so that another run into the same tables has ids of its own."""
    most_new: float = 100.0
    truth: Truth = field(default_factory=Truth)
    _due: list[Due] = field(default_factory=list)
    _number: Iterator[int] = field(default_factory=itertools.count)
    _known: set[str] = field(default_factory=set)
    _next_ms: float = 0.0

    def begin(self, guides: Iterable[Guide], campaigns: Iterable[Campaign], now_ms: int) -> None:
        """What the brand itself does: tasks and posts of guides, costs of campaigns."""
        for guide in guides:
            task = {"task": "午间群发 / noon post"}
            self._add(now_ms, "task_assigned", guide_id=guide.id, properties=task)
            if self.rng.random() < 0.7:
                self._add(now_ms + self._seconds(3, 30), "task_done", guide_id=guide.id, properties=task)
                self._add(now_ms + self._seconds(3, 30), "group_post", guide_id=guide.id)
            if self.rng.random() < 0.5:
                self._add(now_ms + self._seconds(1, 30), "moments_post", guide_id=guide.id)
        for campaign in campaigns:
            amount = str(self.rng.randrange(500, 5000))
            self._add(now_ms, "cost", amount=amount, properties={"campaign": campaign.id, "touchpoint": "ad"})

    def tapped(self, visitor: str, link_place: int, token: str, now_ms: int) -> None:
        """A visitor, known by cookie or else by browser, was redirected with a click token."""
        new = visitor not in self._known
        if new:
            self._known.add(visitor)
            self.truth.visitors += 1
        if now_ms < self._next_ms:
            return
        if self.rng.random() < _LOOK_RATE:
            dwell = {"dwell_ms": self.rng.randrange(800, 90_000)}
            self._add(now_ms + self._seconds(0.3, 2), "page_view", token=token, properties=dwell)
        if self.rng.random() < _LEAD_RATE:
            self._lead(visitor, token, now_ms)
        if new:
            self._next_ms = max(self._next_ms, now_ms - 1000) + 1000 / self.most_new
            if self.rng.random() < ADD_RATE:
                self._customer(self.links[link_place].owner_at(now_ms), token, now_ms + self._seconds(0.5, 2))

    def take_due(self, now_ms: int, most: int) -> list[Event]:
        """The events whose time has come, at most so many; some of them come once more."""
        events: list[Event] = []
        while self._due and self._due[0][0] <= now_ms and len(events) < most:
            _, _, event = heapq.heappop(self._due)
            events.append(event)
            if self.rng.random() < _TWICE_RATE:
                events.append(event)
        self.rng.shuffle(events)
        return events

    @property
    def waiting(self) -> int:
        """Events that are not due yet."""
        return len(self._due)

    def last_ms(self) -> int:
        """When the last of them is due; 0 when there is none."""
        return max((at for at, _, _ in self._due), default=0)

    def _lead(self, visitor: str, token: str, now_ms: int) -> None:
        phone = {"phone": f"13{self.rng.randrange(10**9):09d}", "name": "张三"}
        by_visitor = len(visitor) == COOKIE_LENGTH and self.rng.random() < _BY_VISITOR_RATE
        who = {"visitor_id": visitor} if by_visitor else {"token": token}
        self._add(now_ms + self._seconds(1, 4), "lead", properties=phone, **who)

    def _customer(self, guide: str, token: str, added_ms: int) -> None:
        rng, truth = self.rng, self.truth
        who = {"customer_id": f"wm{self.run}{truth.added:08d}", "guide_id": guide}
        truth.added += 1
        state = {} if rng.random() < _LOST_STATE_RATE else {"token": token}
        self._add(added_ms, "friend_added", **who, **state)
        if rng.random() < _TAG_RATE:
            self._add(added_ms + self._seconds(1, 5), "tagged", **who, properties={"tag": rng.choice(_TAGS)})
        if rng.random() < _CONSENT_RATE:
            self._add(added_ms + self._seconds(0.5, 3), "consent", **who, properties={"given": rng.random() < 0.95})
        welcomed_ms = added_ms + self._seconds(0.2, 1)
        self._add(welcomed_ms, "message_out", **who)
        if rng.random() < SERVE_RATE:
            self._served(who, welcomed_ms)
        if rng.random() < _SHARE_RATE:
            self._add(added_ms + self._seconds(2, 6), "shared", **who)
        if rng.random() < _DELETE_RATE:
            truth.deleted += 1
            self._add(added_ms + self._seconds(6, 10), "friend_deleted", **who)

    def _served(self, who: Mapping[str, str], welcomed_ms: int) -> None:
        rng, truth = self.rng, self.truth
        truth.served += 1
        asked_ms = welcomed_ms + self._seconds(0.3, 2)
        self._add(asked_ms, "message_in", **who)
        self._add(asked_ms + self._seconds(0.2, 2), "message_out", **who)
        if rng.random() < DEAL_RATE:
            truth.dealt += 1
            self._order(who, asked_ms + self._seconds(1, 3))
            if rng.random() < _REPEAT_RATE:
                self._order(who, asked_ms + self._seconds(3, 7))

    def _order(self, who: Mapping[str, str], paid_ms: int) -> None:
        rng, truth = self.rng, self.truth
        amount = Decimal(rng.randrange(9_900, 199_900)) / 100
        margin = (amount * rng.randrange(35, 65) / 100).quantize(Decimal("0.01"))
        number = f"O{self.run}{truth.orders:08d}"
        truth.orders += 1
        truth.revenue += amount
        money = {"order_id": number, "amount": str(amount), "margin": str(margin), "currency": "CNY"}
        self._add(paid_ms, "order_paid", event_id=f"order_paid:{number}", **who, **money)
        if rng.random() < _REFUND_RATE:
            truth.refunds += amount
            event_id = f"order_refunded:{number}:1"
            self._add(paid_ms + self._seconds(1, 4), "order_refunded", event_id=event_id, **who, **money)

    def _add(self, at_ms: int, kind: str, *, event_id: str = "", **fields: Any) -> None:
        number = next(self._number)
        event = {"event_id": event_id or f"demo:{self.run}:{number}", "type": kind, "occurred_at": at_ms, **fields}
        self.truth.sent += 1
        heapq.heappush(self._due, (at_ms, number, event))

    def _seconds(self, least: float, most: float) -> int:
        """A moment later, in milliseconds."""
        return int(self.rng.uniform(least, most) * 1000)
