from typing import get_args

from schemas.registry import Record
from stream.base.settings import load
from stream.privacy.kafka_copies import kept_until_ms

DAY_MS = 86_400_000


def test_copies_go_with_the_segment_they_are_in() -> None:
    settings = load({"GUIDESTREAM_KAFKA_RETENTION_HOURS": "48"})
    assert kept_until_ms(settings, 1_000, letters=False) == 1_000 + 9 * DAY_MS


def test_a_dead_letter_is_kept_longer() -> None:
    assert kept_until_ms(load({}), 1_001, letters=True) == 2_000 + (90 + 7) * DAY_MS


def test_no_record_of_the_registry_is_about_a_customer() -> None:
    # A new kind that is must be taken out by `guidestream erase`: a compacted topic forgets nothing by itself.
    kinds = {kind.__name__ for kind in get_args(Record)}
    assert kinds == {"Store", "Guide", "Campaign", "Link", "Numbers", "Salt", "ApiKey"}
