"""What a batch's events became: accepted, rejected or duplicate. Each offset ends in exactly one counter."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.rejects import Reject
from schemas.topics import RETRANSMITTED
from stream.base import metrics
from stream.base.errors import RejectLimitError
from stream.base.kafka_records import as_text, is_text
from stream.sink.rows import DeadLetter, Duplicate
from stream.worker.refusal import Refusal


def is_retransmitted(headers: Sequence[tuple[str, bytes]]) -> bool:
    """Whether a record was sent again after an unknown outcome."""
    return any(name == RETRANSMITTED for name, _ in headers)


def read_mark(headers: Sequence[tuple[str, bytes]]) -> bool:
    """Whether a record that has headers was sent again.

    Raises:
        Reject: no client but ours could read them.
    """
    for name, _ in headers:
        if not is_text(name):
            raise Reject("unreadable", f"the name of a header is not UTF-8: {as_text(name)}")
    return is_retransmitted(headers)


def dead_letter(record: Any, stage: str, reject: Reject) -> DeadLetter:
    """A record that was rejected, with all that is known of it."""
    return DeadLetter(
        offset=record.offset,
        append_ms=record.timestamp,
        key=record.key,
        value=record.value,
        headers=[(as_text(name), value or b"") for name, value in record.headers],
        stage=stage,
        reason=reject.reason,
        detail=reject.detail,
    )


def duplicates_in(
    event_ids: Sequence[str],
    offsets: Sequence[int],
    partition: int,
    suspects: Sequence[bool],
    known: Mapping[str, Sequence[tuple[int, int]]],
) -> list[Duplicate]:
    """Which suspects repeat an event of this batch or one that is known.

    A known row with the suspect's own offset, or one behind it in its partition, is a replay of it, not its original.

    Args:
        event_ids: ids of the batch's events, in order of their offsets.
        offsets: their offsets.
        partition: their partition.
        suspects: whether each is to be checked.
        known: rows that are there already, (partition, offset), by id.
    """
    if not known and len(set(event_ids)) == len(event_ids):  # as nearly always
        return []
    first: dict[str, int] = {}
    found: list[Duplicate] = []
    for event_id, offset, suspect in zip(event_ids, offsets, suspects, strict=True):
        original: tuple[int, int] | None = None
        if suspect:
            earlier = [row for row in known.get(event_id, ()) if row[0] != partition or row[1] < offset]
            if event_id in first:
                earlier.append((partition, first[event_id]))
            original = earlier[0] if earlier else None
        if original:
            found.append(Duplicate(offset, event_id, *original))
        else:
            first.setdefault(event_id, offset)
    return found


class RejectLimit:
    """Stops a worker that would reject more than a share of its input, before it writes any of it.

    A share is judged over a number of events, but from the first one on when the life before was stopped.
    """

    def __init__(self, share: float, events: int, refusal: Refusal) -> None:
        self._share = share
        self._events = events
        self._refusal = refusal
        self._suspected = refusal.stands()
        self._consumed = 0
        self._reasons: Counter[str] = Counter()

    def check(self, consumed: int, rejected: Sequence[DeadLetter]) -> None:
        """Count a batch that is about to be written.

        Raises:
            RejectLimitError: more than the share of the last events would go to dead letters.
        """
        self._consumed += consumed
        self._reasons.update(letter.reason for letter in rejected)
        if self._consumed < self._events and not self._suspected:
            return
        count = self._reasons.total()
        if count > self._share * self._consumed:
            reasons = ", ".join(f"{reason} {number}" for reason, number in self._reasons.most_common())
            error = RejectLimitError(
                f"{count} of the last {self._consumed} events would be rejected, more than worker.reject_limit "
                f"{self._share:g} allows ({reasons}): a producer of another version, or settings that do not fit it? "
                "Nothing of this batch was written; fix it, or raise GUIDESTREAM_WORKER_REJECT_LIMIT to let it pass"
            )
            self._refusal.put(str(error))
            raise error
        if self._consumed >= self._events:
            self._consumed = 0
            self._reasons.clear()
            if self._suspected:
                self._suspected = False
                self._refusal.lift()


class Fates:
    """Counters of one partition."""

    def __init__(self, topic: str, partition: int) -> None:
        labels = (topic, str(partition))
        self._labels = labels
        self._consumed = metrics.CONSUMED.labels(*labels)
        self._accepted = metrics.ACCEPTED.labels(*labels)
        self._duplicate = metrics.DUPLICATE.labels(*labels)
        self._batch = metrics.BATCH_EVENTS.labels(topic)

    def count(self, *, consumed: int, rejected: Sequence[DeadLetter], duplicates: int) -> None:
        """Count a batch that is in; what is neither rejected nor duplicate was accepted."""
        self._batch.observe(consumed)
        self._consumed.inc(consumed)
        self._accepted.inc(consumed - len(rejected) - duplicates)
        self._duplicate.inc(duplicates)
        for reason, number in Counter(letter.reason for letter in rejected).items():
            metrics.REJECTED.labels(*self._labels, reason).inc(number)
