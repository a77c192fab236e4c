"""WeCom's events as conversions. Pure.

Field names are those of 客户联系 事件格式 (developer.work.weixin.qq.com/document/path/92130; 92277 for suites) and
获客助手事件通知 (97299; 97402 for suites). A suite's messages say InfoType and TimeStamp where others say Event and
CreateTime. `WelcomeCode`, `ChatKey` and `Token` let their holder act for the corp and are not kept.

Event ids are made of what happened and not of how it was told: WeCom repeats a message that was not answered in time,
and tells several applications of the same event. CreateTime is in seconds, so two customers added in one second differ
by their ids alone, which is why these are part of it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from stream.wecom.callback import Corp
from stream.wecom.reading import MAX_TOLD, GuideOf, Reading, State, first
from stream.wecom.refusal import Refused
from stream.wecom.xml import Message

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_EXTERNAL: Final = re.compile(r"w[mo][A-Za-z0-9_-]{6,62}")
"""external_userid of a person; a group's members are these and userids of the corp's own people."""


class Mapped(NamedTuple):
    """What became of one message."""

    kind: str
    """One of `KINDS`."""
    events: tuple[dict[str, Any], ...] = ()
    """Envelopes of `schemas.conversions`."""
    state: State | Literal[""] = ""
    """Empty where messages of this kind have no State."""
    unknown_guides: int = 0
    """Events whose userid no guide has."""
    problem: str = ""
    """What is wrong with an authentic message, so that nothing could be made of it."""


def to_conversions(message: Message, corp: Corp, guide_of: GuideOf) -> Mapped:
    """The conversions that a believed message tells of. Never raises: it is answered with success in any case."""
    reading = Reading(message, corp, guide_of)
    kind = _OTHER
    try:
        kind, made = _kind_and_maker(message, corp)
        events = tuple(made(reading)) if made else ()
    except Refused as refused:
        return Mapped(kind, state=reading.state, problem=refused.detail)
    return Mapped(kind, events, reading.state, reading.unknown_guides)


_Maker = Callable[[Reading], Iterator[dict[str, Any]]]


def _friend(type_: str, told: Mapping[str, str] = _NOTHING, *, has_state: bool = False) -> _Maker:
    """A maker for what happens between one customer and one guide; `told` becomes properties."""

    def make(reading: Reading) -> Iterator[dict[str, Any]]:
        customer, guide = reading.need("ExternalUserID"), reading.guide()
        click = reading.click() if has_state else {}
        properties = {**click.pop("properties", {}), **told}
        fields = {"customer_id": customer, "guide_id": guide, **click}
        if properties:
            fields["properties"] = properties
        yield reading.event(type_, reading.need("UserID"), customer, **fields)

    return make


def _dropped(reading: Reading) -> Iterator[dict[str, Any]]:
    """`Source` DELETE_BY_TRANSFER: the customer was handed on; another message tells that the new guide added them."""
    handed_on = reading.message.text("Source") == "DELETE_BY_TRANSFER"
    return _friend("friend_dropped", {"reason": "transfer"} if handed_on else _NOTHING)(reading)


def _by_click(type_: str, told: Mapping[str, str]) -> _Maker:
    """A maker for what somebody did on an acquisition link, which WeCom tells by LinkId and State alone."""

    def make(reading: Reading) -> Iterator[dict[str, Any]]:
        click, link_id = reading.click(), reading.message.text("LinkId")
        # Without a token nobody knows who it was: there is nothing that it could be counted for.
        if "token" in click:
            properties = {**told, "wecom_link_id": link_id[:MAX_TOLD]}
            yield reading.event(type_, link_id, token=click["token"], properties=properties)

    return make


def _joined(reading: Reading) -> Iterator[dict[str, Any]]:
    """`MemChangeList` names who came, the corp's own people among them."""
    chat, members = reading.need("ChatId"), reading.message.lists.get("MemChangeList", ())
    if not members:
        raise Refused("message", "MemChangeList is missing, so nobody knows who joined")
    properties = {"chat_id": chat[:MAX_TOLD], "join_scene": reading.message.text("JoinScene")[:MAX_TOLD]}
    for member in dict.fromkeys(members):
        if _EXTERNAL.fullmatch(member) and not reading.is_guide(member):
            yield reading.event("group_joined", chat, member, customer_id=member, properties=properties)


_OTHER: Final = "other"
_OTHER_CORP: Final = "other_corp"
_JOINED: Final = ("chat_add_member", _joined)
_MAKERS: Final[dict[tuple[str, str], tuple[str, _Maker | None]]] = {
    ("change_external_contact", "add_external_contact"): (
        "add_external_contact",
        _friend("friend_added", has_state=True),
    ),
    # The customer added a guide who need not agree; it is a friendship when the guide has done the same.
    ("change_external_contact", "add_half_external_contact"): (
        "add_half_external_contact",
        _friend("friend_requested", {"wecom": "add_half_external_contact"}, has_state=True),
    ),
    # Says that a remark or a tag was changed, and neither which nor to what.
    ("change_external_contact", "edit_external_contact"): ("edit_external_contact", None),
    ("change_external_contact", "del_external_contact"): ("del_external_contact", _dropped),
    ("change_external_contact", "del_follow_user"): ("del_follow_user", _friend("friend_deleted")),
    # Nothing changed: the customer stays with the guide they had.
    ("change_external_contact", "transfer_fail"): ("transfer_fail", None),
    ("customer_acquisition", "open_profile"): (
        "acquisition_open_profile",
        _by_click("page_view", {"page": "wecom_profile"}),
    ),
    ("customer_acquisition", "friend_request"): (
        "acquisition_friend_request",
        _by_click("friend_requested", {"wecom": "friend_request"}),
    ),
    ("customer_acquisition", "customer_start_chat"): ("acquisition_customer_start_chat", _friend("message_in")),
    # Since December 2024 it names neither the guide nor the customer.
    ("customer_acquisition", "message_from_customer"): ("acquisition_message_from_customer", None),
    # The same deletion comes as change_external_contact, where it is counted.
    ("customer_acquisition", "del_follow_user"): ("acquisition_del_follow_user", None),
    **{
        ("customer_acquisition", change): (f"acquisition_{change}", None)
        for change in (
            "balance_low",
            "balance_exhausted",
            "balance_increased",
            "quota_expire_soon",
            "link_unavailable",
            "delete_link",
        )
    },
    **{("change_external_chat", change): (f"chat_{change}", None) for change in ("create", "update", "dismiss")},
    # It says that there is something to be fetched: see `stream.wecom.kf`.
    ("kf_msg_or_event", ""): ("kf_msg_or_event", None),
}
KINDS: Final = (*(kind for kind, _ in _MAKERS.values()), _JOINED[0], _OTHER_CORP, _OTHER)
"""All kinds of messages, as labels of metrics."""


def _kind_and_maker(message: Message, corp: Corp) -> tuple[str, _Maker | None]:
    name = first(message, "Event", "InfoType")
    authorised = message.text("AuthCorpId")
    if authorised and authorised != corp.corp_id:  # one suite serves many corps
        return _OTHER_CORP, None
    if name == "change_external_chat" and message.text("UpdateDetail") == "add_member":
        return _JOINED
    return _MAKERS.get((name, message.text("ChangeType")), (_OTHER, None))
