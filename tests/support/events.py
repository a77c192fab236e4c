"""Good events to start from: every builder's result is accepted; tests change what they are about."""

from typing import Any

import orjson

AT_MS = 1_795_000_000_000
"""18 November 2026: the moment that these events happen at."""
TOKEN = "EAAAAAEJc5mkNAAAAAE1vY2kabcdE0"


def click(**changes: Any) -> dict[str, Any]:
    """A tap in WeChat on a guide's link; a change to None leaves a field out."""
    fields: dict[str, Any] = {
        "v": 1,
        "id": TOKEN,
        "ts": AT_MS,
        "link": "a8Xk2Pq",
        "kind": "wecom_acquisition",
        "outcome": "redirected",
        "fetch": "navigate",
        "visitor": "5fd0b6b2a4c1",
        "visitor_kind": "cookie",
        "guide": "g-017",
        "store": "s-03",
        "region": "east",
        "campaign": "双十一",
        "touchpoint": "wecom_chat",
        "ip": "223.5.5.0/24",
        "ua": (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN"
        ),
        "lang": "zh-CN,zh-Hans;q=0.9",
        "ref": "https://mp.weixin.qq.com/s/abc",
        "utm_source": "wecom",
    }
    return _changed(fields, changes)


def conversion(**changes: Any) -> dict[str, Any]:
    """A paid order of a known customer; a change to None leaves a field out."""
    fields: dict[str, Any] = {
        "v": 1,
        "event_id": "shop-2026-000017",
        "type": "order_paid",
        "occurred_at": AT_MS,
        "customer_id": "wmAbC123",
        "token": TOKEN,
        "guide_id": "g-017",
        "order_id": "2026111800017",
        "amount": "1299.00",
        "margin": "410.5",
        "currency": "CNY",
        "properties": {"channel": "小程序", "items": 3, "gift": False},
    }
    return _changed(fields, changes)


def encode(fields: Any) -> bytes:
    """As a producer writes it."""
    return orjson.dumps(fields)


def _changed(fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (fields | changes).items() if value is not None}
