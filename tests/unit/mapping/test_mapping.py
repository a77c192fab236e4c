"""What a mapping makes of payloads and rows."""

import tomllib
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.rejects import Reject
from stream.mapping import Mapper, Mapping, Nested, Problems, Skipped, Table, compile_mapping, read_mapping

ZONE = ZoneInfo("Asia/Shanghai")
MINIMAL = """
[[events]]
type = "lead"
event_id = "lead:{vars_id}"
occurred_at = { value = 1794398400000 }
vars.vars_id = "id"
"""


def mapping(text: str, **how: Any) -> Mapping:
    problems = Problems()
    read = read_mapping(tomllib.loads(text), problems, zone=ZONE, **how)
    assert problems.found == []
    return read


def wrong(text: str) -> list[str]:
    problems = Problems()
    read_mapping(tomllib.loads(text), problems, zone=ZONE)
    return problems.found


def nested(text: str) -> Mapper:
    return compile_mapping(mapping(text), Nested())


def table(text: str, *columns: str) -> Mapper:
    return compile_mapping(mapping(text), Table(columns, lambda cell: cell.strip() or None))


def rule(fields: str) -> str:
    return f'[[events]]\ntype = "lead"\nevent_id = "x"\noccurred_at = {{ value = 1 }}\n{fields}'


def one(fields: str, payload: Any) -> Any:
    (result,) = nested(rule(fields)).events(payload)
    if isinstance(result, dict):
        return {name: value for name, value in result.items() if name not in {"type", "event_id", "occurred_at"}}
    return result


def made(results: list[Any]) -> dict[str, Any]:
    assert isinstance(results[0], dict)
    return results[0]


def detail(result: Any) -> str:
    assert isinstance(result, Reject)
    return result.detail


def test_a_value_may_be_a_path_paths_or_a_constant() -> None:
    assert one('customer_id = "a.b"', {"a": {"b": "c1"}}) == {"customer_id": "c1"}
    assert one('customer_id = ["x", "a.0.b"]', {"x": "", "a": [{"b": 7}]}) == {"customer_id": "7"}
    assert one('customer_id = { value = "c9" }', {}) == {"customer_id": "c9"}
    assert one('customer_id = { from = "x", default = "c9" }', {"x": None}) == {"customer_id": "c9"}
    assert one('customer_id = "x"', {}) == {}


@pytest.mark.parametrize("payload", [{}, [], None, 5, "a", {"a": 5}, {"a": []}, {"a": {"b": ""}}, {"a": {"b": None}}])
def test_a_path_that_leads_to_nothing_gives_nothing(payload: Any) -> None:
    assert one('customer_id = "a.b"', payload) == {}


def test_words_are_translated_kept_refused_or_passed_over() -> None:
    words = '{ from = "s", map = { paid = "order_paid", "7" = "lead" }, unknown = "%s" }'
    text = '[[events]]\ntype = %s\nevent_id = "x"\noccurred_at = {{ value = 1 }}'.replace("{{", "{").replace("}}", "}")
    for raw, type_ in (("paid", "order_paid"), (7, "lead"), (7.0, "lead")):
        assert made(nested(text % (words % "reject")).events({"s": raw}))["type"] == type_
    (refused,) = nested(text % (words % "reject")).events({"s": "gone"})
    assert detail(refused) == "type: 'gone' is none of paid, 7 (from s)"
    (passed,) = nested(text % (words % "skip")).events({"s": "gone"})
    assert passed == Skipped("type: 'gone' is passed over")
    assert one('link = { from = "s", map = { a = "b" }, unknown = "keep" }', {"s": "gone"}) == {"link": "gone"}


@pytest.mark.parametrize("raw", ["Straße", "STRASSE", " strasse ", "ｓｔｒａｓｓｅ"])
def test_words_are_compared_as_people_read_them(raw: str) -> None:
    assert one('link = { from = "s", map = { "Straße" = "x" } }', {"s": raw}) == {"link": "x"}
    assert one('[events.when]\ns = "STRASSE"', {"s": raw}) == {}
    assert one('[events.when]\ns.not = ["straße"]', {"s": raw}) == Skipped("no rule applies")


def test_a_word_that_is_kept_is_kept_as_it_came() -> None:
    assert one('link = { from = "s", map = { a = "b" }, unknown = "keep" }', {"s": " Ｘy"}) == {"link": " Ｘy"}


