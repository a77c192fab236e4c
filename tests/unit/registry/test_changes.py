import itertools
from dataclasses import replace

import pytest

from schemas.registry import MAX_NUMBER, Campaign, Link, Numbers, Owner, Record, Removed, decode_record
from stream.base.errors import ConflictError, InputError, NotFoundError
from stream.registry.bulk import plan_bulk
from stream.registry.changes import Changes
from stream.registry.codes import new_code
from stream.registry.plans import plan_add, plan_handover, plan_transfer, plan_update
from stream.registry.snapshot import Builder, Snapshot
from stream.registry.writer import Encoded
from tests.support import registry as make

NOW = 1_790_000_000_000
URL = "https://shop.example.com/a"
BASE = Builder().add(make.store(), make.guide("g1"), make.guide("g2"), Campaign("c1", "双十一")).build()


def decoded(records: Encoded) -> list[Record | Removed]:
    return [decode_record(key, value) for key, value in records]


def after(state: Snapshot, records: Encoded) -> Snapshot:
    return Builder(state).add(*decoded(records)).build()


def test_a_new_link_gets_a_random_code_and_the_next_number() -> None:
    records, link = plan_add("link", {"url": URL, "guide_id": "g1"}, NOW)(BASE)
    assert isinstance(link, Link)
    assert decoded(records) == [Numbers(1), link]
    assert len(link.code) == 7
    assert link.code.isalnum()
    assert link.owners == (Owner("g1", 0),)


def test_codes_say_nothing_about_the_order_they_were_made_in() -> None:
    codes = [new_code() for _ in range(2000)]
    assert len(set(codes)) == 2000
    rising = sum(earlier < later for earlier, later in itertools.pairwise(codes))
    assert 850 < rising < 1150, "a coin would give 1000 give or take 22"


def test_a_code_that_is_taken_is_not_given_again() -> None:
    state = Builder(BASE).add(make.link("taken", 1)).build()
    offered = iter(["taken", "taken", "fresh", "fresh", "other"])
    changes = Changes(state, NOW, lambda: next(offered))
    first, second = (changes.add("link", {"url": URL}) for _ in range(2))
    assert isinstance(first, Link)
    assert isinstance(second, Link)
    assert (first.code, first.number, second.code, second.number) == ("fresh", 2, "other", 3)


def test_the_number_of_a_deleted_link_does_not_come_back() -> None:
    state = Builder(BASE).add(make.link("gone", 41), Numbers(41), Removed("link", "gone")).build()
    _, link = plan_add("link", {"url": URL}, NOW)(state)
    assert isinstance(link, Link)
    assert link.number == 42


def test_when_numbers_are_used_up_no_link_is_made() -> None:
    state = Builder(BASE).add(Numbers(MAX_NUMBER)).build()
    with pytest.raises(InputError, match="number"):
        plan_add("link", {"url": URL}, NOW)(state)


def test_what_is_there_is_not_added_again_and_what_is_not_there_is_not_changed() -> None:
    with pytest.raises(ConflictError, match="guide g1"):
        plan_add("guide", {"id": "g1", "name": "x", "store_id": "s1"}, NOW)(BASE)
    with pytest.raises(NotFoundError, match="g9"):
        plan_update("guide", ["g9"], {"name": "x"}, NOW)(BASE)


def test_a_guide_moves_to_another_store() -> None:
    state = Builder(BASE).add(make.store("s2")).build()
    records, results = plan_update("guide", ["g1"], {"store_id": "s2"}, NOW)(state)
    assert results == [(make.guide("g1", "s2"), "updated")]
    assert decoded(records) == [make.guide("g1", "s2")]


def test_a_change_to_the_same_writes_nothing() -> None:
    records, results = plan_update("guide", ["g1"], {"name": "张三"}, NOW)(BASE)
    assert (list(records), results) == ([], [(make.guide("g1"), "unchanged")])


def test_one_wrong_of_many_stops_all() -> None:
    with pytest.raises(NotFoundError):
        plan_update("guide", ["g1", "g9"], {"name": "x"}, NOW)(BASE)


def test_utm_values_are_changed_one_by_one_and_emptied() -> None:
    state = Builder(BASE).add(make.link("x", utm=(("utm_source", "a"), ("utm_term", "b")))).build()
    _, [(link, _)] = plan_update("link", ["x"], {"utm_term": "", "utm_campaign": "c"}, NOW)(state)
    assert isinstance(link, Link)
    assert link.utm == (("utm_source", "a"), ("utm_campaign", "c"))


def test_a_transfer_keeps_who_had_the_link_before() -> None:
    state = Builder(BASE).add(make.owned("g1", "x")).build()
    records, [(link, fate)] = plan_transfer(["x"], "g2", NOW + 5, NOW)(state)
    assert isinstance(link, Link)
    assert (link.owners, fate) == ((Owner("g1", 0), Owner("g2", NOW + 5)), "updated")
    later = after(state, records)
    _, [(again, fate)] = plan_transfer(["x"], "", NOW + 5, NOW)(later)
    assert isinstance(again, Link)
    assert again.owners == (Owner("g1", 0), Owner("", NOW + 5)), "a transfer to come is replaced"
    _, [(back, fate)] = plan_transfer(["x"], "g1", NOW + 1, NOW)(later)
    assert isinstance(back, Link)
    assert back.owners == (Owner("g1", 0),), "an earlier one to the same guide calls it off"


