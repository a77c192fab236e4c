"""The language a visitor's browser asks for first."""

import re
from typing import Final

# language, script, region; BCP 47 with the underscores that some apps send.
_TAG: Final = re.compile(r"\s*([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|\d{3}))?(?![A-Za-z0-9])")


def language_of(accept_language: str) -> str:
    """The first tag of an Accept-Language header: zh-CN, zh-Hant, en; empty when there is none.

    A script is kept only without a region: iPhones say zh-Hans-CN where others say zh-CN, and both mean the same.
    """
    found = _TAG.match(accept_language)
    if not found:
        return ""
    language, script, region = found.groups()
    if region:
        return f"{language.lower()}-{region.upper()}"
    return f"{language.lower()}-{script.title()}" if script else language.lower()
