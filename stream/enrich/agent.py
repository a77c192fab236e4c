"""What a user agent says about device, system and browser, as closed sets of words.

Apps come before the browsers they are built on, as in `stream.base.platforms`; the rest is ua-parser's knowledge, of
which only the names that a report can use are kept: a made-up user agent must not make up a column's values.
"""

import re
from functools import cache
from typing import Final

from ua_parser import Domain, load_lazy_builtins
from ua_parser.lazy import UserAgentMatcher
from ua_parser.regex import Resolver

from schemas.enrichment import Agent, Device
from stream.base.platforms import platform_of
from stream.enrich.bots import automation_of
from stream.enrich.patterns import Patterns

# The first pattern found wins. Their syntax is that of ua-parser's engine: no look-around.
_APPS: Final[tuple[tuple[str, str], ...]] = (
    ("WeCom", r"(?i:wxwork)"),
    ("DingTalk", r"DingTalk"),
    ("Feishu", r"Lark/|Feishu"),
    ("Alipay", r"AlipayClient|AliApp\(AP/"),
    ("Taobao", r"AliApp\(TB"),
    ("Tmall", r"AliApp\(TM"),
    ("JD", r"jdapp;|jdltapp;|jdpingou;"),
    ("WeChat", r"MicroMessenger|WindowsWechat"),
    ("Xiaohongshu", r"XHS(?:Discover|WebView)|(?i:xiaohongshu)"),
    ("Douyin", r"(?i:aweme|douyin)"),
    ("TikTok", r"musical_ly|TikTok"),
    ("Toutiao", r"NewsArticle"),
    ("Kuaishou", r"(?i:kwai|ksNebula|kuaishou)"),
    ("Pinduoduo", r"(?i:pinduoduo|phh_android|phh_ios)"),
    ("Meituan", r"(?i:meituan)"),
    ("Weibo", r"(?i:weibo)"),
    ("Bilibili", r"(?i:bilibili|biliapp)"),
    ("Zhihu", r"ZhihuHybrid|osee2unifiedRelease"),
    ("QQ", r"(?:^|[^A-Za-z]|IPad)QQ/\d"),
    ("QQ Browser", r"M?QQBrowser"),
    ("Baidu", r"baiduboxapp|baidubrowser|bdbrowser|BIDUBrowser"),
    ("Quark", r"Quark"),
    ("UC Browser", r"UCBrowser|UCWEB|UBrowser"),
    ("Huawei Browser", r"HuaweiBrowser"),
    ("Honor Browser", r"HonorBrowser"),
    ("Xiaomi Browser", r"MiuiBrowser"),
    ("OPPO Browser", r"HeyTapBrowser|OppoBrowser"),
    ("vivo Browser", r"VivoBrowser"),
    ("Samsung Browser", r"SamsungBrowser"),
    ("360 Browser", r"QihooBrowser|QHBrowser|360SE|360EE|360browser|QIHU"),
    ("Sogou Browser", r"SogouMobileBrowser|MetaSr|SogouMSE"),
    ("2345 Browser", r"2345Explorer|2345Browser|Mb2345Browser"),
    ("Facebook", r"FBAN/|FBAV/|FB_IAB/"),
    ("Instagram", r"Instagram"),
    ("LINE", r"\bLine/\d"),
)
# ua-parser's families -> ours; phone and desktop editions are one browser, the device says the rest.
_BROWSERS: Final[dict[str, str]] = {
    "Chrome": "Chrome",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chromium": "Chrome",
    "Chrome Mobile WebView": "Android WebView",
    "Android": "Android WebView",
    "Safari": "Safari",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "iOS WebView",
    "Firefox": "Firefox",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge": "Edge",
    "Edge Mobile": "Edge",
    "Opera": "Opera",
    "Opera Mobile": "Opera",
    "Opera Mini": "Opera",
    "Opera Touch": "Opera",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
}
_SYSTEMS: Final[dict[str, str]] = {
    "iOS": "iOS",
    "Android": "Android",
    "HarmonyOS": "HarmonyOS",
    "Windows": "Windows",
    "Windows Phone": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
    "Ubuntu": "Linux",
    "Debian": "Linux",
    "Fedora": "Linux",
    "Chrome OS": "ChromeOS",
    "Tizen": "Tizen",
    "webOS": "webOS",
    "tvOS": "tvOS",
    "ATV OS X": "tvOS",
    "KaiOS": "KaiOS",
}
# HarmonyOS up to 4 calls itself Android as well; from 5 on only OpenHarmony.
_HARMONY: Final = re.compile(r"HarmonyOS|OpenHarmony")
# The first found wins. Android without "Mobile" is a tablet: Google's rule since Android 3, followed by its makers.
_DEVICES: Final[tuple[tuple[Device, str], ...]] = (
    ("tv", r"(?i:smart-?tv|android ?tv|googletv|apple ?tv|hbbtv|web0s|bravia|mitv|mibox|\btv\b|crkey|philipstv)"),
    ("tablet", r"(?i:ipad|tablet|kindle|playbook|matepad|\bpad\b)"),
    ("phone", r"(?i:iphone|ipod|windows phone|mobile)"),
    ("tablet", r"(?i:android)"),
    ("phone", r"(?i:\(phone;|harmonyos|ucweb|nokia|opera mini)"),
    ("desktop", r"(?i:windows nt|macintosh|x11|cros|\(pc;)"),
)


@cache
def _resolver() -> Resolver:
    """ua-parser's rules with our apps before them; built once, in a sixth of a second."""
    browsers, systems, _ = load_lazy_builtins()
    apps = [UserAgentMatcher(f"({pattern})", name) for name, pattern in _APPS]
    return Resolver(([*apps, *browsers], systems, []))


@cache
def _devices() -> Patterns[Device]:
    return Patterns(_DEVICES)


_APP_NAMES: Final = {name: name for name, _ in _APPS}


def agent_of(user_agent: str) -> Agent:
    """Read a user agent of at most 512 characters; 10 to 30 microseconds, so the caller caches."""
    found = _resolver()(user_agent, Domain.USER_AGENT | Domain.OS)
    family = found.user_agent.family if found.user_agent else ""
    return Agent(
        device=_device_of(user_agent),
        os=_system_of(user_agent, found.os.family if found.os else ""),
        browser=_APP_NAMES.get(family) or _BROWSERS.get(family, "other"),
        platform=platform_of(user_agent),
    )


def _system_of(user_agent: str, family: str) -> str:
    if _HARMONY.search(user_agent):
        return "HarmonyOS"
    return _SYSTEMS.get(family, "other")


def _device_of(user_agent: str) -> Device:
    if automation_of(user_agent):
        return "bot"
    return _devices().first(user_agent) or "other"
