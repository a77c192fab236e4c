"""The fields of guides, links, campaigns and stores as text: what people type, and what stands in CSV files.

One table per kind of thing serves the command line, import and export, so that they cannot differ.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.registry import UTM_NAMES, Link, Thing, Variant
from stream.base.errors import InputError

Patch = dict[str, Any]
"""Field name -> value; fields that are not in it keep what they have. A link's current owner is its field `guide_id`,
its UTM values are fields of their own."""

_SEPARATORS = re.compile(r"[\s,;，；、]+")
_HOURS = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*[-–~]\s*([0-9]{1,2}):([0-9]{2})")
_YES: Final = frozenset({"yes", "true", "1", "y", "是"})
_NO: Final = frozenset({"", "no", "false", "0", "n", "否"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, what it is, and how it is read from and shown as text."""

    name: str
    help: str
    read: Callable[[str, ZoneInfo], Any]
    show: Callable[[Any, ZoneInfo], str]


def _text(text: str, _zone: ZoneInfo) -> str:
    return text


def _show(value: Any, _zone: ZoneInfo) -> str:
    return str(value)


def _flag(text: str, _zone: ZoneInfo) -> bool:
    word = text.lower()
    if word not in _YES | _NO:
        raise InputError(f"{text[:20]!r}: give yes or no")
    return word in _YES


def _show_flag(value: bool, _zone: ZoneInfo) -> str:  # noqa: FBT001 - a value, not a switch
    return "yes" if value else "no"


