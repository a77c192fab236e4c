"""The first effective contact: one message in each direction within so many hours of each other.

It happens at the later message of the earliest such pair. Any message may still arrive, of any time, so messages are
kept, but only those that can matter. Time is cut into fixed periods, and of each direction the first and the last
message of a period are kept. Whatever lies between two messages of its direction that are no further apart than the
hours allowed adds nothing: a message of the other direction that meets it also meets one of these two, no later.

A contact within the length of a period settles the matter: later messages are dropped, and of the period that it lies
in only each direction's first message can still make an earlier one. What is kept is thereby a function of the set of
messages, not of their order, and exact for every number of hours that is at least a period.

A customer who is written to for `PERIODS` periods and is never in contact takes no more room: the earliest periods
stay, and a contact after them is not found.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from schemas.customers import Messages

PERIOD_MS: Final = 24 * 3_600_000
"""The least that the setting for the hours allows."""
PERIODS: Final = 512
"""Of each direction: a message a week for ten years without an answer; some 15 KB where there are several a day."""


def note(messages: Messages, at_ms: int, *, incoming: bool, periods: int = PERIODS) -> None:
    """Take in one message."""
    settled = messages.settled_at
    if settled and at_ms > settled:
        return
    mine, other = messages.incoming, messages.outgoing
    if not incoming:
        mine, other = other, mine
    if not _insert(mine, at_ms):
        return
    if len(mine) >= periods or len(other) >= periods:
        _bound(messages, periods)
        messages.settled_at = settled = first_contact(messages.incoming, messages.outgoing, PERIOD_MS)
    else:
        met = _meeting(at_ms, other)
        if met and (not settled or met < settled):
            messages.settled_at = settled = met
    if settled:
        _trim(mine, settled)
        _trim(other, settled)


def union(parts: Iterable[Messages], periods: int = PERIODS) -> Messages:
    """What would be kept if all these messages had come to one."""
    whole = Messages()
    for part in parts:
        for at_ms in part.incoming:
            note(whole, at_ms, incoming=True, periods=periods)
        for at_ms in part.outgoing:
            note(whole, at_ms, incoming=False, periods=periods)
    return whole


def first_contact(incoming: Sequence[int], outgoing: Sequence[int], within_ms: int) -> int:
    """When the first effective contact was, 0 for never; both lists ascending, `within_ms` at least `PERIOD_MS`."""
    i = o = 0
    while i < len(incoming) and o < len(outgoing):
        ahead = incoming[i] - outgoing[o]
        if -within_ms <= ahead <= within_ms:
            return max(incoming[i], outgoing[o])
        # The earlier one is too early for all that are left of the other direction.
        if ahead > 0:
            o += 1
        else:
            i += 1
    return 0


def _insert(times: list[int], at_ms: int) -> bool:
    """Keep a message if it is the first or the last of its period; True if that changed anything."""
    start = at_ms - at_ms % PERIOD_MS
    low = bisect_left(times, start)
    high = bisect_left(times, start + PERIOD_MS, low)
    if high - low == 2:  # a first and a last
        if times[low] <= at_ms <= times[high - 1]:
            return False
        times[low if at_ms < times[low] else low + 1] = at_ms
        return True
    if high - low == 1 and times[low] == at_ms:
        return False
    times.insert(low if low == high or at_ms < times[low] else high, at_ms)
    return True


def _meeting(at_ms: int, other: Sequence[int]) -> int:
    """The earliest contact, within a period, that a message is one half of; 0 for none."""
    after = bisect_right(other, at_ms)
    if after and at_ms - other[after - 1] <= PERIOD_MS:
        return at_ms
    if after < len(other) and other[after] - at_ms <= PERIOD_MS:
        return other[after]
    return 0


def _trim(times: list[int], settled: int) -> None:
    """Drop what a settled contact makes needless."""
    low = bisect_left(times, settled - settled % PERIOD_MS)
    del times[low + (low < len(times) and times[low] <= settled) :]


def _bound(messages: Messages, periods: int) -> None:
    """Keep the earliest periods of each direction; where one is full, nothing of the other that is later either."""
    horizon = 0
    for times in (messages.incoming, messages.outgoing):
        firsts = [n for n, at_ms in enumerate(times) if not n or at_ms // PERIOD_MS != times[n - 1] // PERIOD_MS]
        if len(firsts) > periods:
            del times[firsts[periods] :]
        if len(firsts) >= periods:
            last = times[-1] // PERIOD_MS
            horizon = min(horizon or last, last)
    if horizon:
        for times in (messages.incoming, messages.outgoing):
            del times[bisect_left(times, (horizon + 1) * PERIOD_MS) :]
