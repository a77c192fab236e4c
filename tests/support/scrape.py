"""What a running process shows on /metrics."""

from collections import Counter
from collections.abc import Iterable

import httpx
from prometheus_client.parser import text_string_to_metric_families

from stream.base.runfile import Running

Labels = tuple[str, ...]


class Scrape:
    """One look at the metrics of several processes; series of the same name and labels add up."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._samples = [
            sample for text in texts for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def by(self, name: str, *labels: str) -> Counter[Labels]:
        """Values of a series, `guidestream_` left out of its name, summed by these labels; zeros are left out."""
        found: Counter[Labels] = Counter()
        for sample in self._samples:
            if sample.name == f"guidestream_{name}" and sample.value:
                found[tuple(sample.labels[label] for label in labels)] += int(sample.value)
        return found


async def scrape(*processes: Running) -> Scrape:
    """Ask each of them once."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answers = [await client.get(f"http://{one.admin_host}:{one.admin_port}/metrics") for one in processes]
    return Scrape(answer.raise_for_status().text for answer in answers)
