"""Ids are remembered as long as promised, and never more than twice that."""

from stream.intake.recent import Recent


def test_the_last_ids_are_known_and_old_ones_are_forgotten() -> None:
    recent = Recent(100)
    digests = [recent.digest(f"事件-{number}") for number in range(1000)]
    for digest in digests:
        assert not recent.has(digest)
        recent.add(digest)
    assert all(map(recent.has, digests[-100:]))
    assert sum(map(recent.has, digests)) <= 200


def test_two_processes_tell_ids_by_secrets_of_their_own() -> None:
    assert Recent(1).digest("a") != Recent(1).digest("a")
    assert Recent(0).has(b"") is False
