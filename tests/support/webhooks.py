"""Signed messages as shops send them, and the example file of their mappings."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import orjson

from stream.api.signatures import sign
from tests.support.api import Api

EXAMPLE = Path(__file__).parents[2] / "deploy" / "webhooks.example.toml"
SECRET = bytes(range(32))
OLD_SECRET = b"\x07" * 24


def written(secret: bytes) -> str:
    """A secret as it stands in the file."""
    return "whsec_" + base64.b64encode(secret).decode()


def example(path: Path) -> Path:
    """The example file with secrets of the tests in it, at `path`."""
    text = EXAMPLE.read_text("utf-8").replace('"whsec_REPLACE-ME"', f'"{written(SECRET)}", "{written(OLD_SECRET)}"')
    path.write_text(text, "utf-8")
    return path


def headers(api: Api, body: bytes, *, id_: str = "msg_1", secret: bytes = SECRET, ahead_s: int = 0) -> dict[str, str]:
    """The headers of a message that is sent now."""
    seconds = api.now_ms // 1000 + ahead_s
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(seconds),
        "webhook-signature": sign(secret, id_, seconds, body),
        "content-type": "application/json",
    }


async def send(api: Api, source: str, payload: Any, **how: Any) -> httpx.Response:
    """Send a payload, signed."""
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    async with api.client(headers(api, body, **how)) as client:
        return await client.post(f"/v1/webhooks/{source}", content=body)


# -- Youzan: doc.youzanyun.com, messages trade_TradePaid, trade_refund_RefundSuccess, youzan_trade_RefundSuccess


def youzan(type_: str, msg: Mapping[str, Any], *, encoded: bool = True, **fields: Any) -> dict[str, Any]:
    """The envelope of a push message."""
    return {
        "app_id": "45671",
        "client_id": "cc939cb8063622a84d",
        "id": "E20211123144258072900153",
        "kdt_id": 98523,
        "kdt_name": "有赞的店",
        "mode": 1,
        "msg": quote_plus(orjson.dumps(msg).decode()) if encoded else msg,
        "msg_id": "6dc15f0b-8682-4812-b635-ab66e199f330",
        "root_kdt_id": 74234,
        "sendCount": 0,
        "status": "TRADE_PAID",
        "test": False,
        "type": type_,
        "version": 1637649778,
        **fields,
    }


def youzan_order() -> dict[str, Any]:
    """trade_TradePaid."""
    order = {
        "order_info": {
            "tid": "E20211123144258072900153",
            "status": "TRADE_PAID",
            "type": 0,
            "pay_type_str": "WEIXIN_DAIXIAO",
            "created": "2021-11-23 14:42:58",
            "pay_time": "2021-11-23 14:43:07",
            "update_time": "2021-11-23 14:43:07",
            "refund_state": 0,
            "order_tags": {"is_member": True},
        },
        "pay_info": {"payment": "168.00", "total_fee": "158.00", "post_fee": "10.00", "phase_payments": []},
        "buyer_info": {
            "buyer_id": 865115939,
            "buyer_phone": "13700000000",
            "fans_id": 3303656575,
            "fans_nickname": "小明",
            "fans_type": 9,
            "outer_user_id": "oDpvq0N1rr0NjE9FmeFXFDWEH9zs",
        },
        "orders": [
            {
                "oid": "1533766114261606211",
                "item_id": 495112276,
                "title": "建兰 皇帝 + 盆",
                "num": 2,
                "payment": "158.00",
                "sku_properties_name": '[{"k":"颜色","v":"青"}]',
            }
        ],
        "address_info": {"receiver_name": "张三", "receiver_tel": "13700000000", "delivery_address": "南京西路 1 号"},
    }
    return youzan("trade_TradePaid", {"full_order_info": order, "delivery_order": [], "order_promotion": {}})


def youzan_refund(**how: Any) -> dict[str, Any]:
    """trade_refund_RefundSuccess, or another of its kind."""
    type_ = how.pop("type_", "trade_refund_RefundSuccess")
    msg = {
        "tid": "E20211123144258072900153",
        "update_time": "2021-11-25 10:00:00",
        "refund_type": "REFUND_AND_RETURN",
        "refund_reason": 1,
        "oids": "1533766114261606211",
        "refund_id": "202111251000000000420",
        "refunded_fee": "58.50",
    }
    return youzan(type_, msg, status="TRADE_CLOSED", **how)


# -- Shopify: webhooks orders/paid and refunds/create, payloads as the REST resources Order and Refund


def shopify_order() -> dict[str, Any]:
    """orders/paid."""
    money = {"amount": "403.00", "currency_code": "CNY"}
    return {
        "id": 820982911946154508,
        "admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
        "cancelled_at": None,
        "created_at": "2021-12-31T18:59:00-05:00",
        "currency": "CNY",
        "current_total_price": "403.00",
        "current_total_price_set": {"shop_money": money, "presentment_money": money},
        "customer": {"id": 115310627314723954, "email": "john@example.com", "first_name": "John", "state": "disabled"},
        "financial_status": "paid",
        "line_items": [
            {"id": 866550311766439020, "price": "199.00", "tax_lines": [{"price_set": {"shop_money": money}}]}
        ],
        "name": "#9999",
        "note_attributes": [{"name": "gift", "value": "no"}, {"name": "ct", "value": "T" * 30}],
        "processed_at": "2021-12-31T19:00:00-05:00",
        "test": False,
        "total_price": "403.00",
    }


def shopify_refund() -> dict[str, Any]:
    """refunds/create: one refund that went back by gift card and by card, and a third way that failed."""

    def transaction(id_: int, amount: str, status: str = "success", kind: str = "refund") -> dict[str, Any]:
        return {
            "id": id_,
            "order_id": 820982911946154508,
            "amount": amount,
            "currency": "CNY",
            "gateway": "bogus",
            "kind": kind,
            "parent_id": 801038806,
            "processed_at": "2022-01-03T08:59:11-05:00",
            "status": status,
        }

    return {
        "id": 890088186047892319,
        "admin_graphql_api_id": "gid://shopify/Refund/890088186047892319",
        "created_at": "2022-01-03T08:59:11-05:00",
        "note": "Things were damaged",
        "order_adjustments": [],
        "order_id": 820982911946154508,
        "processed_at": "2022-01-03T08:59:11-05:00",
        "refund_line_items": [{"id": 487817672276298627, "quantity": 1, "subtotal": 199.0, "total_tax": 0.0}],
        "restock": True,
        "transactions": [
            transaction(245135271310201194, "150.00"),
            transaction(245135271310201195, "49.00"),
            transaction(245135271310201196, "49.00", status="failure"),
        ],
        "user_id": None,
    }