def test_a_list_adds_up_money_and_gives_the_first_of_anything_else() -> None:
    payload = {"t": [{"k": "no", "v": "1"}, {"k": "yes", "v": "2.5", "c": "A"}, {"k": "yes", "v": 3, "c": "B"}, {}, 5]}
    fields = 'amount = { from = "t[].v", where = { k = "yes" } }\nlink = { from = "t[].c" }'
    assert one(fields, payload) == {"amount": "5.5", "link": "A"}
    assert one(fields, {"t": []}) == {}
    assert one(fields, {"t": "text"}) == {}
    assert "more than 1000" in detail(one(fields, {"t": [{"k": "yes", "v": 1}] * 1001}))


@pytest.mark.parametrize(
    ("when", "payload", "holds"),
    [
        ('a = "x"', {"a": "x"}, True),
        ('a = "x"', {"a": "y"}, False),
        ('a = "x"', {}, False),
        ('a = ["x", "y"]', {"a": "y"}, True),
        ("a = [1, 2]", {"a": 2}, True),
        ('a = "true"', {"a": True}, True),
        ("a.not = true", {"a": True}, False),
        ("a.not = true", {"a": False}, True),
        ("a.not = true", {}, True),
        ("a = true", {"a": 0}, True),
        ("a = true", {"a": ""}, False),
        ("a = false", {}, True),
        ("a = false", {"a": 1}, False),
        ("a.zero = false", {"a": "¥0.00"}, False),
        ("a.zero = false", {"a": "-3"}, True),
        ("a.zero = false", {}, False),
        ("a.zero = false", {"a": "nonsense"}, True),
        ("a.b.c = true", {"a": {"b": {"c": 1}}}, True),
        ('"a[].b" = "x"', {"a": [{"b": "y"}, {"b": "x"}]}, True),
        ('"a[].b" = "x"', {"a": [{"b": "y"}]}, False),
        ('"a[].b" = "x"', {"a": 5}, False),
        ('a = "x"\nb = "y"', {"a": "x", "b": "z"}, False),
    ],
)
def test_a_rule_applies_when_all_conditions_hold(when: str, payload: Any, holds: bool) -> None:  # noqa: FBT001
    (result,) = nested(rule(f"[events.when]\n{when}")).events(payload)
    assert isinstance(result, dict) is holds
    assert holds or result == Skipped("no rule applies")


def test_each_item_of_a_list_makes_an_event() -> None:
    text = '[[events]]\neach = "r"\nwhen = { "item.ok" = "true" }\ntype = "lead"\nevent_id = "{order_id}:{link}"\n'
    text += 'occurred_at = { value = 1 }\norder_id = "id"\nlink = "item.n"\n'
    events = nested(text).events(
        {"id": 5, "r": [{"n": "a", "ok": True}, {"n": "b", "ok": False}, {"n": "c", "ok": True}]}
    )
    assert [event["event_id"] for event in events if isinstance(event, dict)] == ["5:a", "5:c"]
    assert nested(text).events({"id": 5}) == [Skipped("no rule applies")]
    assert "no list" in detail(nested(text).events({"r": 5})[0])
    assert "1000 items" in detail(nested(text).events({"r": [1] * 1001})[0])


def test_each_part_of_a_text_makes_an_event() -> None:
    text = '[[events]]\neach = { from = "标签", split = ",;、" }\ntype = "tagged"\nevent_id = "{properties.tag}"\n'
    text += 'occurred_at = { value = 1 }\nproperties.tag = "item"\n'
    events = table(text, "标签").events(["VIP、高客单, 复购;;"])
    assert [event["event_id"] for event in events if isinstance(event, dict)] == ["VIP", "高客单", "复购"]


def test_an_error_in_one_event_leaves_the_others() -> None:
    text = rule('amount = "a"') + "\n" + rule('amount = "b"')
    results = nested(text).events({"a": "nonsense", "b": "5"})
    assert "nonsense" in detail(results[0])
    assert isinstance(results[1], dict)


def test_an_event_id_is_made_of_what_is_there() -> None:
    text = '[[events]]\ntype = "lead"\noccurred_at = { value = 1 }\norder_id = "o"\nproperties.n = "n"\n'
    text += 'event_id = ["a:{order_id}", "b:{properties.n}:{given}"]'
    mapper = compile_mapping(mapping(text, given=frozenset({"given"})), Nested())
    assert made(mapper.events({"o": "1", "n": 2}, {"given": "g"}))["event_id"] == "a:1"
    assert made(mapper.events({"n": 2}, {"given": "g"}))["event_id"] == "b:2:g"
    assert detail(mapper.events({}, {"given": "g"})[0]).startswith("event_id: there is nothing to make it of")


