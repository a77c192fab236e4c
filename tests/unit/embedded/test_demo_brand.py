from collections import Counter
from random import Random

from schemas.registry import DESTINATION_KINDS, TOUCHPOINTS
from stream.embedded.demo.brand import demo_brand
from stream.embedded.demo.people import Crowd, Tap

CODES = tuple(link.code for link in demo_brand(1, 0).links)


def taps(seed: int, count: int, hour: int = 20) -> list[Tap]:
    crowd = Crowd(Random(seed), CODES, qr_codes=frozenset(CODES[3::5]))
    return [crowd.tap(hour) for _ in range(count)]


def test_the_brand_has_regions_stores_guides_and_links_that_refer_to_each_other() -> None:
    brand = demo_brand(7, 0)
    assert len({store.region_id for store in brand.stores}) == 4
    assert (len(brand.stores), len(brand.guides), len(brand.links)) == (12, 120, 600)
    assert {guide.store_id for guide in brand.guides} == {store.id for store in brand.stores}
    assert {link.owners[0].guide_id for link in brand.links} == {guide.id for guide in brand.guides}
    assert {link.campaign_id for link in brand.links} <= {campaign.id for campaign in brand.campaigns} | {""}
    assert len(set(CODES)) == 600


def test_names_are_chinese_and_words_are_the_domains() -> None:
    brand = demo_brand(7, 0)
    assert all("一" <= character <= "鿿" for guide in brand.guides for character in guide.name)
    assert {link.touchpoint for link in brand.links} <= TOUCHPOINTS
    assert {link.kind for link in brand.links} <= DESTINATION_KINDS


def test_the_same_seed_gives_the_same_brand_and_the_same_taps() -> None:
    assert demo_brand(3, 5) == demo_brand(3, 5)
    assert demo_brand(3, 5) != demo_brand(4, 5)
    assert [tap.target for tap in taps(3, 200)] == [tap.target for tap in taps(3, 200)]


def test_people_come_back_and_most_of_them_use_wechat() -> None:
    made = taps(5, 4000)
    people = Counter(id(tap.person) for tap in made if tap.person)
    assert any(count > 1 for count in people.values())
    wechat = sum(b"MicroMessenger" in tap.headers for tap in made)
    assert 0.6 < wechat / len(made) < 0.9


def test_bots_previews_prefetches_and_unknown_codes_are_among_the_taps() -> None:
    made = taps(6, 4000)
    assert any(b"Baiduspider" in tap.headers for tap in made)
    assert any(b"TelegramBot" in tap.headers for tap in made)
    assert any(b"Sec-Purpose: prefetch" in tap.headers for tap in made)
    assert any(tap.method == b"HEAD" for tap in made)
    assert any(not tap.known for tap in made)
    assert any(tap.target.endswith(b"?q=1") for tap in made)


def test_night_people_tap_more_at_night_than_at_noon() -> None:
    def night_share(hour: int) -> float:
        people = [tap.person for tap in taps(8, 3000, hour) if tap.person]
        return sum(person.night for person in people) / len(people)

    assert night_share(3) > 2 * night_share(12)
