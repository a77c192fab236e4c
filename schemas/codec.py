"""Reading one JSON object of a contract: in one pass when it is good, with a closed reason when it is not.

A contract is a table of fields and rules. From it comes a typed decoder that parses and checks together, in the time
that parsing alone takes; only what it refuses is looked at again, slowly, to say why. Fields that the contract does
not know are dropped: a producer may be newer than we are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

import msgspec
import orjson

from schemas.rejects import Reject
from schemas.token import EPOCH_MS

MAX_DEPTH: Final = 8
"""Levels of nesting. Contracts use at most two; what lies deeper could only be meant to exhaust a reader."""
LAST_MS: Final = EPOCH_MS + (1 << 40) - 1
"""The last moment that a click token can name (November 2054)."""
EXACT: Final = (1 << 53) - 1
"""Numbers without a field of their own stay within what a reader that knows only binary doubles keeps exact."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string of `minimum` to `maximum` characters (code points) that match `pattern` as a whole, if there is one."""

    maximum: int
    minimum: int = 0
    pattern: str | None = None

    def annotation(self) -> Any:
        """The type that the decoder checks."""
        pattern = rf"^(?:{self.pattern})\Z" if self.pattern else None
        return Annotated[str, msgspec.Meta(min_length=self.minimum, max_length=self.maximum, pattern=pattern)]

    def check(self, name: str, value: Any) -> Reject | None:
        """Why a value is refused."""
        if not isinstance(value, str):
            return wrong_type(name, "a string", value)
        if not self.minimum <= len(value) <= self.maximum:
            limits = f"{self.minimum} to {self.maximum} characters"
            return Reject("out_of_range", f"{name}: must have {limits}, has {len(value)}")
        if self.pattern and not re.fullmatch(self.pattern, value):
            return Reject("out_of_range", f"{name}: {value!r} does not match {self.pattern}")
        return None


@dataclass(frozen=True, slots=True)
class Word:
    """One of a closed set of words."""

    words: frozenset[str]

    def annotation(self) -> Any:
        """The type that the decoder checks."""
        return Literal[tuple(sorted(self.words))]

    def check(self, name: str, value: Any) -> Reject | None:
        """Why a value is refused."""
        if not isinstance(value, str):
            return wrong_type(name, "a string", value)
        if value not in self.words:
            return Reject("out_of_range", f"{name}: {value[:40]!r} is none of {', '.join(sorted(self.words))}")
        return None


@dataclass(frozen=True, slots=True)
class Instant:
    """Milliseconds since 1970 UTC, between the click token's epoch (2020) and `LAST_MS`."""

    def annotation(self) -> Any:
        """The type that the decoder checks."""
        return Annotated[int, msgspec.Meta(ge=EPOCH_MS, le=LAST_MS)]

    def check(self, name: str, value: Any) -> Reject | None:
        """Why a value is refused."""
        # An integer that fits no 64 bits arrives as a float.
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or (isinstance(value, float) and value < 2**63)
        ):
            return wrong_type(name, "an integer", value)
        if value < EPOCH_MS:
            return Reject("past", f"{name}: {value} is before 2020-01-01; give milliseconds since 1970 UTC")
        if value > LAST_MS:
            return Reject("out_of_range", f"{name}: {value} is above {LAST_MS}")
        return None


@dataclass(frozen=True, slots=True)
class Properties:
    """An object of at most `maximum` entries: names of 1 to `name` characters, plain values, strings up to `text`."""

    maximum: int
    name: int
    text: int

    def annotation(self) -> Any:
        """The type that the decoder checks."""
        name = Annotated[str, msgspec.Meta(min_length=1, max_length=self.name)]
        text = Annotated[str, msgspec.Meta(max_length=self.text)]
        exact = msgspec.Meta(ge=-EXACT, le=EXACT)
        plain = Annotated[int, exact] | Annotated[float, exact] | text | bool | None
        return Annotated[dict[name, plain], msgspec.Meta(max_length=self.maximum)]

    def check(self, name: str, value: Any) -> Reject | None:
        """Why a value is refused."""
        if not isinstance(value, dict):
            return wrong_type(name, "an object", value)
        if len(value) > self.maximum:
            return Reject("out_of_range", f"{name}: at most {self.maximum} entries, has {len(value)}")
        if not all(isinstance(key, str) for key in value):
            return wrong_type(name, "an object whose names are strings", value)
        problems = (self._check_entry(f"{name}.{key[: self.name]}", key, item) for key, item in value.items())
        return next((problem for problem in problems if problem), None)

    def _check_entry(self, name: str, key: str, item: Any) -> Reject | None:
        if not 1 <= len(key) <= self.name:
            return Reject("out_of_range", f"{name}: a name has 1 to {self.name} characters, this has {len(key)}")
        if isinstance(item, dict | list):
            return wrong_type(name, "a plain value", item)
        if isinstance(item, str) and len(item) > self.text:
            return Reject("out_of_range", f"{name}: at most {self.text} characters, has {len(item)}")
        if isinstance(item, int | float) and not -EXACT <= item <= EXACT:
            return Reject("out_of_range", f"{name}: {item} is beyond what every reader of JSON keeps exact")
        return None


