"""Applies a mapping: it is put together once for a shape of payload and then only runs."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson

from schemas.conversion_types import NEEDS
from schemas.rejects import Reject
from stream.mapping.shapes import MAX_ITEMS, Getter, Shape, WithItem
from stream.mapping.spec import Each, Hashed, Mapping, Rule, Template
from stream.mapping.text import word
from stream.mapping.unpack import unpacker
from stream.mapping.values import Read, SkipEvent, Test, compile_test, compile_value

_NO_NAMES: Final[Dict[str, str]] = {}
Event = dict[str, Any]
Items = Callable[[Any], Sequence[Any]]
MakeId = Callable[[Event, Dict[str, Any]], str]


class SharedId(str):
    """An id by a hash with `numbered`: rows that are not the same may have it in common."""

    __slots__ = ()


class Skipped(NamedTuple):
    """A payload, or one event of it, that the mapping passes over."""

    reason: str


Result = Event | Reject | Skipped
"""An event to be checked, or why there is none."""


class Gap(NamedTuple):
    """What a rule lacks in the columns of a table."""

    rule: str
    type: str
    field: str
    wanted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """One rule, ready to run."""

    tests: tuple[Test, ...]
    each: Items | None
    fields: tuple[tuple[str, Read], ...]
    properties: tuple[tuple[str, Read], ...]
    variables: tuple[tuple[str, Read], ...]
    event_id: MakeId


class Mapper:
    """A mapping for one shape of payload."""

    def __init__(
        self,
        steps: Sequence[_Step],
        unpack: Callable[[Any], Any] | None,
        gaps: Sequence[Gap],
        possible: int,
        sources: Dict[tuple[str, str], Sequence[str]],
    ) -> None:
        self._steps = steps
        self._sources = sources
        self._unpack = unpack
        self.gaps = gaps
        """What rules lack in the columns of a table. A rule whose condition can never hold is left out; one that could
        apply but lacks a field stays, and refuses what it applies to."""
        self.possible = possible
        """Rules that can make an event."""

    def sources(self, kind: str, field: str) -> Sequence[str]:
        """The paths from which events of a type have a field; none of those that can never lead to anything."""
        return self._sources.get((kind, field)) or self._sources.get(("", field), ())

    def events(self, payload: Any, given: Dict[str, str] = _NO_NAMES) -> list[Result]:
        """What becomes of a payload; never empty. `given`: values of the names that come from outside."""
        if self._unpack is not None:
            try:
                payload = self._unpack(payload)
            except Reject as reject:
                return [reject]
        found: list[Result] = []
        for step in self._steps:
            if step.each is None:
                if _applies(step, payload):
                    found.append(_event(step, payload, given))
            else:
                found += _events(step, step.each, payload, given)
        return found or [Skipped("no rule applies")]


def compile_mapping(mapping: Mapping, shape: Shape) -> Mapper:
    """Put a mapping together.

    Raises:
        ValueError: a path of it is none; the message names the rule.
    """
    steps: list[_Step] = []
    gaps: list[Gap] = []
    possible = 0
    sources: dict[tuple[str, str], list[str]] = {}
    for rule in mapping.rules:
        try:
            inner = WithItem(shape) if rule.each else shape
            missing = list(_missing(rule, shape, inner))
            lacking = list(_gaps(rule, inner))
            if not missing:
                found = _sources(rule, inner)
                steps.append(_step(rule, shape, inner, found))
                for name, paths in found.items():
                    sources.setdefault((_kind(rule), name), []).extend(paths)
            possible += not missing and not lacking
            gaps += missing or lacking
        except ValueError as error:
            raise ValueError(f"{rule.name}: {error}") from None
    return Mapper(steps, unpacker(mapping.unpack) if mapping.unpack else None, gaps, possible, sources)


def _kind(rule: Rule) -> str:
    """The type of a rule's events; empty when it comes from the payload."""
    return str(dict(rule.fields)["type"].constant or "")


def _sources(rule: Rule, shape: Shape) -> dict[str, list[str]]:
    """By name of a field, a property or a variable: the paths that can lead to it."""
    properties = ((f"properties.{name}", value) for name, value in rule.properties)
    named = (*rule.fields, *properties, *rule.variables)
    found = {name: [path for path in value.paths if _leads(shape, (path,))] for name, value in named}
    templates = [name for way in rule.event_id if isinstance(way, Template) for _, name in way.parts]
    hashed = [name for way in rule.event_id if isinstance(way, Hashed) for name in way.names]
    # Where there is a column for an id, a hash is what is made without.
    ids = ([path for name in names for path in found.get(name, ())] for names in (templates, hashed))
    return found | {"event_id": next(filter(None, ids), [])}


def _step(rule: Rule, outer: Shape, shape: Shape, sources: Dict[str, Sequence[str]]) -> _Step:
    def readers(values: Any) -> tuple[tuple[str, Read], ...]:
        compiled = ((name, compile_value(value, shape)) for name, value in values)
        return tuple((name, read) for name, read in compiled if read is not None)

    return _Step(
        tests=tuple(compile_test(condition, shape) for condition in rule.when),
        each=_each(rule.each, outer) if rule.each else None,
        fields=readers(rule.fields),
        properties=readers(rule.properties),
        variables=readers(rule.variables),
        event_id=_event_id(rule.event_id, sources),
    )