def test_the_past_cannot_be_transferred() -> None:
    state = Builder(BASE).add(make.owned("g1", "x")).build()
    with pytest.raises(InputError, match="past"):
        plan_transfer(["x"], "g2", NOW - 1, NOW)(state)


def test_a_guide_who_left_gets_no_links_but_theirs_can_be_changed_and_handed_over() -> None:
    state = Builder(BASE).add(make.guide("g1", disabled=True), make.owned("g1", "x"), make.owned("g1", "y", 2)).build()
    with pytest.raises(InputError, match="guide_id"):
        plan_add("link", {"url": URL, "guide_id": "g1"}, NOW)(state)
    with pytest.raises(InputError, match="guide_id"):
        plan_transfer(["x"], "g1", NOW, NOW)(Builder(state).add(make.owned("g2", "x")).build())
    assert plan_update("link", ["x"], {"disabled": True}, NOW)(state)[1][0][1] == "updated"
    records, results = plan_handover("g1", "g2", NOW, NOW)(state)
    assert [fate for _, fate in results] == ["updated", "updated"]
    assert {link.owner_at(NOW) for link in after(state, records).all_links()} == {"g2"}


def test_an_update_of_the_guide_is_a_transfer_from_now_on() -> None:
    state = Builder(BASE).add(make.owned("g1", "x")).build()
    _, [(link, _)] = plan_update("link", ["x"], {"guide_id": "g2"}, NOW)(state)
    assert isinstance(link, Link)
    assert link.owners == (Owner("g1", 0), Owner("g2", NOW))


# -- bulk --------------------------------------------------------------------------------------------------------------

STAFF = (
    Builder(BASE)
    .add(
        make.store("s2", region_id="north"),
        make.guide("g3", "s2"),
        make.guide("g4", "s2", disabled=True),
        make.guide("g5", "s2", wecom_userid="wang@hq"),
    )
    .build()
)


def test_bulk_makes_one_link_for_each_guide_at_work_with_their_own_destination() -> None:
    template = {
        "url": f"{URL}?g={{guide_id}}&s={{store_id}}",
        "campaign_id": "c1",
        "utm_content": "{region_id}/{guide_id}",
    }
    records, made = plan_bulk(template, now_ms=NOW)(STAFF)
    assert [(link.owner_at(NOW), link.url) for link in made.links] == [
        ("g1", f"{URL}?g=g1&s=s1"),
        ("g2", f"{URL}?g=g2&s=s1"),
        ("g3", f"{URL}?g=g3&s=s2"),
        ("g5", f"{URL}?g=g5&s=s2"),
    ]
    assert made.links[2].utm == (("utm_content", "north/g3"),)
    assert [link.number for link in made.links] == [1, 2, 3, 4]
    assert len(records) == 5, "and how far the numbers go"


def test_bulk_again_makes_links_only_for_guides_who_have_none() -> None:
    template = {"url": URL, "campaign_id": "c1"}
    records, _ = plan_bulk(template, now_ms=NOW)(STAFF)
    grown = Builder(after(STAFF, records)).add(make.guide("g6")).build()
    _, made = plan_bulk(template, now_ms=NOW + 1)(grown)
    assert ([link.owner_at(NOW) for link in made.links], made.unchanged) == (["g6"], 4)


def test_bulk_can_be_kept_to_stores_and_regions() -> None:
    for chosen in ({"stores": ["s2"]}, {"regions": ["north"]}):
        _, made = plan_bulk({"url": URL}, now_ms=NOW, **chosen)(STAFF)
        assert [link.owner_at(NOW) for link in made.links] == ["g3", "g5"]
    with pytest.raises(NotFoundError, match="store"):
        plan_bulk({"url": URL}, stores=["s9"], now_ms=NOW)(STAFF)


def test_what_a_guide_lacks_or_nobody_knows_cannot_be_filled_in() -> None:
    with pytest.raises(InputError, match="guide g1 has no wecom_userid"):
        plan_bulk({"url": f"{URL}/{{wecom_userid}}"}, now_ms=NOW)(STAFF)
    with pytest.raises(InputError, match="no placeholder"):
        plan_bulk({"url": f"{URL}/{{salary}}"}, now_ms=NOW)(STAFF)
    one = Builder(BASE).add(make.guide("g1", wecom_userid="w@hq"), make.guide("g2", disabled=True)).build()
    _, made = plan_bulk({"url": f"{URL}/{{wecom_userid}}"}, now_ms=NOW)(one)
    assert made.links[0].url == f"{URL}/w%40hq"


def test_equal_links_differ_in_nothing_but_code_number_and_history() -> None:
    old = replace(make.owned("g2", "old", 7, url=URL), owners=(Owner("g1", 0), Owner("g2", 50)))
    state = Builder(BASE).add(old).build()
    changes = Changes(state, NOW)
    _, fate, _ = changes.put(None, make.owned("g2", "", 0, url=URL), unless_equal=True)
    assert fate == "unchanged"
    _, fate, _ = changes.put(None, make.owned("g1", "", 0, url=URL), unless_equal=True)
    assert fate == "created"