Rule = Text | Word | Instant | Properties


class Contract:
    """One version of one event: its fields, its rules, its size."""

    def __init__(
        self, *, version: int, max_bytes: int, required: Mapping[str, Rule], optional: Mapping[str, Rule]
    ) -> None:
        self.version = version
        self.max_bytes = max_bytes
        self.required = required
        self.optional = optional
        fields: dict[str, Any] = {"v": Literal[version]}
        fields |= {name: rule.annotation() for name, rule in required.items()}
        fields |= {name: NotRequired[rule.annotation()] for name, rule in optional.items()}
        functional: Any = TypedDict  # made from a table, which a type checker cannot follow
        self._decode = msgspec.json.Decoder(functional("Event", fields)).decode

    def read(self, value: bytes | None) -> Any:
        """Parse and check one record's value; what is returned holds known fields only.

        Raises:
            Reject: with the reason; which one is the same at every replay of the same bytes.
        """
        if value is None:
            raise Reject("null", "the record has no value")
        if len(value) > self.max_bytes:
            raise Reject("too_large", f"{len(value)} bytes; the limit is {self.max_bytes}")
        try:
            # The decoder skips unknown fields without looking into their strings, and as deep as the stack allows.
            if not value.isascii():
                value.decode()
            # A flat object has one bracket, its first byte.
            if b"[" in value or value.find(b"{", 1) > 0:
                _check_depth(value)
            return self._decode(value)
        except (ValueError, msgspec.MsgspecError) as error:
            raise self._explain(value, error) from None

    def _explain(self, value: bytes, error: Exception) -> Reject:
        if isinstance(error, UnicodeDecodeError):
            return Reject("not_utf8", f"byte {error.start} is not UTF-8")
        try:
            event = orjson.loads(value)
        except orjson.JSONDecodeError as problem:
            return Reject("not_json", str(problem))
        if not isinstance(event, dict):
            return _wrong_object(event)
        # What is left are names given twice with different values: which one counts is anybody's guess.
        return self.problem(event) or Reject("not_json", str(error))

    def problem(self, event: dict[str, Any]) -> Reject | None:
        """What is wrong with a parsed object, field by field; the slow way that `read` takes for bad ones."""
        return self._version(event) or self._fields(event)

    def _version(self, event: dict[str, Any]) -> Reject | None:
        if "v" not in event:
            return Reject("missing_field", "v: must be there")
        version = event["v"]
        if type(version) is not int:
            return wrong_type("v", "an integer", version)
        if version != self.version:
            return Reject("unknown_version", f"v: {version}; this reader knows {self.version}")
        return None

    def _fields(self, event: dict[str, Any]) -> Reject | None:
        for name, rule in self.required.items():
            if name not in event:
                return Reject("missing_field", f"{name}: must be there")
            problem = rule.check(name, event[name])
            if problem:
                return problem
        for name, rule in self.optional.items():
            problem = rule.check(name, event[name]) if name in event else None
            if problem:
                return problem
        return None


def _check_depth(value: bytes) -> None:
    """Raise Reject when brackets outside of strings nest deeper than `MAX_DEPTH`; a flat scan, no recursion."""
    if value.count(b"[") + value.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    in_string = False
    escaped = False
    for byte in value:
        if in_string:
            in_string = escaped or byte != 0x22
            escaped = not escaped and byte == 0x5C
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Reject("too_deep", f"nested deeper than {MAX_DEPTH} levels")
        elif byte in b"]}":
            depth -= 1


def wrong_type(name: str, wanted: str, value: Any) -> Reject:
    """The reject of a value of another type than is `wanted`."""
    return Reject("wrong_type", f"{name}: must be {wanted}, is {_json_type(value)}")


def _wrong_object(value: Any) -> Reject:
    return Reject("not_object", f"the value is {_json_type(value)}, not an object")


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "an array"}
    return names.get(type(value), "an object")
