"""Everything that is derived from a click's own fields, in the order of the row.

Each enrichment is a pure function in a file of its own behind a bounded cache; taps repeat user agents, prefixes and
referrers, so nearly all of it is look-ups. One that fails marks the row and leaves a neutral value: no click is lost.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, Self, TypeVar

from schemas.click_record import ClickRecord
from schemas.enrichment import (
    HUMAN,
    UNKNOWN_AGENT,
    UNKNOWN_PLACE,
    UNKNOWN_REFERRER,
    Agent,
    EnrichError,
    Enrichment,
    Place,
    Referrer,
    Verdict,
)
from stream.enrich.agent import agent_of
from stream.enrich.bots import verdict_of
from stream.enrich.language import language_of
from stream.enrich.place import open_places
from stream.enrich.referrer import referrer_of

# Distinct inputs kept of each kind. A few thousand user agents and prefixes make up nearly all traffic; at 512
# characters each, the caches are bounded at about 20 MB together.
_KEPT: Final = 8192
T = TypeVar("T")
_NO_ERRORS: Final[tuple[EnrichError, ...]] = ()


class ClickEnricher:
    """Derives device, bot verdict, place, referrer and language of a click. One per worker process."""

    def __init__(
        self,
        *,
        agent: Callable[[str], Agent] = agent_of,
        verdict: Callable[[str, str, bool], Verdict] = verdict_of,
        place: Callable[[str], Place],
        referrer: Callable[[str], Referrer] = referrer_of,
        language: Callable[[str], str] = language_of,
    ) -> None:
        cache = lru_cache(maxsize=_KEPT)
        self._agent = cache(agent)
        self._verdict = cache(verdict)
        self._place = cache(place)
        self._referrer = cache(referrer)
        self._language = cache(language)

    @classmethod
    def open(cls, city_file: Path | None = None) -> Self:
        """An enricher with the country of each prefix, and region, city and ISP from the operator's file if given.

        Raises:
            SettingsError: the file is no database that can be read.
        """
        return cls(place=open_places(city_file))

    def enrich(self, click: ClickRecord) -> Enrichment:
        """Never raises for a click that `read_click` accepted."""
        user_agent, header = click.ua, click.lang
        try:
            return Enrichment(
                self._agent(user_agent),
                self._verdict(user_agent, click.fetch, not header),
                self._place(click.ip),
                self._referrer(click.ref),
                self._language(header),
                _NO_ERRORS,
            )
        except Exception:  # noqa: BLE001 - whatever it is, the click is kept; the slow way finds which part failed
            return self._enrich_what_works(click)

    def _enrich_what_works(self, click: ClickRecord) -> Enrichment:
        errors: list[EnrichError] = []

        def attempt(name: EnrichError, part: Callable[[], T], neutral: T) -> T:
            try:
                return part()
            except Exception:  # noqa: BLE001 - marked on the row and counted
                errors.append(name)
                return neutral

        user_agent, header = click.ua, click.lang
        return Enrichment(
            attempt("agent", lambda: self._agent(user_agent), UNKNOWN_AGENT),
            attempt("verdict", lambda: self._verdict(user_agent, click.fetch, not header), HUMAN),
            attempt("place", lambda: self._place(click.ip), UNKNOWN_PLACE),
            attempt("referrer", lambda: self._referrer(click.ref), UNKNOWN_REFERRER),
            attempt("language", lambda: self._language(header), ""),
            tuple(errors),
        )
