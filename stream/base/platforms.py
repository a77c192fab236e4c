"""Which app or browser a user agent is: the platforms that a link's rules and the reports tell apart.

The edge chooses destinations by it and the worker stores it, so both must read a user agent alike. Apps come before
the browsers they are built on: WeCom says MicroMessenger too, WeChat and QQ on Android say MQQBrowser, all say Mobile.
"""

import re
from functools import lru_cache
from typing import Final

from schemas.registry import Platform

# In this order; the first pattern found anywhere in the user agent wins.
_RULES: Final[tuple[tuple[Platform, str], ...]] = (
    # An Alipay mini program says MiniProgram as well, but opens what Alipay opens: it is Alipay.
    ("alipay", r"AlipayClient|AliApp\(AP/"),
    ("dingtalk", r"DingTalk"),
    # `miniProgram` or `miniProgram/wx...` marks the web-view of a mini program, in WeChat and in WeCom;
    # `MiniProgramEnv/Windows` and `/Mac` stand in the desktop apps' user agent for every page.
    ("mini_program", r"miniProgram(?!Env)"),
    ("wecom", r"wxwork"),
    ("wechat", r"MicroMessenger|WindowsWechat"),
    ("douyin", r"aweme|douyin"),
    ("xiaohongshu", r"XHSDiscover|XHSWebView|xiaohongshu"),
    ("weibo", r"weibo"),
    # QQ the messenger; MQQBrowser and QQBrowser are browsers.
    ("qq", r"(?<![a-z])(?:IPad)?QQ/\d"),
    ("desktop", r"\(PC; (?:OpenHarmony|HarmonyOS)"),
    ("mobile", r"Mobi|Android|iPhone|iPad|iPod|HarmonyOS|OpenHarmony|Windows Phone"),
    ("desktop", r"Windows NT|Macintosh|X11|CrOS"),
)
_PATTERNS: Final = tuple((platform, re.compile(pattern, re.IGNORECASE)) for platform, pattern in _RULES)


# A few thousand user agents make up nearly all traffic; 512 characters each bound this at about 10 MB.
@lru_cache(maxsize=8192)
def platform_of(user_agent: str) -> Platform:
    """The platform of a user agent (the caller keeps at most 512 characters of it); `other` when nothing is known."""
    for platform, pattern in _PATTERNS:
        if pattern.search(user_agent):
            return platform
    return "other"
