"""A ClickHouse exception: its number, its name, the HTTP status that a server answers it with, and its text."""

import re
from typing import Final

_CODE = re.compile(r"Code: (\d+)\.")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]*)\)")
_VERSION = re.compile(r" \(version [^)]*\)")

# As a server has it (its exceptionCodeToHTTPStatus); whatever is not here is 500.
_STATUS: Final[dict[int, int]] = {
    code: status
    for status, codes in {
        400: (6, 7, 8, 9, 16, 25, 26, 27, 36, 38, 41, 44, 53, 62, 69, 72, 117, 162, 167, 168, 223, 235, 321, 376, 427),
        401: (194,),
        403: (192, 193, 497, 512, 516),
        404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 83, 115, 336, 511),
        408: (159,),
        411: (381,),
        413: (229,),
        415: (415,),
        501: (48,),
        503: (76, 209, 439),
    }.items()
    for code in codes
}


class EngineError(Exception):
    """The engine, or this interface in its stead, refused a request."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message} ({name})")
        self.code = code
        self.name = name
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return _STATUS.get(self.code, 500)

    def text(self, version: str) -> str:
        """The body of the answer, as a server of that version words it."""
        return f"{self} (version {version} (chDB))\n"


CAUGHT: Final = (RuntimeError, UnicodeDecodeError)
"""What chDB raises; the second when its exception's text quotes bytes of the data."""


def caught(error: RuntimeError | UnicodeDecodeError) -> EngineError:
    """The exception behind what chDB raised."""
    return parse(error.object.decode("utf-8", "replace") if isinstance(error, UnicodeDecodeError) else str(error))


def parse(text: str) -> EngineError:
    """Read the engine's own exception text; nested ones count by their outermost code."""
    start = text.find("Code: ")
    body = _VERSION.sub("", text[start:] if start >= 0 else text).strip()
    code = _CODE.match(body)
    if code is None:
        return EngineError(1002, "UNKNOWN_EXCEPTION", body or "the engine gave no reason")
    names = _NAME.findall(body)
    name = names[-1] if names else "UNKNOWN_EXCEPTION"
    message = body.removesuffix(f"({name})").split("DB::Exception: ")[-1].removesuffix(f"({name}). ").strip()
    return EngineError(int(code[1]), name, message)
