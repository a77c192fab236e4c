"""What the built-in mappings make of rows, and how an operator changes them."""

import re
from pathlib import Path

import pytest

from stream.base.errors import InputError
from stream.imports.kinds import Kind
from tests.support.imports import HEAD, taken


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def test_messages_are_known_by_their_id_or_by_what_they_are(file: Path) -> None:
    file.write_text(
        "消息ID,发送时间,方向,客户ID,导购ID\n"
        "m1,2026-11-11 20:00:00,客户,wm1,g1\n"
        ",2026-11-11 20:01:00,导购,wm1,g1\n"
        ",2026-11-11 20:01:00,发送,wm1,g1\n"
        ",2026-11-11 20:02:00,系统,wm1,g1\n"
    )
    found = taken(file, "messages")
    assert [event["type"] for event in found.events] == ["message_in", "message_out"]
    assert found.events[0]["event_id"] == "message:m1"
    assert found.events[1]["event_id"].startswith("message:")
    assert (found.counts.duplicate, [(problem.row, problem.field) for problem in found.problems]) == (1, [(5, "type")])


def test_messages_of_one_minute_that_differ_in_any_column_are_messages_of_their_own(file: Path) -> None:
    head = "发送时间,方向,客户ID,导购ID,内容\n"
    rows = [f"2026-11-01 10:00,客户,c1,g1,{text}\n" for text in ("在吗", "有货吗", "在吗", "13800138000")]
    file.write_text(head + "".join(rows))
    found = taken(file, "messages")
    assert (found.counts.accepted, found.counts.duplicate, found.problems) == (3, 1, [])
    one, *more = (event["event_id"] for event in found.events)
    assert more == [f"{one}:2", f"{one}:3"], "their ids say nothing about the text"
    file.write_text(head + "".join(reversed(rows)))
    again = taken(file, "messages")
    assert {event["event_id"] for event in again.events} == {one, *more}


def test_messages_of_one_minute_that_nothing_tells_apart_are_one(file: Path) -> None:
    file.write_text("发送时间,方向,客户ID,导购ID\n" + "2026-11-01 10:00,客户,c1,g1\n" * 2)
    found = taken(file, "messages")
    assert (found.counts.accepted, found.counts.duplicate, found.problems) == (1, 1, [])


def test_lines_of_json_without_an_id_are_told_apart_too(tmp_path: Path) -> None:
    file = tmp_path / "messages.ndjson"
    line = '{"time":"2026-11-01 10:00","direction":"in","customer_id":"c1","guide_id":"g1","text":%s}\n'
    file.write_text("".join(line % text for text in ('"a"', '{"b":[1]}', '"a"')))
    found = taken(file, "messages")
    assert (found.counts.accepted, found.counts.duplicate, found.problems) == (2, 1, [])


def test_costs_of_one_day_that_differ_in_any_column_are_costs_of_their_own(file: Path) -> None:
    file.write_text("日期,金额,备注\n" + "".join(f"2026-11-11,100,{text}\n" for text in ("海报", "红包", "海报")))
    found = taken(file, "costs")
    assert (found.counts.accepted, found.counts.duplicate) == (2, 1)


def test_every_sub_order_is_an_order(file: Path) -> None:
    file.write_text(
        "主订单编号,子订单编号,订单付款时间,实付金额\n"
        "D1,D1-1,2026-11-01 10:00:00,100\n"
        "D1,D1-2,2026-11-01 10:00:00,250\n"
        "D2,,2026-11-01 10:00:00,9\n"
    )
    found = taken(file)
    assert [(event["event_id"], event["amount"]) for event in found.events] == [
        ("order_paid:D1-1", "100"),
        ("order_paid:D1-2", "250"),
        ("order_paid:D2", "9"),
    ]


