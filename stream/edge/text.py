"""Text of strangers, bounded and without what could break a line, a header or a page. Pure."""

import re
from typing import Final

# C0 and C1 control characters, and lone surrogates, which UTF-8 cannot write.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, none of them a control character."""
    text = text[:limit]
    return text if text.isprintable() else _CONTROL.sub("", text)
