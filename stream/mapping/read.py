"""Reads a mapping from what TOML gives, and names everything that is wrong with it at once."""

import re
from collections.abc import Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeVar, get_args
from zoneinfo import ZoneInfo

from schemas.conversions import CONVERSION_TYPES, MAX_PROPERTIES, MAX_PROPERTY_NAME
from schemas.rejects import Reject
from stream.mapping import money, text, times
from stream.mapping.spec import FIELDS, Condition, Each, Hashed, Kind, Mapping, Rule, Template, Unit, Unknown, Value

KEYS: Final = ("timezone", "unpack", "names", "events")
"""Of a mapping's own table."""
MAX_RULES: Final = 64
MAX_PATHS: Final = 32
MAX_TEXT: Final = 512
_RULE_KEYS: Final = ("event_id", "when", "each", "vars", "properties", *FIELDS)
_VALUE_KEYS: Final = (
    "from",
    "value",
    "default",
    "as",
    "unit",
    "absolute",
    "format",
    "timezone",
    "map",
    "unknown",
    "where",
)
_KINDS: Final[Dict[str, Kind]] = {"occurred_at": "time", "amount": "money", "margin": "money"}
_ONLY_FOR: Final = {
    "unit": ("money",),
    "absolute": ("money",),
    "format": ("time", "day"),
    "timezone": ("time", "day"),
}
_NAME = re.compile(r"\{([^{}]*)\}")
_CONDITIONS: Final = (
    "give a word, a list of words, true (to anything), false (to nothing), { not = [...] } or { zero = false }"
)
_T = TypeVar("_T")


@dataclass(slots=True)
class Problems:
    """What is wrong, each with the table and the key where it stands."""

    found: list[str] = field(default_factory=list)

    def add(self, where: str, says: str) -> None:
        """Note one."""
        self.found.append(f"{where}: {says}")


def read_mapping(
    table: Dict[str, Any],
    problems: Problems,
    *,
    where: str = "",
    zone: ZoneInfo,
    given: frozenset[str] = frozenset(),
) -> Mapping:
    """The mapping that a table says; whatever is wrong with it goes to `problems`, and then it must not be used.

    Args:
        table: the keys of `stream.mapping`'s grammar; others are the caller's.
        problems: takes what is wrong.
        where: the table's own name, for problems.
        zone: of times that do not say, unless the table does.
        given: names that templates may use besides.
    """
    prefix = f"{where}." if where else ""
    zone = _zone(table.get("timezone"), f"{prefix}timezone", problems) or zone
    unpack = table.get("unpack", "")
    if not isinstance(unpack, str) or len(unpack) > MAX_TEXT:
        problems.add(f"{prefix}unpack", "give a path")
        unpack = ""
    aliases = _aliases(table.get("names", {}), f"{prefix}names", problems)
    rules = table.get("events")
    if not isinstance(rules, list) or not 1 <= len(rules) <= MAX_RULES or not all(isinstance(r, dict) for r in rules):
        problems.add(f"{prefix}events", f"give 1 to {MAX_RULES} tables [[{prefix}events]]")
        rules = []
    read = tuple(
        _Rule(rule, f"{prefix}events[{number}]", problems, zone, _Names(given, aliases)).read()
        for number, rule in enumerate(rules, 1)
    )
    return Mapping(read, unpack)


class _Names(NamedTuple):
    """What names mean in all rules."""

    given: frozenset[str]
    aliases: Dict[str, tuple[str, ...]]