def test_rows_of_one_order_that_contradict_each_other_are_problems(file: Path) -> None:
    file.write_text(
        "主订单编号,商品,订单付款时间,实付金额\n"
        "D1,鞋,2026-11-01 10:00:00,100\n"
        "D1,帽,2026-11-01 10:00:00,250\n"
        "D2,鞋,2026-11-01 10:00:00,350\n"
        "D2,帽,2026/11/1 10:00,350.00\n"
    )
    found = taken(file)
    assert [event["amount"] for event in found.events] == ["100", "350"]
    assert (found.counts.duplicate, found.counts.wrong) == (1, 1), "what says the same is repeated"
    (problem,) = found.problems
    assert (problem.row, problem.field) == (3, "event_id")
    assert problem.detail == (
        "'order_paid:D1' is of a row before this one as well, which says something else; "
        "give each row an id of its own (from 主订单编号)"
    )


def test_a_row_that_was_refused_does_not_stand_in_the_way_of_the_right_one(file: Path) -> None:
    file.write_text("order_id,paid_at,amount\nO1,2026-11-01,?\nO1,2026-11-01,5\n")
    found = taken(file)
    assert ([event["amount"] for event in found.events], len(found.problems)) == (["5"], 1)


def test_a_customer_of_several_guides_has_what_each_of_them_says(file: Path) -> None:
    file.write_text(
        "客户ID,导购ID,添加时间,标签,其他ID,授权,授权时间\n"
        "c1,g1,2026-11-01 10:00,VIP,c9,是,2026-11-05\n"
        "c1,g2,2026-11-02 10:00,VIP,c9,是,2026-11-05\n"
        "c1,g3,2026-11-02 10:00,,,否,2026-11-05\n"
    )
    found = taken(file, "customers")
    assert (found.counts.accepted, found.counts.duplicate) == (8, 1)
    (problem,) = found.problems
    assert problem.row == 4
    assert problem.detail.endswith("give each row an id of its own (from 客户ID or 授权时间 or 添加时间)")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("tasks", "任务编号,任务名称,导购工号,下发时间\nT1,群发,13812345678,2026-11-11 09:00\n"),
        ("costs", "单据号,日期,金额\n15012345678,2026-11-11,10\n"),
        ("messages", "消息ID,发送时间,方向,客户ID,导购ID\n18012345678,2026-11-11 20:00,客户,wm1,g1\n"),
    ],
)
def test_rows_whose_numbers_look_like_phone_numbers_are_taken_once(file: Path, kind: Kind, text: str) -> None:
    file.write_text(text + text.splitlines()[1])
    found = taken(file, kind)
    assert (found.counts.accepted, found.counts.duplicate, found.problems) == (1, 1, [])
    (event,) = found.events
    assert re.fullmatch(r"[a-z_]+:(T1:)?k[0-9]+:[0-9a-f]{32}", event["event_id"])
    assert event.get("guide_id", "g1") in ("13812345678", "g1")


def test_a_task_is_given_and_done(file: Path) -> None:
    file.write_text(
        "任务编号,任务名称,导购工号,下发时间,完成时间\n"
        "t1,群发,007,2026-11-11 09:00,2026-11-11 18:00\n"
        "t2,回访,007,2026-11-12,\n"
    )
    found = taken(file, "tasks")
    assert [event["event_id"] for event in found.events] == [
        "task_assigned:t1:007",
        "task_done:t1:007",
        "task_assigned:t2:007",
    ]
    assert found.events[0]["properties"] == {"task": "群发"}


def test_a_task_with_several_customers_is_one_with_each(file: Path) -> None:
    file.write_text(
        "任务编号,任务名称,导购工号,客户编号,下发时间,完成时间\n"
        "t1,回访,007,c1,2026-11-11 09:00,2026-11-11 18:00\n"
        "t1,回访,007,c2,2026-11-11 09:00,\n"
    )
    found = taken(file, "tasks")
    assert found.problems == []
    assert [event["event_id"] for event in found.events] == [
        "task_assigned:t1:007:c1",
        "task_done:t1:007:c1",
        "task_assigned:t1:007:c2",
    ]


