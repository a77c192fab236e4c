"""Who taps: devices as they are seen in Chinese retail, hours of the day, repeat visitors, previews and bots. Pure."""

import itertools
from dataclasses import dataclass, field
from random import Random
from typing import Final

_WECHAT_ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; {model} Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/126.0.6478.188 Mobile Safari/537.36 XWEB/1260117 MMWEBSDK/20240501 MMWEBID/{number} "
    "MicroMessenger/8.0.50.2701(0x28003255) WeChat/arm64 Weixin NetType/{net} Language/zh_CN ABI/arm64"
)
_WECHAT_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {ios} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 MicroMessenger/8.0.53(0x18003531) NetType/{net} Language/zh_CN"
)
_WECOM_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {ios} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 wxwork/4.1.28 MicroMessenger/7.0.1 Language/zh ColorScheme/Light"
)
_DOUYIN = (
    "Mozilla/5.0 (Linux; Android 13; {model} Build/TKQ1.221114.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/110.0.5481.154 Mobile Safari/537.36 aweme_290700 JsSdk/1.0 NetworkType/{net} app_name/aweme "
    "app_version/29.7.0 ByteLocale/zh-CN"
)
_XIAOHONGSHU = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {ios} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 discover/8.51 XHSWebView NetType/{net}"
)
_SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {ios} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
_CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
_DEVICES: Final = (  # (share of taps, template)
    (46, _WECHAT_ANDROID),
    (31, _WECHAT_IPHONE),
    (5, _WECOM_IPHONE),
    (5, _DOUYIN),
    (4, _XIAOHONGSHU),
    (5, _SAFARI),
    (4, _CHROME),
)
_MODELS: Final = ("ALN-AL80", "V2309A", "PJD110", "23127PN0CC", "LGE-AN10", "SM-S9280", "NOH-AN00")
_IOS: Final = ("16_6", "17_4_1", "17_5_1", "18_0", "18_1")
_NETS: Final = ("WIFI", "4G", "5G")
_BOTS: Final = (
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "Mozilla/5.0 (compatible; Bytespider; https://zhanzhang.toutiao.com/)",
    "python-requests/2.32.3",
    "curl/8.5.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36",
)
_PREVIEWS: Final = (
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "TelegramBot (like TwitterBot)",
)
# Taps an hour of the day, of the busiest: few at night, a peak at noon, the highest in the evening.
_DAY: Final = (
    *(12, 6, 4, 3, 3, 5, 14, 28, 40, 48, 52, 60),
    *(78, 66, 50, 46, 46, 52, 62, 76, 94, 100, 72, 34),
)
_NIGHT: Final = tuple(_DAY[(hour + 9) % 24] for hour in range(24))
_MOST_PEOPLE: Final = 50_000  # bounds memory; then somebody old comes back instead of somebody new


@dataclass(slots=True)
class Person:
    """One browser of one person; `cookie` is what the edge gave it, empty for those who take none."""

    agent: bytes
    takes_cookies: bool
    night: bool
    cookie: bytes = b""


@dataclass(frozen=True, slots=True)
class Tap:
    """One request to send. `known` is whether the code is a link's."""

    target: bytes
    method: bytes
    headers: bytes
    known: bool
    person: Person | None
    link: int


@dataclass(slots=True)
class Crowd:
    """Everybody who taps the `codes`; the first are the most popular. The same for the same seed and hours."""

    rng: Random
    codes: tuple[str, ...]
    qr_codes: frozenset[str] = frozenset()
    _people: list[Person] = field(default_factory=list)
    _weights: list[float] = field(init=False)

    def __post_init__(self) -> None:
        """Popularity falls with the place (Zipf): some guides are far busier than others."""
        self._weights = list(itertools.accumulate(1 / (place + 8) for place in range(len(self.codes))))

    def tap(self, hour: int) -> Tap:
        """The next tap, at this hour (0-23) of the brand's day."""
        rng = self.rng
        link = rng.choices(range(len(self.codes)), cum_weights=self._weights)[0]
        dice = rng.random()
        if dice < 0.005:
            code = "".join(rng.choices("abcdefghijk0123456789", k=7))
            return Tap(
                b"/" + code.encode(), b"GET", _agent(_SAFARI.format(ios="17_4_1")), known=False, person=None, link=-1
            )
        code = self.codes[link]
        target = f"/{code}?q=1" if code in self.qr_codes else f"/{code}"
        if dice < 0.045:
            return Tap(target.encode(), b"GET", _agent(rng.choice(_BOTS)), known=True, person=None, link=link)
        if dice < 0.085:
            return Tap(target.encode(), b"GET", _agent(rng.choice(_PREVIEWS)), known=True, person=None, link=link)
        if dice < 0.09:
            return Tap(target.encode(), b"HEAD", _agent(_CHROME), known=True, person=None, link=link)
        person = self._person(hour)
        headers = person.agent + b"Accept-Language: zh-CN,zh;q=0.9\r\n"
        if person.cookie:
            headers += b"Cookie: " + person.cookie + b"\r\n"
        if dice < 0.1:
            headers += b"Sec-Purpose: prefetch\r\n"
        return Tap(target.encode(), b"GET", headers, known=True, person=person, link=link)

    def _person(self, hour: int) -> Person:
        """Two in five taps are by somebody who has been here before."""
        rng = self.rng
        night = rng.random() * (_DAY[hour] + _NIGHT[hour] / 5) < _NIGHT[hour] / 5
        if self._people and (rng.random() < 0.4 or len(self._people) >= _MOST_PEOPLE):
            for _ in range(3):
                person = rng.choice(self._people)
                if person.night == night:
                    return person
        template = rng.choices([t for _, t in _DEVICES], [share for share, _ in _DEVICES])[0]
        agent = template.format(
            model=rng.choice(_MODELS), ios=rng.choice(_IOS), net=rng.choice(_NETS), number=rng.randrange(1, 9999)
        )
        person = Person(_agent(agent), takes_cookies=rng.random() < 0.95, night=night)
        if len(self._people) < _MOST_PEOPLE:
            self._people.append(person)
        return person


def _agent(text: str) -> bytes:
    return b"User-Agent: " + text.encode() + b"\r\n"
