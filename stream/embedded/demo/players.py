"""Who plays the demo: the crowd that taps, the people who go on from there, and those who send what they do."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Self

from stream.base.clock import wall_clock
from stream.base.settings import Settings
from stream.embedded.demo.brand import DemoBrand
from stream.embedded.demo.journeys import Journeys
from stream.embedded.demo.people import Crowd, Tap
from stream.embedded.demo.probe import FreshnessProbe, token_of
from stream.embedded.demo.producer import Producer
from stream.embedded.demo.taps import Sender, header


@dataclass(frozen=True, slots=True)
class Players:
    """Wired to each other, nobody running."""

    sender: Sender
    probe: FreshnessProbe
    journeys: Journeys
    producer: Producer

    @classmethod
    def make(
        cls, settings: Settings, brand: DemoBrand, probe: FreshnessProbe, key: str, *, seed: int, rate: float, run: str
    ) -> Self:
        """`key` lets the producer hand in events, `rate` is taps a second, `run` tells this play's ids from others'."""
        qr_codes = frozenset(link.code for link in brand.links if link.touchpoint == "store_qr")
        crowd = Crowd(Random(seed), tuple(link.code for link in brand.links), qr_codes)  # noqa: S311 - made-up people
        edge, api = settings.edge, settings.api
        sender = Sender(edge.host, edge.port, lambda: crowd.tap(_hour(settings)), rate=rate)
        journeys = Journeys(Random(seed), brand.links, run)  # noqa: S311 - likewise
        journeys.begin(brand.guides, brand.campaigns, wall_clock())
        sender.on_answer = _listening(probe, journeys)
        return cls(sender, probe, journeys, Producer(f"http://{api.host}:{api.port}", key, journeys, wall_clock))


def _listening(probe: FreshnessProbe, journeys: Journeys) -> Callable[[Tap, bytes], None]:
    """What listens to the answers: the probe, and the journeys of those who tapped as people do."""

    def on_answer(tap: Tap, head: bytes) -> None:
        probe.on_answer(tap, head)
        if tap.person is None or not tap.known or b"Sec-Purpose" in tap.headers:
            return
        token = token_of(header(head, b"location").decode("ascii", "replace"))
        if token:
            journeys.tapped(_visitor(tap, head), tap.link, token, wall_clock())

    return on_answer


def _visitor(tap: Tap, head: bytes) -> str:
    """The browser as the edge knows it: by the cookie that it has just got, or sent, or else by what it is."""
    sent = b"\r\n" + tap.headers
    cookie = header(head, b"set-cookie") or header(sent, b"cookie")
    _, _, value = cookie.partition(b";")[0].partition(b"=")
    return (value or header(sent, b"user-agent")).decode("ascii")


def _hour(settings: Settings) -> int:
    return dt.datetime.fromtimestamp(wall_clock() / 1000, settings.brand.zone).hour