def test_costs_name_what_they_were_for_and_when(file: Path) -> None:
    file.write_text(
        '日期,金额,活动ID,触点,开始日期,结束日期\n2026-11-11,"1,000.00",d11,moments,2026/11/1,2026年11月11日\n'
    )
    (event,) = taken(file, "costs").events
    assert (event["type"], event["amount"]) == ("cost", "1000")
    assert event["properties"] == {
        "campaign": "d11",
        "touchpoint": "moments",
        "from": "2026-11-01",
        "until": "2026-11-11",
    }


def test_a_cost_is_the_same_however_it_is_written(file: Path) -> None:
    file.write_text('日期,金额\n2026-11-11,1000.00\n2026/11/11,"1,000"\n20261111,￥1000\n2026-11-11,1001\n')
    found = taken(file, "costs")
    assert (found.counts.accepted, found.counts.duplicate) == (2, 2)


def test_a_customer_is_what_its_columns_say(file: Path) -> None:
    file.write_text(
        "客户ID,导购ID,添加时间,删除时间,标签,授权,手机号,其他ID,更新时间\n"
        "wm1,g1,2026-11-01 10:00,2026-11-09 10:00,VIP;复购,是,138 0013 8000,wm9,2026-11-10\n"
        "wm2,g1,2026-11-02 10:00,,,否,,,2026-11-10\n"
        "wm3,,,,,,,,2026-11-10\n"
    )
    found = taken(file, "customers")
    assert [(event["customer_id"], event["type"]) for event in found.events] == [
        ("wm1", "friend_added"),
        ("wm1", "friend_deleted"),
        ("wm1", "tagged"),
        ("wm1", "tagged"),
        ("wm1", "consent"),
        ("wm1", "alias"),
        ("wm2", "friend_added"),
        ("wm2", "consent"),
    ]
    assert list(found.events[0]["properties"]) == ["phone_hash"]
    assert [event["properties"]["given"] for event in found.events if event["type"] == "consent"] == [True, False]
    assert not any("wm1" in event["event_id"] for event in found.events), "an id of an event does not name the person"
    assert (found.counts.skipped, found.problems) == (1, [])


def test_more_names_for_columns_are_added_to_the_known_ones(file: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('timezone = "UTC"\n[names]\norder_id = ["流水号"]\n')
    file.write_text(f"{HEAD}\n".replace("订单号", "流水号") + "E1,2026-11-11 20:00:00,168.00,wm1,g1\n")
    (event,) = taken(file, mapping=own).events
    assert (event["order_id"], event["occurred_at"]) == ("E1", 1_794_427_200_000)


def test_rules_of_an_operator_replace_the_known_ones(file: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[[events]]\ntype = "order_paid"\nevent_id = "order_paid:{order_id}"\norder_id = "no"\n'
        'occurred_at = { from = "ts", format = "epoch_s" }\namount = { from = "分", unit = "fen" }\n'
    )
    file.write_text("no,ts,分\nE1,1794398400,16850\n")
    (event,) = taken(file, mapping=own).events
    assert (event["amount"], event["occurred_at"]) == ("168.5", 1_794_398_400_000)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"x", "no TOML"),
        (b"\xff", "not UTF-8"),
        (b"names = 5", "names: give a table"),
        (b"colour = 1", "colour: there is no such key"),
        (b'events = []\ntimezone = "x"', r"timezone: .*\n.*events: give"),
        (b"x" * 1_100_000, "more than 1048576 bytes"),
    ],
)
def test_a_mapping_that_is_wrong_is_named(file: Path, tmp_path: Path, content: bytes, says: str) -> None:
    own = tmp_path / "own.toml"
    own.write_bytes(content)
    file.write_text(HEAD)
    with pytest.raises(InputError, match=says) as caught:
        taken(file, mapping=own)
    assert caught.value.field == "--mapping"
    with pytest.raises(InputError, match="cannot be read"):
        taken(file, mapping=tmp_path / "nowhere.toml")
