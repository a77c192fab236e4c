"""Text of others on a terminal."""


def printable(text: str) -> str:
    """The text with what a terminal would obey as an escape, to be seen; line breaks and Chinese stay."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in text
    )
