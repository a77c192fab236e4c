"""One value of a mapping, put together: follow the paths, read what is there, translate words."""

from collections.abc import Callable, Sequence
from typing import Any

from schemas.rejects import Reject
from stream.mapping import money as moneys
from stream.mapping import text as texts
from stream.mapping import times
from stream.mapping.shapes import MAX_ITEMS, Getter, Nested, Shape
from stream.mapping.spec import Condition, Value

Read = Callable[[Any], Any]
Test = Callable[[Any], bool]


_AMOUNT = moneys.money("yuan", absolute=False)


class SkipEvent(Exception):  # noqa: N818 - the mapping says so, nothing is wrong
    """The event is passed over."""


def compile_value(value: Value, shape: Shape) -> Read | None:
    """A reader of one value; None when it can never give anything.

    It returns None where there is nothing, and raises Reject (its detail without the field's name) or SkipEvent.
    """
    convert = _converter(value)
    sources = [source for source in (_source(path, value, shape, convert) for path in value.paths) if source]
    if not sources:
        constant = value.constant
        return None if constant is None else lambda _: constant
    if len(sources) == 1 and value.constant is None:
        return sources[0]
    default = value.constant

    def first(payload: Any) -> Any:
        for source in sources:
            found = source(payload)
            if found is not None:
                return found
        return default

    return first


def compile_test(condition: Condition, shape: Shape) -> Test:
    """Whether a payload meets a condition; it never raises."""
    finders = [finder for finder in (_finder(path, shape) for path in condition.paths) if finder]
    words = None if condition.words is None else frozenset(map(texts.folded, condition.words))
    negated, amount = condition.negated, condition.amount

    def test(payload: Any) -> bool:
        there: Sequence[Any] = next(filter(None, (find(payload) for find in finders)), ())
        if words is not None:
            return any(texts.folded(texts.word(one)) in words for one in there) != negated
        if amount:
            return any(map(_worth, there)) != negated
        return bool(there) != negated

    return test


def _finder(path: str, shape: Shape) -> Callable[[Any], Sequence[Any]] | None:
    """A function that gives all that a path leads to."""
    through = shape.items(path)
    if through:
        to_list, onwards = through
        return lambda payload: [inner for item in _listed(to_list(payload)) if (inner := onwards(item)) is not None]
    getter = shape.getter(path)

    def find(payload: Any) -> Sequence[Any]:
        assert getter is not None
        one = getter(payload)
        return () if one is None else (one,)

    return getter and find


def _worth(raw: Any) -> bool:
    """Whether it is not an amount of zero; what is no amount is for the rule to refuse."""
    try:
        return _AMOUNT(raw) != "0"
    except Reject:
        return True


def _source(path: str, value: Value, shape: Shape, convert: Read) -> Read | None:
    through = shape.items(path)
    if through:
        return _through(through, value, convert, path)
    getter = shape.getter(path)
    return getter and _converted(getter, convert, path)


def _converted(getter: Getter, convert: Read, path: str) -> Read:
    def read(payload: Any) -> Any:
        found = getter(payload)
        if found is None:
            return None
        try:
            return convert(found)
        except Reject as reject:
            raise Reject(reject.reason, f"{reject.detail} (from {path})") from None

    return read


def _through(through: tuple[Getter, Getter], value: Value, convert: Read, path: str) -> Read:
    to_list, onwards = through[0], _converted(through[1], convert, path)
    tests = [compile_test(condition, Nested()) for condition in value.where]
    adds_up = value.kind == "money"

    def read(payload: Any) -> Any:
        wanted = (item for item in _items(to_list(payload)) if all(test(item) for test in tests))
        found = (inner for item in wanted if (inner := onwards(item)) is not None)
        if not adds_up:
            return next(found, None)
        amounts = list(found)
        return moneys.total(amounts) if amounts else None

    return read


def _items(found: Any) -> Sequence[Any]:
    items = _listed(found)
    if len(items) > MAX_ITEMS:
        raise Reject("out_of_range", f"a list of more than {MAX_ITEMS} items")
    return items


def _listed(found: Any) -> Sequence[Any]:
    return found if isinstance(found, list) else ()


def _converter(value: Value) -> Read:
    if value.words is not None:
        return _translation(value)
    if value.kind == "money":
        return moneys.money(value.unit, absolute=value.absolute)
    if value.kind == "time":
        return times.time(value.formats, value.zone)
    if value.kind == "day":
        return times.day(value.formats, value.zone)
    return {"number": texts.number, "flag": texts.flag, "plain": texts.plain, "text": texts.text}[value.kind]


def _translation(value: Value) -> Read:
    given, unknown = dict(value.words or ()), value.unknown
    words = {texts.folded(word): meaning for word, meaning in given.items()}

    def translate(raw: Any) -> Any:
        came = texts.word(raw)
        meaning = words.get(texts.folded(came))
        if meaning is not None:
            return meaning
        if unknown == "keep":
            return came
        if unknown == "skip":
            raise SkipEvent(f"{texts.quoted(came)} is passed over")
        raise Reject("out_of_range", f"{texts.quoted(came)} is none of {', '.join(given)[:200]}")

    return translate
