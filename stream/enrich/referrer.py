"""Where a visitor came from: the referrer's registrable domain and the class of site it belongs to."""

import re
from typing import Final

from schemas.enrichment import UNKNOWN_REFERRER, Referrer, ReferrerClass

_URL: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]{0,30})://(?:[^/?#@\\]*@)?(?P<host>[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d*)?(?:[/?#]|$)",
    re.IGNORECASE,
)
_DIRECT: Final = Referrer("", "direct")
_ADDRESS: Final = re.compile(r"[\d.]+|\[.*\]")
# Second-level names under which a country sells domains: example.com.cn is one domain, not com.cn.
_SECOND_LEVEL: Final = frozenset({"com", "net", "org", "gov", "edu", "ac", "co", "or", "ne", "go", "mil", "idv"})

_SITES: Final[dict[ReferrerClass, tuple[str, ...]]] = {
    "wechat": (
        "weixin.qq.com",
        "wx.qq.com",
        "weixin110.qq.com",
        "servicewechat.com",
        "wechat.com",
        "weixinbridge.com",
        "com.tencent.mm",
        "com.tencent.wework",
    ),
    "xiaohongshu": ("xiaohongshu.com", "xhslink.com", "rednote.com", "com.xingin.xhs"),
    "weibo": ("weibo.com", "weibo.cn", "t.cn", "com.sina.weibo"),
    "douyin": ("douyin.com", "iesdouyin.com", "amemv.com", "jinritemai.com", "com.ss.android.ugc.aweme"),
    "alipay": ("alipay.com", "alipay-eco.com", "com.eg.android.AlipayGphone"),
    "taobao": ("taobao.com", "tmall.com", "tmall.hk", "tb.cn", "com.taobao.taobao", "com.tmall.wireless"),
    "jd": ("jd.com", "jd.hk", "3.cn", "com.jingdong.app.mall"),
    "search": (
        "sogou.com",
        "so.com",
        "haosou.com",
        "sm.cn",
        "chinaso.com",
        "bing.com",
        "duckduckgo.com",
        "yandex.com",
        "yandex.ru",
        "petalsearch.com",
        "ecosia.org",
        "search.yahoo.com",
        "search.yahoo.co.jp",
        "search.naver.com",
        "so.toutiao.com",
        "com.baidu.searchbox",
        "com.google.android.googlequicksearchbox",
    ),
}
_CLASS_OF: Final[dict[str, ReferrerClass]] = {name.lower(): cls for cls, names in _SITES.items() for name in names}
# Of these houses only the search pages are search: not Baidu's forum, not Google's mail.
_SEARCH_PAGES: Final = re.compile(r"(?:(?:www|m|wap|image)\.)?baidu\.com|(?:www\.)?google(?:\.[a-z]{2,3}){1,2}")


def referrer_of(url: str) -> Referrer:
    """Classify a referrer as the edge keeps it (no query, at most 512 characters); what is no URL is `other`."""
    if not url:
        return _DIRECT
    found = _URL.match(url)
    if not found:
        return UNKNOWN_REFERRER
    host = found["host"].lower().strip(".")
    if found["scheme"].lower() == "android-app":
        return Referrer(host, _CLASS_OF.get(host, "other"))
    return Referrer(_registrable(host), _class_of(host))


def _class_of(host: str) -> ReferrerClass:
    if _SEARCH_PAGES.fullmatch(host):
        return "search"
    while host:
        cls = _CLASS_OF.get(host)
        if cls:
            return cls
        host = host.partition(".")[2]
    return "other"


def _registrable(host: str) -> str:
    """The domain that somebody registered; an address stays whole."""
    if _ADDRESS.fullmatch(host):
        return host
    labels = host.split(".")
    of_country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if of_country else labels[-2:])
