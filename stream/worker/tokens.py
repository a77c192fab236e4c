"""What the tokens of a batch say: the click of each, or why it names none."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from schemas.attribution import Touch
from schemas.conversions import Conversion
from schemas.token import ForgedTokenError, MalformedTokenError, Token, UnknownKeyError, verify
from stream.attribute.credit import leads_to
from stream.sink import lookups
from stream.sink.lookups import ClickFacts, LinkFacts
from stream.worker.directory import Directory
from stream.worker.sink import Sink

MALFORMED: Final = "malformed"
UNKNOWN_KEY: Final = "unknown_key"
FORGED: Final = "forged"
UNKNOWN_LINK: Final = "unknown_link"
AFTER_EVENT: Final = "after_event"
"""Why a token gives no credit: words of `conversions.token_error` and labels of a metric."""


class Read(NamedTuple):
    """One token: a click, or an error."""

    click: Touch | None
    error: str


def check(text: str, keys: Mapping[int, bytes]) -> Token | str:
    """The token that one of the keys made, or a word for what is wrong with it."""
    try:
        return verify(text, keys)
    except UnknownKeyError:
        return UNKNOWN_KEY
    except ForgedTokenError:
        return FORGED
    except MalformedTokenError:
        return MALFORMED


NOT_THERE: Final = Read(None, "")
"""What an event without a token says."""


def named(event: Conversion, time_ms: int, tokens: Mapping[str, Read]) -> Read:
    """What an event's own token says of it, of those that were read; a click that happened after it led not to it."""
    token = event.get("token")
    if not token:
        return NOT_THERE
    read = tokens.get(token, NOT_THERE)
    return Read(None, AFTER_EVENT) if read.click and not leads_to(read.click, time_ms) else read


class Tokens:
    """One per process."""

    def __init__(self, keys: Mapping[int, bytes], directory: Directory, sink: Sink) -> None:
        self._keys = keys
        self._directory = directory
        self._sink = sink

    async def read(self, texts: Iterable[str]) -> dict[str, Read]:
        """Every one of these tokens."""
        found: dict[str, Read] = {}
        good: dict[str, Token] = {}
        for text in set(texts):
            token = check(text, self._keys)
            if isinstance(token, str):
                found[text] = Read(None, token)
            else:
                good[text] = token
        latest: dict[int, int] = {}
        for token in good.values():
            latest[token.link_number] = max(token.at_ms, latest.get(token.link_number, 0))
        links = await self._directory.links(latest)
        # The click itself knows its variant, and it knows a link that was deleted since.
        wanted = {
            (text, token.at_ms)
            for text, token in good.items()
            if (link := links.get(token.link_number)) is None or link.has_variants
        }
        clicks = await self._sink.ask("clicks", lambda ch: lookups.clicks_by_id(ch, wanted)) if wanted else {}
        for text, token in good.items():
            touch = _touch(text, token, links.get(token.link_number), clicks.get(text))
            found[text] = Read(touch, "" if touch else UNKNOWN_LINK)
        return found


def _touch(text: str, token: Token, link: LinkFacts | None, click: ClickFacts | None) -> Touch | None:
    if link:
        return Touch(token.at_ms, text, link.code, link.owner_at(token.at_ms), click.variant if click else "")
    return Touch(token.at_ms, text, *click) if click else None
