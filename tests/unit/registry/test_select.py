import pytest

from schemas.registry import Link, Owner
from stream.base.errors import InputError
from stream.registry.select import select
from stream.registry.snapshot import Builder
from tests.support import registry as make

NOW = 1000
STATE = (
    Builder()
    .add(
        make.store("s1", region_id="east"),
        make.store("s2", region_id="north", name="王府井店"),
        make.guide("g1", "s1"),
        make.guide("g2", "s2", name="李四", disabled=True),
        make.owned("g1", "late", 9, campaign_id="c1"),
        make.owned("g2", "early", 2, touchpoint="moments", disabled=True),
        make.link("moved", 3, owners=(Owner("g1", 0), Owner("g2", NOW), Owner("g1", NOW + 1))),
        make.link("nobody", 4),
    )
    .build()
)


@pytest.mark.parametrize(
    ("kind", "wanted", "expected"),
    [
        ("link", {}, ["early", "moved", "nobody", "late"]),
        ("link", {"guide": "g1"}, ["late"]),
        ("link", {"guide": "g2"}, ["early", "moved"]),
        ("link", {"guide": ""}, ["nobody"]),
        ("link", {"store": "s2"}, ["early", "moved"]),
        ("link", {"region": "east"}, ["late"]),
        ("link", {"campaign": "c1"}, ["late"]),
        ("link", {"touchpoint": "moments"}, ["early"]),
        ("link", {"guide": "g2", "disabled": "no"}, ["moved"]),
        ("link", {"find": "LAT"}, ["late"]),
        ("guide", {"region": "north"}, ["g2"]),
        ("guide", {"find": "李"}, ["g2"]),
        ("guide", {"disabled": "yes"}, ["g2"]),
        ("store", {"region": "north"}, ["s2"]),
        ("store", {"find": "王府井"}, ["s2"]),
        ("campaign", {}, []),
    ],
)
def test_filters_choose_by_what_holds_now(kind: str, wanted: dict[str, str], expected: list[str]) -> None:
    found = select(STATE, kind, wanted, NOW)
    assert [thing.code if isinstance(thing, Link) else thing.id for thing in found] == expected


def test_a_filter_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InputError, match="disabled"):
        select(STATE, "link", {"disabled": "maybe"}, NOW)