class _Rule:
    """Reads one rule."""

    def __init__(self, table: Dict[str, Any], where: str, problems: Problems, zone: ZoneInfo, names: _Names) -> None:
        self._table, self._where, self._problems, self._zone, self._names = table, where, problems, zone, names

    def read(self) -> Rule:
        table = self._table
        self._unknown(table, _RULE_KEYS, self._where)
        for name in ("type", "occurred_at", "event_id"):
            if name not in table:
                self._problems.add(f"{self._where}.{name}", "must be there")
        variables = tuple(self._values("vars"))
        properties = tuple(self._values("properties"))
        if len(properties) > MAX_PROPERTIES or any(len(name) > MAX_PROPERTY_NAME for name, _ in properties):
            limits = f"at most {MAX_PROPERTIES} with names of {MAX_PROPERTY_NAME} characters"
            self._problems.add(f"{self._where}.properties", limits)
        names = {
            *self._names.given,
            *FIELDS,
            *(name for name, _ in variables),
            *(f"properties.{name}" for name, _ in properties),
        }
        return Rule(
            name=self._where,
            fields=tuple((name, self._field(name)) for name in FIELDS if name in table),
            properties=properties,
            variables=variables,
            event_id=tuple(self._event_id(names)),
            when=tuple(self._conditions(table.get("when", {}), f"{self._where}.when")),
            each=self._each() if "each" in table else None,
        )

    def _field(self, name: str) -> Value:
        where, raw = f"{self._where}.{name}", self._table[name]
        if name == "type" and isinstance(raw, str):
            raw = {"value": raw}
        value = self._value(raw, where, _KINDS.get(name, "text"))
        if name == "type":
            meanings = [value.constant] if value.constant is not None else []
            meanings += [meaning for _, meaning in value.words or ()]
            for meaning in meanings:
                if meaning not in CONVERSION_TYPES:
                    self._problems.add(where, f"{str(meaning)[:40]!r} is none of {', '.join(sorted(CONVERSION_TYPES))}")
        return value

    def _values(self, key: str) -> Iterator[tuple[str, Value]]:
        table = self._table.get(key, {})
        if not isinstance(table, dict):
            self._problems.add(f"{self._where}.{key}", "give a table of values")
            return
        for name, raw in table.items():
            yield name, self._value(raw, f"{self._where}.{key}.{name}", "plain" if key == "properties" else "text")

    def _value(self, raw: Any, where: str, kind: Kind) -> Value:
        if not isinstance(raw, dict):
            return Value(paths=self._paths(raw, where), kind=kind, zone=self._zone)
        self._unknown(raw, _VALUE_KEYS, where)
        if ("value" in raw) == ("from" in raw):
            self._problems.add(where, "give one of `from` and `value`")
        kind = self._word(raw, "as", get_args(Kind), kind, where)
        constant = raw.get("value", raw.get("default"))
        if constant is not None and not isinstance(constant, str | int | float | bool):
            self._problems.add(where, "a constant is text, a number, true or false")
            constant = None
        value = Value(
            paths=self._paths(raw["from"], f"{where}.from") if "from" in raw else (),
            constant=constant,
            kind=kind,
            unit=self._word(raw, "unit", get_args(Unit), "yuan", where),
            absolute=self._flag(raw, "absolute", where),
            formats=tuple(self._formats(raw.get("format", "auto"), f"{where}.format")),
            zone=_zone(raw.get("timezone"), f"{where}.timezone", self._problems) or self._zone,
            words=self._map(raw, where),
            unknown=self._word(raw, "unknown", get_args(Unknown), "reject", where),
            where=tuple(self._conditions(raw.get("where", {}), f"{where}.where")),
        )
        return self._fitting(raw, value, where)

    def _fitting(self, raw: Dict[str, Any], value: Value, where: str) -> Value:
        """What goes with one kind of value only."""
        for key, kinds in _ONLY_FOR.items():
            if key in raw and value.kind not in kinds:
                self._problems.add(f"{where}.{key}", f"is for {' and '.join(kinds)} only, and this is {value.kind}")
        if "unknown" in raw and "map" not in raw:
            self._problems.add(f"{where}.unknown", "goes with `map`")
        if "where" in raw and not any("[]" in path for path in value.paths):
            self._problems.add(f"{where}.where", "goes with a path that has []")
        if value.constant is not None:
            read = money.money(value.unit, absolute=value.absolute) if value.kind == "money" else text.plain
            try:
                return replace(value, constant=read(value.constant))
            except Reject as reject:
                self._problems.add(where, reject.detail)
        return value

    def _paths(self, raw: Any, where: str) -> tuple[str, ...]:
        paths = _paths(raw, where, self._problems)
        return tuple(path for name in paths for path in self._names.aliases.get(name, (name,)))

    def _formats(self, raw: Any, where: str) -> Iterator[str]:
        for name in [raw] if isinstance(raw, str) else raw if isinstance(raw, list) and raw else [None]:
            try:
                if not isinstance(name, str):
                    raise ValueError("give a format or a list of formats")  # noqa: TRY004, TRY301 - a problem like others
                times.check_format(name)
            except ValueError as error:
                self._problems.add(where, str(error))
            else:
                yield name

    def _map(self, raw: Dict[str, Any], where: str) -> tuple[tuple[str, str], ...] | None:
        words = raw.get("map")
        if words is None:
            return None
        if not isinstance(words, dict) or not words or not all(isinstance(word, str) for word in words.values()):
            self._problems.add(f"{where}.map", "give a table of what comes -> what it means")
            return None
        meanings: dict[str, str] = {}
        for word, meaning in words.items():
            if meanings.setdefault(text.folded(word), meaning) != meaning:
                self._problems.add(f"{where}.map", f"{word[:40]!r} is there in another spelling, as something else")
        return tuple(words.items())

    def _conditions(self, raw: Any, where: str) -> Iterator[Condition]:
        if not isinstance(raw, dict):
            self._problems.add(where, "give a table of conditions: path = word")
            return
        for path, wanted in raw.items():
            condition = _condition(self._names.aliases.get(path, (path,)), wanted)
            if condition is None:
                # Dots without quotes make tables within tables.
                if isinstance(wanted, dict) and wanted and not wanted.keys() & {"not", "zero"}:
                    yield from self._conditions({f"{path}.{name}": inner for name, inner in wanted.items()}, where)
                    continue
                self._problems.add(f"{where}.{path}", _CONDITIONS)
            else:
                yield condition

    def _each(self) -> Each:
        raw, where = self._table["each"], f"{self._where}.each"
        if not isinstance(raw, dict):
            return Each(self._paths(raw, where))
        self._unknown(raw, ("from", "split"), where)
        split = raw.get("split", "")
        if not isinstance(split, str) or len(split) > MAX_PATHS:
            self._problems.add(f"{where}.split", "give the characters between the parts")
            split = ""
        return Each(self._paths(raw.get("from"), f"{where}.from"), split)

    def _event_id(self, names: set[str]) -> Iterator[Template | Hashed]:
        raw, where = self._table.get("event_id", []), f"{self._where}.event_id"
        for way in raw if isinstance(raw, list) else [raw]:
            if isinstance(way, str) and 0 < len(way) <= MAX_TEXT:
                template = _template(way)
                self._known([name for _, name in template.parts if name], names, where)
                yield template
            elif isinstance(way, dict) and isinstance(way.get("prefix"), str) and _words(way.get("hash")):
                self._unknown(way, ("prefix", "hash", "numbered"), where)
                self._known(way["hash"], names, where)
                yield Hashed(way["prefix"], tuple(way["hash"]), self._flag(way, "numbered", where))
            else:
                self._problems.add(where, "give a template, { prefix = ..., hash = [names] }, or a list of these")

    def _known(self, wanted: list[str], names: set[str], where: str) -> None:
        for name in wanted:
            if name not in names:
                self._problems.add(where, f"there is no {{{name[:40]}}}; there are {', '.join(sorted(names))}")

    def _word(self, raw: Dict[str, Any], key: str, words: tuple[_T, ...], default: _T, where: str) -> _T:
        for word in words:
            if word == raw.get(key, default):
                return word
        self._problems.add(f"{where}.{key}", f"give one of {', '.join(map(str, words))}")
        return default

    def _flag(self, raw: Dict[str, Any], key: str, where: str) -> bool:
        flag = raw.get(key, False)
        if not isinstance(flag, bool):
            self._problems.add(f"{where}.{key}", "give true or false")
        return flag is True

    def _unknown(self, table: Dict[str, Any], known: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in known:
                self._problems.add(f"{where}.{key}", f"there is no such key; there are {', '.join(known)}")


def _condition(paths: tuple[str, ...], wanted: Any) -> Condition | None:
    if isinstance(wanted, bool):
        return Condition(paths, negated=not wanted)
    if isinstance(wanted, dict) and list(wanted) == ["zero"] and isinstance(wanted["zero"], bool):
        return Condition(paths, negated=wanted["zero"], amount=True)
    negated = isinstance(wanted, dict) and list(wanted) == ["not"]
    words = wanted["not"] if negated else wanted
    words = [words] if isinstance(words, str | int) else words
    if not isinstance(words, list) or not words or not all(isinstance(word, str | int) for word in words):
        return None
    return Condition(paths, tuple(map(text.word, words)), negated=negated)


def _aliases(raw: Any, where: str, problems: Problems) -> Dict[str, tuple[str, ...]]:
    if not isinstance(raw, dict):
        problems.add(where, "give a table of name -> list of paths")
        return {}
    return {name: _paths(paths, f"{where}.{name}", problems) for name, paths in raw.items()}


def _paths(raw: Any, where: str, problems: Problems) -> tuple[str, ...]:
    paths = [raw] if isinstance(raw, str) else raw
    good = isinstance(paths, list) and 1 <= len(paths) <= MAX_PATHS
    if good and all(isinstance(path, str) and 0 < len(path) <= MAX_TEXT for path in paths):
        return tuple(paths)
    problems.add(where, f"give a path or a list of 1 to {MAX_PATHS} paths")
    return ()


def _template(template: str) -> Template:
    pieces = [*_NAME.split(template), ""]
    return Template(tuple(zip(pieces[::2], pieces[1::2], strict=True)))


def _words(raw: Any) -> bool:
    return isinstance(raw, list) and bool(raw) and all(isinstance(word, str) for word in raw)


def _zone(raw: Any, where: str, problems: Problems) -> ZoneInfo | None:
    if raw is None:
        return None
    try:
        return ZoneInfo(raw)
    except (KeyError, ValueError, OSError, TypeError):
        problems.add(where, f"{str(raw)[:40]!r} is no time zone; use an IANA name like Asia/Shanghai")
        return None
