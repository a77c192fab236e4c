"""What a link's rules say about one request: whether it may lead on, and where. Pure.

The outcome of a click is the reason for what the visitor got::

    disabled, not_yet, expired, out_of_hours, wrong_platform
                 the first of these rules, in this order, that kept the visitor from the destination
    fallback     no rule did, but the destination's URL is none that can be used
    redirected   the visitor was sent to the destination

Whether those who were kept away got the fallback URL or a page depends on the link alone: the fallback URL if it has
one, else the page for the outcome.
"""

from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from zoneinfo import ZoneInfo

from schemas.clicks import Outcome
from schemas.registry import Link, Variant


def refusal(link: Link, platform: str, now_ms: int, zone: ZoneInfo) -> Outcome | None:
    """The rule that keeps this visitor from the destination now, if one does; a platform not known ("") does not."""
    if link.disabled:
        return "disabled"
    if link.valid_from_ms is not None and now_ms < link.valid_from_ms:
        return "not_yet"
    if link.valid_until_ms is not None and now_ms >= link.valid_until_ms:
        return "expired"
    if link.hours is not None and not within_hours(link.hours, now_ms, zone):
        return "out_of_hours"
    if link.platforms and platform not in link.platforms and platform:
        return "wrong_platform"
    return None


def within_hours(hours: tuple[int, int], now_ms: int, zone: ZoneInfo) -> bool:
    """Whether the wall clock of `zone` shows a minute of the day in [from, until); over midnight if from > until."""
    minute = _minute_of_day(now_ms // 60_000, zone)
    start, end = hours
    return start <= minute < end if start <= end else minute >= start or minute < end


@lru_cache(maxsize=64)  # clicks come in the order of time: one minute at a time, in one zone
def _minute_of_day(minutes: int, zone: ZoneInfo) -> int:
    """Of a moment, in minutes since 1970 UTC."""
    local = datetime.fromtimestamp(minutes * 60, zone)
    return local.hour * 60 + local.minute


def destination(link: Link, platform: str, country: str, visitor: str) -> tuple[str, str]:
    """URL and variant: the platform's own URL, else the country's, else a variant, else the link's URL.

    Only who goes to a variant takes part in its test; for the others the variant is empty.
    """
    for name, url in link.platform_urls:
        if name == platform:
            return url, ""
    for name, url in link.country_urls:
        if name == country:
            return url, ""
    if link.variants:
        chosen = variant(link, visitor)
        return chosen.url, chosen.name
    return link.url, ""


def variant(link: Link, visitor: str) -> Variant:
    """The arm of the test this visitor is in: always the same one as long as the arms and weights are the same."""
    total = sum([arm.weight for arm in link.variants])
    digest = blake2b(f"{link.number}\n{visitor}".encode(), digest_size=8).digest()
    point = int.from_bytes(digest, "big") % total
    for arm in link.variants:
        point -= arm.weight
        if point < 0:
            return arm
    raise AssertionError("the weights of the arms add up to their total")
