"""Token buckets on a time line of their own."""

from stream.api.limits import Buckets


def test_a_burst_goes_through_and_then_the_rate_holds() -> None:
    buckets = Buckets(per_second=10, burst=20)
    assert [buckets.take("a", 5, 0.0) for _ in range(4)] == [0.0] * 4
    assert buckets.take("a", 5, 0.0) == 0.5
    assert buckets.take("a", 5, 0.4) > 0
    assert buckets.take("a", 5, 0.5) == 0.0
    assert buckets.take("a", 20, 1000.0) == 0.0
    assert buckets.take("a", 1, 1000.0) == 0.1


def test_what_is_refused_costs_nothing() -> None:
    buckets = Buckets(per_second=1, burst=2)
    buckets.take("a", 2, 0.0)
    assert all(buckets.take("a", 2, 1.0) == 1.0 for _ in range(100))
    assert buckets.take("a", 2, 2.0) == 0.0


def test_everybody_has_a_bucket_of_their_own_in_bounded_memory() -> None:
    buckets = Buckets(per_second=1, burst=1, most_keys=100)
    for number in range(10_000):
        assert buckets.take(str(number), 1, 0.0) == 0.0
    assert buckets.take("9999", 1, 0.0) > 0
    assert len(buckets._young) + len(buckets._old) <= 200


def test_more_than_a_bucket_holds_is_taken_as_a_full_one() -> None:
    buckets = Buckets(per_second=1, burst=10)
    assert buckets.take("a", 1_000, 0.0) == 0.0
    assert buckets.take("a", 1_000, 0.0) == 10.0
