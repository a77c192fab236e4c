import gc
import sys

from schemas.registry import Removed
from stream.registry import snapshot as module
from stream.registry.snapshot import Builder
from tests.support import registry as make


def test_a_link_is_decoded_once_while_it_is_asked_for() -> None:
    snapshot = Builder().add(make.link()).build()
    assert snapshot.resolve("a8Xk2Pq") is snapshot.resolve("a8Xk2Pq")


def test_a_cached_link_never_outlives_its_change() -> None:
    first = Builder().add(make.link()).build()
    assert first.resolve("a8Xk2Pq") is not None
    changed = Builder(first).add(make.link(disabled=True)).build()
    assert changed.resolve("a8Xk2Pq") == make.link(disabled=True)
    assert first.resolve("a8Xk2Pq") == make.link(), "whoever holds the older one sees the older one"
    removed = Builder(changed).add(Removed("link", "a8Xk2Pq")).build()
    assert removed.resolve("a8Xk2Pq") is None


def test_the_cache_is_bounded_and_keeps_what_is_asked_for() -> None:
    size = module._CACHED_LINKS
    snapshot = Builder().add(*(make.link(f"c{i}", i) for i in range(1, 3 * size))).build()
    hot = snapshot.resolve("c1")
    for i in range(2, 3 * size):
        snapshot.resolve(f"c{i}")
        if i % 100 == 0:
            assert snapshot.resolve("c1") is hot
    assert len(snapshot.cache._young) + len(snapshot.cache._old) <= 2 * size


def test_a_change_copies_only_the_part_it_touches() -> None:
    first = Builder().add(*(make.link(f"c{i}", i) for i in range(1, 5000))).build()
    second = Builder(first).add(make.link("c7", 7, disabled=True)).build()
    assert sum(one is not other for one, other in zip(first.shards, second.shards, strict=True)) == 1
    assert second.guides is first.guides


def test_links_are_nothing_that_the_garbage_collector_looks_into() -> None:
    snapshot = Builder().add(*(make.link(f"c{i}", i) for i in range(1, 100))).build()
    assert not any(gc.is_tracked(shard) for shard in snapshot.shards if shard)
    assert sys.getsizeof(snapshot.shards) < 16_000


def test_a_guide_is_found_by_the_wecom_userid_whatever_its_case() -> None:
    snapshot = Builder().add(make.guide("g1", wecom_userid="ZhangSan@hq"), make.guide("g2")).build()
    assert snapshot.guide_of_wecom("zhangsan@HQ") == "g1"
    assert [snapshot.guide_of_wecom(userid) for userid in ("lisi", "")] == ["", ""]


def test_of_guides_with_one_userid_the_one_in_force_is_found_in_whatever_order_they_came() -> None:
    came_back = [make.guide(f"g{i}", wecom_userid="wang", disabled=i < 3) for i in range(5)]
    for order in (came_back, came_back[::-1]):
        assert Builder().add(*order).build().guide_of_wecom("wang") == "g3"
    assert Builder().add(*came_back[:3]).build().guide_of_wecom("wang") == "g0", "who left has acted all the same"


def test_a_userid_follows_the_guides_and_older_snapshots_keep_theirs() -> None:
    first = Builder().add(make.guide("g1", wecom_userid="wang")).build()
    assert first.guide_of_wecom("wang") == "g1"
    second = Builder(first).add(make.guide("g1", wecom_userid="wang.n")).build()
    third = Builder(second).add(Removed("guide", "g1")).build()
    found = [(s.guide_of_wecom("wang"), s.guide_of_wecom("wang.n")) for s in (third, second, first, third)]
    assert found == [("", ""), ("", "g1"), ("g1", ""), ("", "")]


def test_userids_are_looked_through_again_only_when_a_guide_has_changed() -> None:
    first = Builder().add(make.guide("g1", wecom_userid="wang")).build()
    assert first.guide_of_wecom("wang") == "g1"
    made = first.staff._made
    second = Builder(first).add(make.link()).build()
    assert second.guide_of_wecom("wang") == "g1"
    assert second.staff._made is made
