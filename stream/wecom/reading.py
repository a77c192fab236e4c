"""One message of WeCom's while it is read: its fields, the guide and the click it names, ids for its events. Pure."""

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final, Literal

from schemas.conversions import MAX_ID
from schemas.token import MalformedTokenError, unverified
from stream.wecom.callback import Corp
from stream.wecom.refusal import Refused
from stream.wecom.xml import Message

GuideOf = Callable[[str], str]
"""WeCom userid -> guide id, or an empty string."""
State = Literal["token", "foreign", "none"]
"""What `State` held: something of a click token's form, something else, nothing."""
STATES: Final[tuple[State, ...]] = State.__args__  # type: ignore[attr-defined]
UNKNOWN_GUIDE: Final = "wecom:"
"""Comes before the userid where no guide of the registry has it."""
MAX_TOLD: Final = 128
"""Characters of what is passed on as a property."""
_SECONDS: Final = re.compile(r"[0-9]{1,11}")


class Reading:
    """One message while it is read, and what was noticed on the way."""

    def __init__(self, message: Message, corp: Corp, guide_of: GuideOf) -> None:
        self.message, self.corp = message, corp
        self._guide_of = guide_of
        self.state: State | Literal[""] = ""
        self.unknown_guides = 0

    def need(self, name: str) -> str:
        """The text of a field that is documented to be there."""
        found = self.message.text(name)
        if not found:
            raise Refused("message", f"{name} is missing")
        return found

    def guide(self) -> str:
        """The guide behind UserID; one that the registry does not know is named by the userid itself."""
        userid = self.need("UserID")
        found = self._guide_of(userid)
        if found:
            return found
        self.unknown_guides += 1
        return unknown_guide(userid)

    def is_guide(self, userid: str) -> bool:
        """Whether a guide has this userid."""
        return bool(self._guide_of(userid))

    def click(self) -> dict[str, Any]:
        """`token` where State is one by its form (the worker verifies it); any other text as `properties.state`."""
        self.state, fields = state_fields(self.message.text("State"))
        return fields

    def event(self, type_: str, *identity: str, **fields: Any) -> dict[str, Any]:
        """An event of this message; `identity` is what tells it from others of its second and kind."""
        seconds = first(self.message, "CreateTime", "TimeStamp")
        if not _SECONDS.fullmatch(seconds):
            raise Refused("message", "CreateTime must be seconds since 1970")
        kind = (first(self.message, "Event", "InfoType"), self.message.text("ChangeType"))
        return {
            "event_id": event_id(type_, self.corp.corp_id, *kind, seconds, self.message.text("State"), *identity),
            "type": type_,
            "occurred_at": int(seconds) * 1000,
            **fields,
        }


def event_id(type_: str, *parts: str) -> str:
    """The same for the same parts, which are texts of XML or JSON without a NUL."""
    return f"wecom:{type_}:{blake2b(chr(0).join(parts).encode(), digest_size=16).hexdigest()}"


def unknown_guide(userid: str) -> str:
    """The guide id that stands for a userid; a long one is cut, and told from others by a hash."""
    if len(UNKNOWN_GUIDE + userid) <= MAX_ID:
        return UNKNOWN_GUIDE + userid
    end = "~" + blake2b(userid.encode(), digest_size=8).hexdigest()
    return (UNKNOWN_GUIDE + userid)[: MAX_ID - len(end)] + end


def state_fields(state: str) -> tuple[State, dict[str, Any]]:
    """What a State, customer_channel or scene_param was, and the fields of an event that say so."""
    if not state:
        return "none", {}
    try:
        unverified(state)
    except MalformedTokenError:
        return "foreign", {"properties": {"state": state[:MAX_TOLD]}}
    return "token", {"token": state}


def first(message: Message, *names: str) -> str:
    """The first of these fields that is not empty, or an empty string."""
    return next(filter(None, map(message.text, names)), "")