def _missing(rule: Rule, outer: Shape, shape: Shape) -> Iterator[Gap]:
    """Conditions that can never hold: the table is not about this rule."""
    kind = _kind(rule)
    for condition in rule.when:
        if not condition.negated and not _leads(shape, condition.paths):
            yield Gap(rule.name, kind, "when", condition.paths)
    if rule.each and not _leads(outer, rule.each.paths):
        yield Gap(rule.name, kind, "each", rule.each.paths)


def _gaps(rule: Rule, shape: Shape) -> Iterator[Gap]:
    """What an event of the rule must have and never can."""
    kind = _kind(rule)
    needed = {"type", "occurred_at"}
    if kind:
        needed |= {*NEEDS[kind].fields, *(f"properties.{name}" for name in NEEDS[kind].properties)}
    properties = ((f"properties.{name}", value) for name, value in rule.properties)
    for name, value in (*rule.fields, *properties):
        if name in needed and value.constant is None and not _leads(shape, value.paths):
            yield Gap(rule.name, kind, name, value.paths)


def _leads(shape: Shape, paths: Sequence[str]) -> bool:
    return any(shape.items(path) is not None or shape.getter(path) is not None for path in paths)


def _applies(step: _Step, payload: Any) -> bool:
    return not step.tests or all(test(payload) for test in step.tests)


def _events(step: _Step, each: Items, payload: Any, given: Dict[str, str]) -> list[Result]:
    try:
        pairs = [(payload, item) for item in each(payload)]
    except Reject as reject:
        return [reject]
    return [_event(step, pair, given) for pair in pairs if _applies(step, pair)]


def _event(step: _Step, subject: Any, given: Dict[str, str]) -> Result:
    event: Event = {}
    name = ""
    try:
        for name, read in step.fields:
            found = read(subject)
            if found is not None:
                event[name] = found
        properties: Event = {}
        for name, read in step.properties:
            found = read(subject)
            if found is not None:
                properties[name] = found
        if properties:
            event["properties"] = properties
        names: Dict[str, Any] = given
        if step.variables:
            names = {**given}
            for name, read in step.variables:
                names[name] = read(subject)
        name = "event_id"
        event["event_id"] = step.event_id(event, names)
    except SkipEvent as skip:
        return Skipped(f"{name}: {skip}")
    except Reject as reject:
        return Reject(reject.reason, f"{name}: {reject.detail}")
    return event


def _each(each: Each, shape: Shape) -> Items:
    getters = [getter for getter in map(shape.getter, each.paths) if getter is not None]
    split = str.maketrans(dict.fromkeys(each.split, "\n")) if each.split else None

    def items(payload: Any) -> Sequence[Any]:
        found = _first(getters, payload)
        if isinstance(found, str) and split is not None:
            found = [part for part in map(str.strip, found.translate(split).split("\n")) if part]
        if found is None:
            return ()
        if not isinstance(found, list):
            raise Reject("wrong_type", f"each: {' or '.join(each.paths)} is no list")
        if len(found) > MAX_ITEMS:
            raise Reject("out_of_range", f"each: {' or '.join(each.paths)} has more than {MAX_ITEMS} items")
        return found

    return items


def _first(getters: Sequence[Getter], payload: Any) -> Any:
    for getter in getters:
        found = getter(payload)
        if found is not None:
            return found
    return None


def _event_id(ways: Sequence[Template | Hashed], sources: Dict[str, Sequence[str]]) -> MakeId:
    makers = [_hashed(way) if isinstance(way, Hashed) else _filled(way) for way in ways]
    names = sorted({name for way in ways if isinstance(way, Template) for _, name in way.parts if name})
    wanted = [f"{name} (from {' or '.join(sources[name])})" if sources.get(name) else name for name in names]

    def make(event: Event, names: Dict[str, Any]) -> str:
        for maker in makers:
            made = maker(event, names)
            if made:
                return made
        raise Reject("missing_field", f"there is nothing to make it of; it needs {', '.join(wanted)}")

    return make


def _filled(template: Template) -> MakeId:
    def fill(event: Event, names: Dict[str, Any]) -> str:
        made = ""
        for literal, name in template.parts:
            made += literal
            if name:
                found = named(event, names, name)
                if found is None:
                    return ""
                made += found if type(found) is str else word(found)
        return made

    return fill


def _hashed(way: Hashed) -> MakeId:
    def digest(event: Event, names: Dict[str, Any]) -> str:
        text = orjson.dumps([named(event, names, name) for name in way.names])
        made = f"{way.prefix}:{blake2b(text, digest_size=16).hexdigest()}"
        return SharedId(made) if way.numbered else made

    return digest


def named(event: Event, names: Dict[str, Any], name: str) -> Any:
    """What a name of a template stands for; None for nothing."""
    if name in names:
        return names[name]
    if name.startswith("properties."):
        return event.get("properties", {}).get(name[11:])
    return event.get(name)