def test_an_id_that_is_a_hash_depends_on_its_fields_alone() -> None:
    text = '[[events]]\ntype = "cost"\noccurred_at = { value = 1 }\namount = "a"\nlink = "l"\nproperties.n = "n"\n'
    text += 'event_id = { prefix = "cost", hash = ["amount", "properties.n"] }'
    ids = [
        made(nested(text).events({"a": amount, "l": link}))["event_id"] for amount, link in (("5.00", "x"), (5, "y"))
    ]
    assert ids[0] == ids[1]
    assert ids[0].startswith("cost:")
    assert made(nested(text).events({"a": 6}))["event_id"] != ids[0]


@pytest.mark.parametrize("raw", ["1.23457E+18", "1E+05", 1.5, 1e16, [], {}])
def test_ids_that_lost_digits_are_refused(raw: Any) -> None:
    assert isinstance(one('order_id = "id"', {"id": raw}), Reject)


def test_long_whole_numbers_are_exact_ids() -> None:
    assert one('order_id = "id"', {"id": 820982911946154508}) == {"order_id": "820982911946154508"}


def test_kinds_of_values() -> None:
    fields = "\n".join(
        f'properties.{kind} = {{ from = "x", as = "{kind}" }}' for kind in ("text", "number", "flag", "plain")
    )
    assert one(fields, {"x": "1"}) == {"properties": {"text": "1", "number": 1, "flag": True, "plain": "1"}}
    assert one('properties.a = "x"', {"x": 2.5}) == {"properties": {"a": 2.5}}
    assert "neither yes nor no" in detail(one('properties.a = { from = "x", as = "flag" }', {"x": "maybe"}))
    assert "no number" in detail(one('properties.a = { from = "x", as = "number" }', {"x": "five"}))


@pytest.mark.parametrize("kind", ["number", "plain"])
@pytest.mark.parametrize("raw", [1e300, -1e300, 1 << 53, 10**400, float("inf"), float("nan")])
def test_numbers_that_not_every_reader_of_json_keeps_are_refused(kind: str, raw: Any) -> None:
    assert "(from x)" in detail(one(f'properties.a = {{ from = "x", as = "{kind}" }}', {"x": raw}))


@pytest.mark.parametrize("word", ["是", "Yes", "TRUE", True, 1, "1"])
def test_yes_in_many_words(word: Any) -> None:
    assert one('properties.a = { from = "x", as = "flag" }', {"x": word}) == {"properties": {"a": True}}


def test_json_within_text_is_looked_into() -> None:
    text = 'unpack = "m"\n' + rule('link = "m.a"')
    for packed in ('{"a":"b c+d"}', "%7B%22a%22%3A%22b+c%2Bd%22%7D", "%7B%22a%22:%22b%20c%2Bd%22%7D", {"a": "b c+d"}):
        assert made(nested(text).events({"m": packed}))["link"] == "b c+d"
    assert made(nested(text).events({"n": 1}))["type"] == "lead"
    (bad,) = nested(text).events({"m": "{"})
    assert isinstance(bad, Reject)
    assert bad.reason == "not_json"


def test_unpacking_leaves_the_payload_as_it_was() -> None:
    payload = {"m": '{"a":1}', "n": {"m": 1}}
    nested('unpack = "m"\n' + MINIMAL).events(payload)
    assert payload == {"m": '{"a":1}', "n": {"m": 1}}


def test_columns_are_known_by_any_of_their_names_however_they_are_written() -> None:
    text = 'names.order = ["order_id", "订单号"]\n' + rule('order_id = "order"')
    for head in ("订单号", " Order_ID ", "ｏｒｄｅｒ＿ｉｄ"):
        assert made(table(text, "x", head).events(["", " 7 "]))["order_id"] == "7"


def test_a_rule_that_a_table_is_not_about_is_left_out_and_said() -> None:
    text = rule('customer_id = "c"\nwhen = { added = true }') + "\n" + rule('customer_id = "c"')
    mapper = table(text, "c")
    assert [(gap.rule, gap.field, gap.wanted) for gap in mapper.gaps] == [("events[1]", "when", ("added",))]
    assert (mapper.possible, len(mapper.events(["c1"]))) == (1, 1)


