"""Cuts a body of events into the events, each as the bytes that it was sent as. Pure."""

from typing import Final

import msgspec

from stream.base.errors import InputError

_COMMAS: Final = 64
"""In one event, at most; more than an event with everything in it has. An array is cut only after its commas were
counted: a few MB of `[1,1,1,...]` would become millions of objects."""
_SPACE: Final = b" \t\r\n"
_array: Final = msgspec.json.Decoder(list[msgspec.Raw])


class TooManyError(Exception):
    """There are more events in the body than one request may have."""


class NoJsonError(InputError):
    """The body as a whole is not what it says it is."""

    http_status = 400


def from_json(body: bytes, most: int) -> list[bytes]:
    """The events of a JSON document: an array's elements, or one object.

    Raises:
        NoJsonError: it is no JSON, or UTF-8.
        InputError: it is neither an array nor an object.
        TooManyError: there are more than `most`.
    """
    text = body.strip(_SPACE)
    try:
        text.decode()  # the decoder looks into no string of what it only cuts
    except UnicodeDecodeError as error:
        raise NoJsonError(f"the body is not UTF-8 at byte {error.start}") from error
    if text[:1] == b"{":
        _check(text)
        return [text]
    if text[:1] != b"[":
        _check(text)
        raise InputError("send one event as a JSON object, or an array of them")
    if text.count(b",") > most * _COMMAS:
        raise TooManyError
    try:
        events = [bytes(raw) for raw in _array.decode(text)]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NoJsonError(f"the body is no JSON: {error}") from error
    if len(events) > most:
        raise TooManyError
    return events


def from_lines(body: bytes, most: int) -> list[bytes]:
    """The events of newline-delimited JSON; empty lines are passed over.

    Raises:
        TooManyError: there are more lines than `most`, the empty ones counted.
    """
    if body.count(b"\n") + (not body.endswith(b"\n")) > most:
        raise TooManyError
    return [line for line in body.split(b"\n") if line and not line.isspace()]


def _check(text: bytes) -> None:
    """Raise NoJsonError unless this is one JSON value; nothing is made of it."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NoJsonError(f"the body is no JSON: {error}") from error