def _moment(text: str, zone: ZoneInfo) -> int | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text[:40]!r} is no time; give 2026-11-11 or 2026-11-11 20:00") from error
    return round((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp() * 1000)


def show_moment(value: int | None, zone: ZoneInfo) -> str:
    """A time in milliseconds as text in a zone; `read` takes it back."""
    return "" if value is None else datetime.fromtimestamp(value / 1000, zone).isoformat(" ")


def _hours(text: str, _zone: ZoneInfo) -> tuple[int, int] | None:
    if not text:
        return None
    match = _HOURS.fullmatch(text)
    if not match:
        raise InputError(f"{text[:40]!r} are no hours; give 09:00-21:30")
    hour, minute, last_hour, last_minute = map(int, match.groups())
    if max(minute, last_minute) > 59:
        raise InputError("a minute is above 59")
    return hour * 60 + minute, last_hour * 60 + last_minute


def _show_hours(value: tuple[int, int] | None, _zone: ZoneInfo) -> str:
    if value is None:
        return ""
    start, end = value
    return f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"


def _words(text: str, _zone: ZoneInfo) -> tuple[str, ...]:
    return tuple(word for word in _SEPARATORS.split(text) if word)


def _show_words(value: Iterable[str], _zone: ZoneInfo) -> str:
    return " ".join(value)


def _urls(text: str, _zone: ZoneInfo) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for item in text.split():
        name, _, url = item.partition("=")
        if not (name and url):
            raise InputError("give NAME=https://..., several with blanks between")
        pairs.append((name, url))
    return tuple(pairs)


def _show_urls(value: Iterable[tuple[str, str]], _zone: ZoneInfo) -> str:
    return " ".join(f"{name}={url}" for name, url in value)


def _variants(text: str, _zone: ZoneInfo) -> tuple[Variant, ...]:
    found: list[Variant] = []
    for item in text.split():
        name, _, rest = item.partition(":")
        weight, _, url = rest.partition(":")
        if not (name and url and weight.isascii() and weight.isdigit() and len(weight) <= 6):
            raise InputError("give NAME:WEIGHT:https://..., several with blanks between")
        found.append(Variant(name, int(weight), url))
    return tuple(found)


def _show_variants(value: Iterable[Variant], _zone: ZoneInfo) -> str:
    return " ".join(f"{variant.name}:{variant.weight}:{variant.url}" for variant in value)


def _status(text: str, _zone: ZoneInfo) -> int:
    if text not in ("", "302", "307"):
        raise InputError(f"{text[:20]!r}: give 302 or 307")
    return int(text or 302)


def _kind(text: str, _zone: ZoneInfo) -> str:
    return text or "web"


def _currency(text: str, _zone: ZoneInfo) -> str:
    return text or "CNY"


def _plain(name: str, what: str) -> Field:
    return Field(name, what, _text, _show)


_DISABLED = Field("disabled", "yes takes it out of use; its past stays", _flag, _show_flag)
_CURRENCY = Field("currency", "three letters, CNY when left out", _currency, _show)

STORE_FIELDS: Final = (
    _plain("id", "short and lasting, like s-001"),
    _plain("name", "as people call it"),
    _plain("region_id", "region that the store belongs to"),
    _plain("region_name", "name of that region"),
    _DISABLED,
)
GUIDE_FIELDS: Final = (
    _plain("id", "short and lasting, like an employee number"),
    _plain("name", "as customers know them"),
    _plain("store_id", "store they work in; a change moves them"),
    _plain("hire_date", "YYYY-MM-DD"),
    _plain("monthly_cost", "amount, like 6500.50"),
    _CURRENCY,
    _plain("wecom_userid", "user id in WeCom"),
    _DISABLED,
)
CAMPAIGN_FIELDS: Final = (
    _plain("id", "short and lasting, like 2026-1111"),
    _plain("name", "as people call it"),
    _plain("start", "first day, YYYY-MM-DD"),
    _plain("end", "last day, YYYY-MM-DD"),
    _plain("budget", "amount, like 20000"),
    _CURRENCY,
    _DISABLED,
)
LINK_FIELDS: Final = (
    _plain("code", "what stands behind the / of the short link; 7 random characters when left out"),
    Field(
        "kind",
        "web (default), wecom_acquisition, wecom_contact, wecom_kf, mini_program, livestream or group",
        _kind,
        _show,
    ),
    _plain("url", "https destination"),
    _plain("guide_id", "guide who owns it; none makes it a campaign's link; a change is a transfer from now on"),
    _plain("campaign_id", "campaign it belongs to"),
    _plain("touchpoint", "where it is shown: wecom_chat, wechat_group, moments, livestream, mini_program, ..."),
    *(_plain(name, f"value of {name} that the destination gets") for name in UTM_NAMES),
    Field("pass_params", "names of query parameters that travel on to the destination", _words, _show_words),
    Field("valid_from", "works from this time on, in the brand's time zone", _moment, show_moment),
    Field("valid_until", "works before this time", _moment, show_moment),
    Field("hours", "works at these hours of the day, like 09:00-21:30; may pass midnight", _hours, _show_hours),
    _DISABLED,
    _plain("fallback_url", "where people go while it does not work"),
    Field("platforms", "platforms it works on, like wechat wecom; all when left out", _words, _show_words),
    Field(
        "platform_urls", "destinations of single platforms: wechat=https://... douyin=https://...", _urls, _show_urls
    ),
    Field("country_urls", "destinations of single countries: JP=https://... US=https://...", _urls, _show_urls),
    Field("variants", "arms of an A/B test: a:50:https://... b:50:https://...", _variants, _show_variants),
    Field("status", "302 (default) or 307", _status, _show),
)
FIELDS: Final[dict[str, tuple[Field, ...]]] = {
    "store": STORE_FIELDS,
    "guide": GUIDE_FIELDS,
    "campaign": CAMPAIGN_FIELDS,
    "link": LINK_FIELDS,
}
_MS_FIELDS: Final = {"valid_from": "valid_from_ms", "valid_until": "valid_until_ms"}


def read(kind: str, texts: Mapping[str, str], zone: ZoneInfo) -> tuple[Patch, list[InputError]]:
    """Texts by field name as values, and what cannot be read."""
    patch: Patch = {}
    problems: list[InputError] = []
    for field in FIELDS[kind]:
        if field.name not in texts:
            continue
        try:
            patch[field.name] = field.read(texts[field.name].strip(), zone)
        except InputError as problem:
            problems.append(InputError(problem.detail, field=field.name))
    return patch, problems


def show(thing: Thing, kind: str, zone: ZoneInfo, now_ms: int) -> dict[str, str]:
    """Every field of a thing as text; `read` of it gives the same thing again."""
    values = patch_of(thing, now_ms)
    return {field.name: field.show(values[field.name], zone) for field in FIELDS[kind]}


def patch_of(thing: Thing, now_ms: int) -> Patch:
    """The fields of a thing as values."""
    if isinstance(thing, Link):
        values = {name: getattr(thing, name) for name in type(thing).__dataclass_fields__}
        values |= {name: getattr(thing, stored) for name, stored in _MS_FIELDS.items()}
        values |= dict.fromkeys(UTM_NAMES, "") | dict(thing.utm)
        return values | {"guide_id": thing.owner_at(now_ms)}
    return {name: getattr(thing, name) for name in type(thing).__dataclass_fields__}
