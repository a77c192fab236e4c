"""Many patterns, one look: which of them is found in a text first in the list's order.

ua-parser's engine looks for the literal parts of all patterns in a single pass: 1,500 patterns take 4 microseconds,
where the standard library's alternation takes 300. Their syntax is that engine's: no look-around, no back-references.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Generic, TypeVar

from ua_parser import Domain, UserAgent
from ua_parser.lazy import UserAgentMatcher
from ua_parser.regex import Resolver

if TYPE_CHECKING:
    from ua_parser.core import Matcher

Name = TypeVar("Name", bound=str)


class Patterns(Generic[Name]):
    """Named patterns in order of precedence; several may have the same name."""

    def __init__(self, rules: Iterable[tuple[Name, str]]) -> None:
        rules = list(rules)
        self._names: dict[str, Name] = {name: name for name, _ in rules}
        matchers: list[Matcher[UserAgent]] = [UserAgentMatcher(f"({pattern})", name) for name, pattern in rules]
        self._resolver = Resolver((matchers, [], []))

    def first(self, text: str) -> Name | None:
        """The name of the first pattern that is found anywhere in the text."""
        found = self._resolver(text, Domain.USER_AGENT).user_agent
        return self._names[found.family] if found else None
