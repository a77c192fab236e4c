"""The pages a visitor sees instead of a destination: Chinese and English, self-contained, made for a phone. Pure."""

import base64
import hashlib
from functools import lru_cache
from html import escape
from typing import Final, Literal, NamedTuple

from schemas.clicks import Outcome

Kind = Outcome | Literal["unknown", "starting", "method", "too_long"]

_STYLE: Final = (
    ":root{color-scheme:light dark}*{box-sizing:border-box}body{margin:0;min-height:100vh;display:flex;"
    "align-items:center;justify-content:center;padding:24px;background:#f4f5f7;color:#1d2129;"
    'font:16px/1.6 -apple-system,"PingFang SC","HarmonyOS Sans SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}'
    "main{width:100%;max-width:420px;background:#fff;border-radius:16px;padding:32px 24px;"
    "box-shadow:0 4px 24px rgba(0,0,0,.06)}h1{font-size:22px;line-height:1.35;margin:0 0 12px}p{margin:0 0 8px}"
    ".how{margin:16px 0 0;padding:12px 14px;border-radius:10px;background:#eef4ff;color:#1b3a78}"
    ".url{margin:16px 0 0;padding:10px 12px;border:1px dashed #c2c7d0;border-radius:10px;word-break:break-all;"
    "font-family:ui-monospace,Menlo,monospace;font-size:14px;user-select:all;-webkit-user-select:all}"
    "section+section{margin-top:24px;padding-top:20px;border-top:1px solid #e5e6eb;color:#6b7280;font-size:14px}"
    "section+section h1{font-size:16px;margin-bottom:6px}"
    ".more{position:fixed;top:10px;right:16px;font-size:30px;line-height:1;color:#1b3a78}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}main{background:#1e1f22;box-shadow:none}"
    ".how{background:#1f2a44;color:#cfe0ff}.more{color:#cfe0ff}section+section{border-color:#333;color:#9aa0a8}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing but this very style: no script, no image, no frame, no form, whatever got into a page."""

# An in-app browser replaces the body of an error by a picture of its own, so what tells people what to do is a 200.
_STATUS: Final[dict[Kind, int]] = {
    "expired": 410,
    "disabled": 410,
    "not_yet": 200,
    "out_of_hours": 200,
    "wrong_platform": 200,
    "fallback": 404,
    "unknown": 404,
    "starting": 503,
    "method": 405,
    "too_long": 414,
}
_TEXTS: Final[dict[Kind, tuple[str, str, str, str]]] = {  # Chinese title and text, English title and text
    "expired": (
        "链接已过期",
        "请联系发给您链接的导购，获取新的链接。",
        "This link has expired",
        "Please ask the person who sent it for a new one.",
    ),
    "disabled": (
        "链接已停用",
        "请联系发给您链接的导购，获取新的链接。",
        "This link is no longer in use",
        "Please ask the person who sent it for a new one.",
    ),
    "not_yet": (
        "还没有开始",
        "这个链接尚未开放，请稍后再来。",
        "Not open yet",
        "This link is not open yet. Please come back later.",
    ),
    "out_of_hours": (
        "当前不在开放时间",
        "请在开放时间内再次打开这个链接。",
        "Outside opening hours",
        "Please open this link again during opening hours.",
    ),
    "wrong_platform": (
        "请换一种方式打开",
        "这个链接不能在当前应用中打开。",
        "Please open it another way",
        "This link cannot be opened in this app.",
    ),
    "fallback": (
        "链接暂时无法打开",
        "请联系发给您链接的导购。",
        "This link cannot be opened",
        "Please contact the person who sent it.",
    ),
    "unknown": (
        "链接不存在",
        "请检查链接是否完整，或联系发给您链接的导购。",
        "No such link",
        "Please check that the link is complete, or ask the person who sent it.",
    ),
    "starting": ("请稍后再试", "服务正在启动。", "Please try again in a moment", "The service is starting."),
    "method": ("不支持的请求", "链接只能打开或查看。", "Not supported", "A link can be opened, nothing else."),
    "too_long": ("链接过长", "请检查链接是否完整。", "The link is too long", "Please check the link."),
}
_NAMES: Final = {
    "wechat": ("微信", "WeChat"),
    "wecom": ("企业微信", "WeCom"),
    "mini_program": ("微信小程序", "a WeChat mini program"),
    "alipay": ("支付宝", "Alipay"),
    "douyin": ("抖音", "Douyin"),
    "xiaohongshu": ("小红书", "Xiaohongshu"),
    "weibo": ("微博", "Weibo"),
    "qq": ("QQ", "QQ"),
    "dingtalk": ("钉钉", "DingTalk"),
    "mobile": ("手机浏览器", "a mobile browser"),
    "desktop": ("电脑浏览器", "a desktop browser"),
}
_BROWSERS: Final = frozenset({"mobile", "desktop"})


class Page(NamedTuple):
    """An HTML page, UTF-8, and the status it goes with."""

    status: int
    body: bytes


# A page is about 3 KB, so this is bounded at about 3 MB.
@lru_cache(maxsize=1024)
def page(
    kind: Kind,
    platform: str = "",
    allowed: tuple[str, ...] = (),
    short_url: str = "",
    hours: tuple[int, int] | None = None,
) -> Page:
    """The page of an outcome.

    Args:
        kind: the outcome, or why there is no link to decide about.
        platform: where the visitor is.
        allowed: the platforms that the link may be opened on; for `wrong_platform`.
        short_url: the link itself, to be copied.
        hours: the link's minutes of the day; for `out_of_hours`.
    """
    zh_title, zh_text, en_title, en_text = _TEXTS[kind]
    zh_how = en_how = corner = copy = ""
    if kind == "wrong_platform":
        zh_how, en_how = _ways(allowed)
        if _BROWSERS & set(allowed) and platform in _NAMES and platform not in _BROWSERS:
            zh_how = "请点击右上角 “···”，选择“在浏览器打开”。" + zh_how
            en_how = "Tap “···” in the upper right corner and choose “Open in browser”. " + en_how
            corner = '<div class="more" aria-hidden="true">⤴</div>'
        copy = f'<p class="url">{escape(short_url)}</p>'
    if kind == "out_of_hours" and hours is not None:
        zh_how, en_how = f"开放时间：{_clock(hours)}", f"Open {_clock(hours)}"
    body = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{zh_title} · {en_title}</title><style>{_STYLE}</style></head><body>{corner}<main>"
        f"<section><h1>{zh_title}</h1><p>{zh_text}</p>{_how(zh_how)}{copy}</section>"
        f'<section lang="en"><h1>{en_title}</h1><p>{en_text}</p>{_how(en_how)}</section></main></body></html>'
    )
    return Page(_STATUS[kind], body.encode())


def _ways(allowed: tuple[str, ...]) -> tuple[str, str]:
    names = [_NAMES[name] for name in allowed if name in _NAMES]
    if not names:
        return "", ""
    *others, last = (en for _, en in names)
    listed = f"{', '.join(others)} or {last}" if others else last
    return f"可以打开的方式：{'、'.join(zh for zh, _ in names)}。", f"It opens in {listed}."


def _how(text: str) -> str:
    return f'<p class="how">{escape(text)}</p>' if text else ""


def _clock(hours: tuple[int, int]) -> str:
    return "–".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in hours)
