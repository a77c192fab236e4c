"""WeChat customer service (微信客服): messages that the operator's puller has fetched, as conversions. Pure.

The callback `kf_msg_or_event` says only that there is something to be fetched: ToUserName, CreateTime, Token, OpenKfId.
Who came in, and by which click, stands in the answer of `/cgi-bin/kf/sync_msg`, which takes the corp's own access token
(读取消息, developer.work.weixin.qq.com/document/path/94670). An `enter_session` in it becomes a `page_view` of the
customer with the click token of `scene_param`; all else in it is passed over, and what was said is not kept.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
import orjson

from stream.base.errors import InputError
from stream.wecom.reading import MAX_TOLD, event_id, state_fields

MAX_PAGE: Final = 1000
"""Messages; sync_msg gives no more at once."""
MAX_BODY: Final = 4 * 1024 * 1024
"""Bytes of a page; a text message has 2 KiB at most."""
_ENTERED: Final = "enter_session"


class Event(msgspec.Struct):
    """`event` of a message whose msgtype is `event`."""

    event_type: str = ""
    open_kfid: str = ""
    external_userid: str = ""
    scene: str = ""
    scene_param: str = ""


class KfMessage(msgspec.Struct):
    """One of `msg_list`; msgtype, send_time (seconds since 1970) and msgid are always there."""

    msgid: str
    send_time: int
    msgtype: str
    event: Event = msgspec.field(default_factory=Event)


class Page(msgspec.Struct):
    """The answer of sync_msg, as far as it is looked at."""

    msg_list: Annotated[list[KfMessage], msgspec.Meta(max_length=MAX_PAGE)]


def read_page(body: bytes) -> Sequence[KfMessage]:
    """The messages of an answer of sync_msg.

    Raises:
        InputError: it is none; names the field.
    """
    try:
        return msgspec.convert(orjson.loads(body), Page).msg_list
    except orjson.JSONDecodeError as error:
        raise InputError(f"not JSON: {error}; send the answer of sync_msg as it is") from None
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise InputError(what, field=where.strip("`").removeprefix("$.") or "msg_list") from None


def to_conversion(message: KfMessage, corp_id: str) -> dict[str, Any] | None:
    """The `page_view` of somebody who came in; None for everything else."""
    event = message.event
    if message.msgtype != "event" or event.event_type != _ENTERED:
        return None
    _, fields = state_fields(event.scene_param)
    told = {"page": "wecom_kf", "open_kfid": event.open_kfid[:MAX_TOLD], "scene": event.scene[:MAX_TOLD]}
    return {
        "event_id": event_id("page_view", corp_id, _ENTERED, message.msgid, event.external_userid),
        "type": "page_view",
        "occurred_at": message.send_time * 1000,
        "customer_id": event.external_userid,
        **fields,
        "properties": {**told, **fields.get("properties", {})},
    }
