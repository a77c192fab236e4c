from prometheus_client import REGISTRY

from stream.edge.counters import Counters


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"guidestream_edge_{name}", labels) or 0.0


def state() -> list[float]:
    return [
        value("requests_total", outcome="redirected"),
        value("requests_total", outcome="unknown"),
        value("unknown_codes_total", kind="code"),
        value("request_seconds_bucket", le="0.0001"),
        value("request_seconds_bucket", le="0.001"),
        value("request_seconds_bucket", le="+Inf"),
        value("request_seconds_count"),
        value("request_seconds_sum"),
    ]


def test_what_was_counted_reaches_the_catalogue_once() -> None:
    before, counters = state(), Counters()
    counters.answered("redirected", 0.0001)
    counters.answered("redirected", 0.0009)
    counters.publish()
    counters.publish()
    counters.answered("unknown", 7.0)
    counters.unknown("code")
    counters.publish()
    grown = [after - earlier for earlier, after in zip(before, state(), strict=True)]
    assert grown == [2, 1, 1, 1, 2, 3, 3, grown[-1]]
    assert abs(grown[-1] - 7.001) < 1e-6