def test_what_an_event_must_have_and_no_column_gives_is_said() -> None:
    text = '[[events]]\ntype = "order_paid"\nevent_id = "x"\noccurred_at = "t"\norder_id = "o"\namount = ["a", "b"]\n'
    mapper = table(text, "o", "t")
    assert (mapper.possible, mapper.gaps[0].field, mapper.gaps[0].wanted) == (0, "amount", ("a", "b"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "events: give 1 to 64 tables"),
        ("events = 5", "events: give 1 to 64"),
        ("events = [5]", "events: give 1 to 64"),
        ("[[events]]", "events[1].type: must be there"),
        (MINIMAL + "colour = 1", "events[1].colour: there is no such key"),
        ('timezone = "Mars/Olympus"\n' + MINIMAL, "timezone: 'Mars/Olympus' is no time zone"),
        ("unpack = 5\n" + MINIMAL, "unpack: give a path"),
        ("names = 5\n" + MINIMAL, "names: give a table"),
        ("names.a = 5\n" + MINIMAL, "names.a: give a path"),
        (rule("amount = 5"), "events[1].amount: give a path"),
        (rule("amount = []"), "events[1].amount: give a path"),
        (rule('amount = { from = "a", value = "5" }'), "events[1].amount: give one of `from` and `value`"),
        (rule("amount = {}"), "events[1].amount: give one of"),
        (rule('amount = { value = "much" }'), "events[1].amount: 'much' is no amount"),
        (rule("amount = { value = [1] }"), "events[1].amount: a constant is"),
        (rule("link = { value = 99999999999999999999 }"), "events[1].link: '99999999999999999999' has more digits"),
        (rule("link = { from = 'a', default = inf }"), "events[1].link: 'inf' is no number"),
        (rule("properties.a = { from = 'b', as = 'day', format = '%Y %Y' }"), "events[1].properties.a.format: "),
        (rule('amount = { from = "a", unit = "cents" }'), "events[1].amount.unit: give one of yuan, fen"),
        (rule('amount = { from = "a", absolute = 1 }'), "events[1].amount.absolute: give true or false"),
        (rule('link = { from = "a", unit = "fen" }'), "events[1].link.unit: is for money only"),
        (rule('link = { from = "a", format = "iso" }'), "events[1].link.format: is for time and day only"),
        (rule('link = { from = "a", unknown = "skip" }'), "events[1].link.unknown: goes with `map`"),
        (rule('link = { from = "a", map = 5 }'), "events[1].link.map: give a table"),
        (rule('link = { from = "a", map = { a = 5 } }'), "events[1].link.map: give a table"),
        (rule('link = { from = "a", map = { a = "b", A = "c" } }'), "events[1].link.map: 'A' is there in another"),
        (rule('link = { from = "a", where = { b = "c" } }'), "events[1].link.where: goes with a path that has []"),
        (rule('link = { from = "a", colour = 1 }'), "events[1].link.colour: there is no such key"),
        (rule("when = 5"), "events[1].when: give a table"),
        (rule("when = { a = [] }"), "events[1].when.a: give a word"),
        (rule("when = { a = { not = [] } }"), "events[1].when.a: give a word"),
        (rule("when = { a = 1.5 }"), "events[1].when.a: give a word"),
        (rule("each = 5"), "events[1].each: give a path"),
        (rule('each = { from = "a", split = 5 }'), "events[1].each.split: give the characters"),
        (rule("properties = 5"), "events[1].properties: give a table"),
        (rule("properties." + "x" * 65 + ' = "a"'), "events[1].properties: at most"),
        (MINIMAL.replace("{vars_id}", "{id}"), "events[1].event_id: there is no {id}"),
        (MINIMAL.replace('"lead:{vars_id}"', "5"), "events[1].event_id: give a template"),
        (MINIMAL.replace('"lead:{vars_id}"', '{ prefix = "x", hash = [] }'), "events[1].event_id: give a template"),
        (MINIMAL.replace('"lead:{vars_id}"', '{ prefix = "x", hash = ["y"] }'), "there is no {y}"),
        (MINIMAL.replace('"lead"', '{ from = "a", map = { b = "sold" } }'), "events[1].type: 'sold' is none of"),
    ],
)
def test_a_mapping_that_is_wrong_is_named_by_table_and_key(text: str, says: str) -> None:
    assert any(problem.startswith(says) or says in problem for problem in wrong(text)), wrong(text)


def test_all_problems_are_named_at_once() -> None:
    assert len(wrong(rule('amount = 5\nlink = { from = "a", unit = "x", colour = 1 }'))) >= 3


@pytest.mark.parametrize("path", ["", ".", "a..b", "a.", "[]", "a[0]", "a[].b[].c", ".".join("a" * 17), "x" * 129])
def test_a_path_that_is_none_is_refused_when_the_mapping_is_put_together(path: str) -> None:
    problems = Problems()
    read = read_mapping(tomllib.loads(rule(f'link = "{path}"')), problems, zone=ZONE)
    if problems.found:
        return
    with pytest.raises(ValueError, match=r"events\[1\]"):
        compile_mapping(read, Nested())
