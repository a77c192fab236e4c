"""A ClickHouse exception: its number, its name, the HTTP status that a server answers it with, and its text."""

import re
from typing import Final

_CODE = re.compile(r"Code: (\d+)\.")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]*)\)")
_VERSION = re.compile(r" \(version [^)]*\)")

# As the server's own exceptionCodeToHTTPStatus has it; everything else is 500.
_STATUS: Final[dict[int, int]] = {
    **dict.fromkeys((192, 193, 497, 512, 516), 403),
    194: 401,
    **dict.fromkeys((6, 8, 15, 16, 25, 26, 27, 36, 38, 41, 44, 53, 62, 69, 72, 117, 162, 167, 168, 223, 235), 400),
    **dict.fromkeys((321, 376, 427, 441, 675, 676), 400),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 77, 78, 81, 83, 115, 130, 336, 511), 404),
    159: 408,
    76: 503,
    209: 503,
    202: 503,
    439: 503,
    241: 500,
    48: 501,
    223: 400,
    229: 413,
    381: 411,
    415: 415,
}


class EngineError(Exception):
    """The engine, or this interface in its stead, refused a request."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return _STATUS.get(self.code, 500)

    def text(self, version: str) -> str:
        """The body of the answer, as a server of that version writes it."""
        return f"Code: {self.code}. DB::Exception: {self.message} ({self.name}) (version {version} (official build))\n"


def parse(message: str) -> EngineError:
    """Read the engine's own exception text."""
    start = message.find("Code: ")
    text = message[start:] if start >= 0 else message
    code = _CODE.match(text)
    if code is None:
        return EngineError(1002, "UNKNOWN_EXCEPTION", text.strip() or "the engine gave no reason")
    text = _VERSION.sub("", text).strip()
    names = _NAME.findall(text)
    name = names[-1] if names else "UNKNOWN_EXCEPTION"
    body = text.split("DB::Exception: ", 1)[-1].strip()
    return EngineError(int(code[1]), name, body.removesuffix(f"({name})").strip())
